package microtest

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/vhive-serverless/STeLLAR/src/reportline"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// Entry is what one line of a log says. What it does not say is left out.
type Entry struct {
	Line int `json:"line"` // of the input, from 1

	// What faas_measure's clients write before a function's results.
	RunID    *int   `json:"rd_id,omitempty"`
	SubRunID *int   `json:"subrd_id,omitempty"`
	Tasks    *int   `json:"task_no,omitempty"`
	Worker   *int   `json:"work_id,omitempty"`
	Region   string `json:"region,omitempty"`
	Runtime  string `json:"runtime,omitempty"`
	MemoryMB int    `json:"memory,omitempty"`
	Function string `json:"func_name,omitempty"`

	Cmds     *sample.Cmds `json:"cmds,omitempty"`
	Idle     *float64     `json:"uptime_idle,omitempty"` // s, the second number of /proc/uptime
	Stamps   []float64    `json:"cpuu_stamps,omitempty"` // Unix ms
	Sent     *float64     `json:"sent,omitempty"`        // Unix ms, the client's clock
	Received *float64     `json:"received,omitempty"`
	Latency  *float64     `json:"latency,omitempty"` // ms
	Error    string       `json:"error,omitempty"`   // what the function answered in place of results
	Report   *Report      `json:"report,omitempty"`
}

// Report is a REPORT line. Durations are in ms.
type Report struct {
	RequestID string   `json:"request_id"`
	Duration  float64  `json:"duration"`
	Billed    float64  `json:"billed_duration"`
	MemoryMB  int      `json:"memory_size"`
	MaxMemory int      `json:"max_memory_used,omitempty"`
	Init      *float64 `json:"init_duration,omitempty"`
	Restore   *float64 `json:"restore_duration,omitempty"`
	Status    string   `json:"status,omitempty"`
	ErrorType string   `json:"error_type,omitempty"`
}

// mostWrong is how many lines that cannot be read are named.
const mostWrong = 10

// Decode reads lines of older functions and of their clients, REPORT lines, log tails in base64, and answers of
// functions in JSON, each line on its own or a file of one JSON value. Lines of a log that say nothing of a request are
// left out. The error names the lines that are nothing of this.
func Decode(in io.Reader) ([]Entry, error) {
	text, err := io.ReadAll(in)
	if err != nil {
		return nil, err
	}
	d := &decoder{}
	if trimmed := bytes.TrimSpace(text); json.Valid(trimmed) && bytes.ContainsRune(trimmed, '\n') {
		d.line = 1
		d.add(string(trimmed))
	} else {
		lines := bufio.NewScanner(bytes.NewReader(text))
		lines.Buffer(nil, len(text)+1)
		for lines.Scan() {
			d.line++
			d.add(lines.Text())
		}
		if err := lines.Err(); err != nil {
			return nil, err
		}
	}
	if d.skipped > 0 {
		d.wrong = append(d.wrong, fmt.Errorf("and %d more", d.skipped))
	}
	return d.out, errors.Join(d.wrong...)
}

type decoder struct {
	line    int
	out     []Entry
	wrong   []error
	skipped int // wrong lines that are not named
}

func (d *decoder) add(line string) {
	line = strings.TrimSpace(line)
	entries, err := decodeLine(line)
	for i := range entries {
		entries[i].Line = d.line
	}
	d.out = append(d.out, entries...)
	if err == nil {
		return
	}
	if len(d.wrong) == mostWrong {
		d.skipped++
		return
	}
	d.wrong = append(d.wrong, fmt.Errorf("line %d: %w", d.line, err))
}

var errForm = errors.New("want results joined by # that end in start#end#elapsed, a REPORT line, a log tail in " +
	"base64, or a function's answer in JSON")

func decodeLine(line string) ([]Entry, error) {
	switch {
	case line == "" || isLogLine(line):
		return nil, nil
	case strings.Contains(line, reportBegins):
		return reportEntry(line)
	case strings.ContainsRune(`{"[`, rune(line[0])) && json.Valid([]byte(line)):
		return decodeJSON([]byte(line))
	case strings.Contains(line, "#"):
		e, err := older(line)
		return []Entry{e}, err
	}
	if tail, ok := logTail(line); ok {
		return decodeLines(tail)
	}
	return nil, fmt.Errorf("%q: %w", clip(line), errForm)
}

// decodeLines reads a log, in which a function may have printed anything.
func decodeLines(text string) (out []Entry, err error) {
	for line := range strings.Lines(text) {
		if strings.Contains(line, reportBegins) {
			entries, err := reportEntry(strings.TrimSpace(line))
			if err != nil {
				return nil, err
			}
			out = append(out, entries...)
		}
	}
	if len(out) == 0 {
		return nil, errors.New("the log has no REPORT line")
	}
	return out, nil
}

// isLogLine says whether a line is one that the platform writes beside the REPORT line.
func isLogLine(line string) bool {
	for _, begin := range []string{"START RequestId:", "END RequestId:", "INIT_START ", "EXTENSION", "TELEMETRY"} {
		if strings.HasPrefix(line, begin) {
			return true
		}
	}
	return false
}

// logTail decodes the last part of a log as Lambda's Invoke gives it with LogType Tail.
func logTail(line string) (string, bool) {
	text, err := base64.StdEncoding.DecodeString(line)
	ok := err == nil && utf8.Valid(bytes.ToValidUTF8(text, nil)) && bytes.Contains(text, []byte("RequestId:"))
	return string(text), ok
}

const reportBegins = "REPORT RequestId:"

// reportKey is the beginning of a field. Consoles and copies put blanks in the place of the tabs before it.
var reportKey = regexp.MustCompile(`\s+(Billed Restore Duration|Restore Duration|Billed Duration|Init Duration|` +
	`Pull Duration|Queue Duration|Duration|Memory Size|Max Memory Used|Status|Error Type|Ended|Instance|Cold|` +
	`XRAY TraceId|SegmentId|Sampled): `)

func reportEntry(line string) ([]Entry, error) {
	line = line[strings.Index(line, reportBegins):]
	r, ok := reportline.Parse(reportKey.ReplaceAllString(line, "\t$1: "))
	if !ok {
		return nil, fmt.Errorf("%q: its numbers cannot be read", clip(line))
	}
	ms := func(v time.Duration) float64 { return float64(v) / 1e6 }
	e := Report{RequestID: r.RequestID, Duration: ms(r.Duration), Billed: ms(r.Billed), MemoryMB: r.MemoryMB,
		MaxMemory: r.MaxMemory, Status: r.Status, ErrorType: r.ErrorClass}
	if r.Init > 0 {
		init := ms(r.Init)
		e.Init = &init
	}
	if r.Restore > 0 {
		restore := ms(r.Restore)
		e.Restore = &restore
	}
	return []Entry{{Report: &e}}, nil
}

// decodeJSON reads what functions and the Invoke API answer.
func decodeJSON(text []byte) ([]Entry, error) {
	var line string
	if json.Unmarshal(text, &line) == nil {
		return decodeLine(strings.TrimSpace(line)) // the payload of an older function
	}
	var all []json.RawMessage
	if json.Unmarshal(text, &all) == nil {
		var out []Entry
		for i, one := range all {
			entries, err := decodeJSON(one)
			if err != nil {
				return out, fmt.Errorf("element %d: %w", i, err)
			}
			out = append(out, entries...)
		}
		return out, nil
	}
	var answer struct {
		LogResult    string
		Body         *string
		Cmds         json.RawMessage
		ErrorMessage *string
	}
	_ = json.Unmarshal(text, &answer) // what is not of this form has none of them
	switch tail, ok := logTail(answer.LogResult); {
	case ok && answer.LogResult != "":
		return decodeLines(tail)
	case answer.Body != nil:
		return decodeLine(strings.TrimSpace(*answer.Body))
	case answer.Cmds != nil:
		c, err := Read(text)
		return []Entry{{Cmds: c, Stamps: stampsOf(answer.Cmds)}}, err
	case answer.ErrorMessage != nil:
		return []Entry{{Error: clip(*answer.ErrorMessage)}}, nil
	}
	return nil, fmt.Errorf("%q: %w", clip(string(text)), errForm)
}

func stampsOf(cmds []byte) []float64 {
	var c struct{ CPUU []float64 }
	_ = json.Unmarshal(cmds, &c) // a test that failed has none
	return c.CPUU
}
