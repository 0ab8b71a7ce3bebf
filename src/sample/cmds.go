package sample

import (
	"io"
	"math"
	"strconv"
	"strings"
)

// CmdsFile is the name of the file of micro-tests in a sub-experiment's folder.
const CmdsFile = "cmds.csv"

// Cmds are the results of the micro-tests of one request. Those that were not asked for are nil, and so are those that
// failed: Errors says why. The names in JSON are those of the function protocol.
type Cmds struct {
	SleepTill *float64          `json:"sleep_till,omitempty"` // ms that it waited
	Sleep     *float64          `json:"sleep,omitempty"`      // ms that it waited
	Stat      *Stat             `json:"stat,omitempty"`
	IO        []IORound         `json:"io,omitempty"`
	Net       *Net              `json:"net,omitempty"`
	CPU       *float64          `json:"cpu,omitempty"` // ms that n! took
	CPUU      *CPUShare         `json:"cpuu,omitempty"`
	Other     map[string]string `json:"other,omitempty"` // of other tests: their JSON
	Errors    map[string]string `json:"errors,omitempty"`
	Start     *float64          `json:"start_time,omitempty"`   // Unix ms, the function's clock
	End       *float64          `json:"end_time,omitempty"`     // likewise
	Elapsed   *float64          `json:"elapsed_time,omitempty"` // ms, all tests together
}

// Stat is what an instance says of itself and its machine. What its system does not tell is empty.
type Stat struct {
	ExistID    string   `json:"exist_id"` // of the instance, drawn by its first stat
	NewID      string   `json:"new_id"`   // of this request; equal to ExistID on a new instance
	VMID       string   `json:"vm_id"`
	InstID     string   `json:"inst_id"`
	VMPrivIP   string   `json:"vm_priv_ip"`
	VMPubIP    string   `json:"vm_pub_ip"`
	InstPrivIP string   `json:"inst_priv_ip"`
	Uptime     *float64 `json:"uptime"` // s
	CPUInfo    string   `json:"cpu_info"`
}

// IORound is one round of writes.
type IORound struct {
	Seconds float64 `json:"time"`
	Speed   float64 `json:"speed"` // bytes a second, as exactly as the function says it
}

// Net is what iperf3 says of the sender.
type Net struct {
	BPS   float64 `json:"bps"`   // bits a second
	MeanR float64 `json:"meanr"` // round trip in µs, as are the others
	MinR  float64 `json:"minr"`
	MaxR  float64 `json:"maxr"`
}

// CPUShare is what the timestamps of cpuu say: how much of the time the function had a processor.
type CPUShare struct {
	Stamps  int      `json:"stamps"`
	Span    float64  `json:"span"`    // ms from the first to the last
	Gaps    int      `json:"gaps"`    // in which the function had no processor
	Longest float64  `json:"longest"` // gap in ms; 0: there is none
	Share   *float64 `json:"share"`   // from 0 to 1; nil: the span is too short for one
	Error   *float64 `json:"error"`   // of Share, either way; nil: there are too few gaps for one
}

// CmdColumn is a column of cmds.csv after those that say which request it is.
type CmdColumn struct {
	Name string
	Unit string // of a number, "1" where it has none; empty: a text, or a number that no statistics are made of
	test string // whose it is; empty: of all
	cell func(w *Writer, c *Cmds, round int)
}

// cmdKey are the columns that say which request a row is of, with the names that they have in latencies.csv.
func cmdKey() []column {
	return named([]string{"Request ID", "Sent At", "Endpoint", "Instance ID", "Burst ID", "Round", "Slot", "Warmup",
		"Cold", "Error"})
}

// named are columns of latencies.csv.
func named(names []string) []column {
	all := columns()
	out := make([]column, 0, len(names))
	for _, name := range names {
		for _, c := range all {
			if c.name == name {
				out = append(out, c)
			}
		}
	}
	return out
}

// CmdColumns are the columns of micro-tests, in the order of the tests. A test that this tool does not know has one
// column, with its JSON.
func CmdColumns(tests []string) []CmdColumn {
	var out []CmdColumn
	for _, test := range tests {
		known := false
		for _, c := range knownCmdColumns() {
			if c.test == test {
				out, known = append(out, c), true
			}
		}
		if !known {
			out = append(out, textOfCmds(test, func(c *Cmds) string { return c.Other[test] }))
		}
		out = append(out, textOfCmds(test+".error", func(c *Cmds) string { return c.Errors[test] }))
	}
	return append(out,
		numberColumn("", "start_time", "", func(c *Cmds) *float64 { return c.Start }),
		numberColumn("", "end_time", "", func(c *Cmds) *float64 { return c.End }),
		numberColumn("", "elapsed_time", "ms", func(c *Cmds) *float64 { return c.Elapsed }))
}

func knownCmdColumns() []CmdColumn {
	all := []CmdColumn{
		numberColumn("sleep_till", "sleep_till", "ms", func(c *Cmds) *float64 { return c.SleepTill }),
		numberColumn("sleep", "sleep", "ms", func(c *Cmds) *float64 { return c.Sleep }),
		statColumn("exist_id", func(s *Stat) string { return s.ExistID }),
		statColumn("new_id", func(s *Stat) string { return s.NewID }),
		statColumn("vm_id", func(s *Stat) string { return s.VMID }),
		statColumn("inst_id", func(s *Stat) string { return s.InstID }),
		statColumn("vm_priv_ip", func(s *Stat) string { return s.VMPrivIP }),
		statColumn("vm_pub_ip", func(s *Stat) string { return s.VMPubIP }),
		statColumn("inst_priv_ip", func(s *Stat) string { return s.InstPrivIP }),
		numberColumn("stat", "stat.uptime", "s", func(c *Cmds) *float64 {
			if c.Stat == nil {
				return nil
			}
			return c.Stat.Uptime
		}),
		statColumn("cpu_info", func(s *Stat) string { return s.CPUInfo }),
		ioColumn("round", "", func(_ *IORound, round int) float64 { return float64(round) }),
		ioColumn("time", "s", func(r *IORound, _ int) float64 { return r.Seconds }),
		ioColumn("speed", "B/s", func(r *IORound, _ int) float64 { return r.Speed }),
	}
	for _, n := range []struct {
		name, unit string
		of         func(*Net) float64
	}{
		{"bps", "bit/s", func(n *Net) float64 { return n.BPS }},
		{"meanr", "µs", func(n *Net) float64 { return n.MeanR }},
		{"minr", "µs", func(n *Net) float64 { return n.MinR }},
		{"maxr", "µs", func(n *Net) float64 { return n.MaxR }},
	} {
		all = append(all, numberColumn("net", "net."+n.name, n.unit, func(c *Cmds) *float64 {
			if c.Net == nil {
				return nil
			}
			v := n.of(c.Net)
			return &v
		}))
	}
	all = append(all, numberColumn("cpu", "cpu", "ms", func(c *Cmds) *float64 { return c.CPU }))
	return append(all, shareColumns()...)
}

func shareColumns() []CmdColumn {
	var all []CmdColumn
	for _, n := range []struct {
		name, unit string
		of         func(*CPUShare) *float64
	}{
		{"stamps", "", func(s *CPUShare) *float64 { v := float64(s.Stamps); return &v }},
		{"span", "ms", func(s *CPUShare) *float64 { return &s.Span }},
		{"gaps", "1", func(s *CPUShare) *float64 { v := float64(s.Gaps); return &v }},
		{"longest_gap", "ms", func(s *CPUShare) *float64 {
			if s.Gaps == 0 {
				return nil
			}
			return &s.Longest
		}},
		{"share", "1", func(s *CPUShare) *float64 { return s.Share }},
		{"share_error", "", func(s *CPUShare) *float64 { return s.Error }},
	} {
		all = append(all, numberColumn("cpuu", "cpuu."+n.name, n.unit, func(c *Cmds) *float64 {
			if c.CPUU == nil {
				return nil
			}
			return n.of(c.CPUU)
		}))
	}
	return all
}

// numberColumn is a column of one number for each request. It stands in the first row of the request.
func numberColumn(test, name, unit string, of func(*Cmds) *float64) CmdColumn {
	return CmdColumn{Name: name, Unit: unit, test: test, cell: func(w *Writer, c *Cmds, round int) {
		if v := of(c); v != nil && round == 0 {
			w.number(*v)
		}
	}}
}

// textOfCmds is a column of one text for each request, likewise.
func textOfCmds(name string, of func(*Cmds) string) CmdColumn {
	return CmdColumn{Name: name, cell: func(w *Writer, c *Cmds, round int) {
		if round == 0 {
			w.text(of(c))
		}
	}}
}

func statColumn(name string, of func(*Stat) string) CmdColumn {
	c := textOfCmds("stat."+name, func(c *Cmds) string {
		if c.Stat == nil {
			return ""
		}
		return of(c.Stat)
	})
	c.test = "stat"
	return c
}

// ioColumn is a column with a cell for each round of io.
func ioColumn(name, unit string, of func(r *IORound, round int) float64) CmdColumn {
	return CmdColumn{Name: "io." + name, Unit: unit, test: "io", cell: func(w *Writer, c *Cmds, round int) {
		if round < len(c.IO) {
			w.number(of(&c.IO[round], round))
		}
	}}
}

// number writes a number with as many digits as it takes to read the same one back.
func (w *Writer) number(v float64) {
	if !math.IsNaN(v) && !math.IsInf(v, 0) {
		w.buf = strconv.AppendFloat(w.buf, v, 'f', -1, 64)
	}
}

// CmdsHeader is the first line of cmds.csv for micro-tests, without its line break.
func CmdsHeader(tests []string) string {
	c := CmdsWriter{key: cmdKey(), cols: CmdColumns(tests)}
	c.header(nil)
	return strings.TrimSuffix(string(c.w.buf), "\n")
}

// CmdsWriter writes cmds.csv: a row for each request, failed ones too, and a further row for each further round of io,
// in which only the key and the round's cells are filled. So every value stands in one cell. Rows gather until Flush
// makes them durable. It is not safe for concurrent use.
type CmdsWriter struct {
	w     Writer
	key   []column
	memos []memo
	cols  []CmdColumn
}

// NewCmdsWriter writes to out, header first.
func NewCmdsWriter(out io.Writer, tests []string) *CmdsWriter {
	c := &CmdsWriter{w: Writer{out: out, name: CmdsFile}, key: cmdKey(), cols: CmdColumns(tests)}
	c.header(nil)
	return c
}

// header adds the first line: the key, further columns, and those of the micro-tests.
func (c *CmdsWriter) header(further []string) {
	c.memos = make([]memo, len(c.key))
	for i, k := range c.key {
		if i > 0 {
			c.w.comma()
		}
		c.w.text(k.name)
	}
	for _, name := range further {
		c.w.comma().text(name)
	}
	for _, col := range c.cols {
		c.w.comma().text(col.Name)
	}
	c.w.buf = append(c.w.buf, '\n')
}

// CreateCmds makes a new file, durably; a file that exists is an error, for results are never overwritten.
func CreateCmds(path string, tests []string) (*CmdsWriter, error) {
	f, err := createNew(path)
	if err != nil {
		return nil, err
	}
	c := NewCmdsWriter(f, tests)
	c.w.name = path
	return c, c.w.establish(f, path)
}

// AppendRow adds a request's rows to the buffer. What is not known is empty.
func (c *CmdsWriter) AppendRow(s *Sample) { c.rows(s, nil) }

// rows adds a request's rows: the key, further cells, and those of the micro-tests.
func (c *CmdsWriter) rows(s *Sample, further []string) {
	results := s.Cmds
	if results == nil {
		results = &Cmds{}
	}
	for round := range max(len(results.IO), 1) {
		for i := range c.key {
			if i > 0 {
				c.w.comma()
			}
			c.key[i].write(&c.w, &c.memos[i], s)
		}
		for _, cell := range further {
			c.w.comma().text(cell)
		}
		for i := range c.cols {
			c.cols[i].cell(c.w.comma(), results, round)
		}
		c.w.buf = append(c.w.buf, '\n')
	}
}

// Flush writes the appended rows and syncs them to disk.
func (c *CmdsWriter) Flush() error { return c.w.Flush() }

// Close flushes, and closes the file that CreateCmds made.
func (c *CmdsWriter) Close() error { return c.w.Close() }
