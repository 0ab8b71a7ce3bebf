package sample

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// timeLayout is RFC 3339 in UTC with all nine digits of the nanoseconds, so that instants line up and sort as text.
const timeLayout = "2006-01-02T15:04:05.000000000Z07:00"

// olderColumns is the number of columns in files of the original tool; every file starts with them.
const olderColumns = 6

// column is one column of latencies.csv: its name, how a sample's cell is written and how it is read back. Both get the
// column's memo, because cells repeat. A cell is valid only until read returns.
type column struct {
	name   string
	write  func(w *Writer, m *memo, s *Sample)
	read   func(m *memo, s *Sample, cell []byte) error
	unique bool // nearly every row has its own text: not worth remembering, and Reader.OmitRequestIDs leaves it out

	kind     Kind
	decimals int // see Field
	value    func(m *memo, s *Sample) Value
}

// columns lists latencies.csv in order. The first six keep the names and order that existing plotting scripts read.
func columns() []column {
	return slices.Concat(olderFormat(), placeColumns(), wireColumns(), functionColumns(), clientColumns(),
		reportColumns())
}

func olderFormat() []column {
	return []column{
		idColumn("Request ID", func(s *Sample) *string { return &s.RequestID }),
		textColumn("Host", func(s *Sample) *string { return &s.Host }),
		timeColumn("Sent At", func(s *Sample) *time.Time { return &s.SentAt }),
		timeColumn("Received At", func(s *Sample) *time.Time { return &s.ReceivedAt }),
		millisColumn("Client Latency (ms)", func(s *Sample) *time.Duration { return &s.Latency }),
		intColumn("Burst ID", func(s *Sample) *int { return &s.Burst }, true),
	}
}

func placeColumns() []column {
	return []column{
		textColumn("Endpoint", func(s *Sample) *string { return &s.Endpoint }),
		intColumn("Round", func(s *Sample) *int { return &s.Round }, true),
		intColumn("Slot", func(s *Sample) *int { return &s.Slot }, true),
		intColumn("Burst Size", func(s *Sample) *int { return &s.BurstSize }, false),
		boolColumn("Warmup", func(s *Sample) *bool { return &s.Warmup }, "true", "false"),
		timeColumn("Planned At", func(s *Sample) *time.Time { return &s.PlannedAt }),
		millisColumn("Lateness (ms)", func(s *Sample) *time.Duration { return &s.Lateness }),
	}
}

func wireColumns() []column {
	return []column{
		boolColumn("Connection", func(s *Sample) *bool { return &s.NewConn }, "new", "reused"),
		millisColumn("DNS (ms)", func(s *Sample) *time.Duration { return &s.DNS }),
		millisColumn("Connect (ms)", func(s *Sample) *time.Duration { return &s.Connect }),
		millisColumn("TLS (ms)", func(s *Sample) *time.Duration { return &s.TLS }),
		millisColumn("Time To First Byte (ms)", func(s *Sample) *time.Duration { return &s.FirstByte }),
		intColumn("Status", func(s *Sample) *int { return &s.Status }, false),
		{name: "Error", write: func(w *Writer, _ *memo, s *Sample) { w.text(string(s.Err)) }, read: readClass,
			value: func(_ *memo, s *Sample) Value { return TextValue(string(s.Err)) }},
		{name: "Response Bytes", write: writeBytes, read: func(_ *memo, s *Sample, cell []byte) (err error) {
			s.Bytes, err = parseCount(cell)
			return err
		}, kind: IntegerKind, value: func(_ *memo, s *Sample) Value { return countValue(s.Bytes, s.Status != 0) }},
	}
}

func functionColumns() []column {
	return []column{
		{name: "Cold", write: writeCold, read: readCold, kind: BoolKind, value: coldValue},
		textColumn("Instance ID", func(s *Sample) *string { return &s.InstanceID }),
		{name: "Instance Invocation", write: func(w *Writer, _ *memo, s *Sample) { w.count(s.Invocation, false) },
			read: func(_ *memo, s *Sample, cell []byte) (err error) {
				s.Invocation, err = parseCount(cell)
				return err
			}, kind: IntegerKind, value: func(_ *memo, s *Sample) Value { return countValue(s.Invocation, false) }},
		millisColumn("Init (ms)", func(s *Sample) *time.Duration { return &s.Init }),
		millisColumn("Service Time (ms)", func(s *Sample) *time.Duration { return &s.Service }),
		{name: "Desired Service Time", write: func(w *Writer, m *memo, s *Sample) { w.duration(m, s.Desired) },
			read: readDesired, value: desiredValue},
		timeColumn("Function Received At", func(s *Sample) *time.Time { return &s.FnReceived }),
	}
}

// clientColumns are the columns on the client's own effects.
func clientColumns() []column {
	return []column{
		timeColumn("Released At", func(s *Sample) *time.Time { return &s.ReleasedAt }),
		millisColumn("Write Began (ms)", func(s *Sample) *time.Duration { return &s.WriteBegan }),
		millisColumn("Written (ms)", func(s *Sample) *time.Duration { return &s.Written }),
		textColumn("Suspect", func(s *Sample) *string { return &s.Suspect }),
	}
}

// reportColumns say how a row became cold, what the platform reports of it, and what follows from both; and which body
// and trace its request had.
func reportColumns() []column {
	return []column{
		{name: "Cold Start", write: func(w *Writer, _ *memo, s *Sample) { w.text(s.ColdStart) }, read: readColdStart,
			value: func(_ *memo, s *Sample) Value { return TextValue(s.ColdStart) }},
		millisColumn("Provider Duration (ms)", func(s *Sample) *time.Duration { return &s.ProviderDuration }),
		millisColumn("Billed Duration (ms)", func(s *Sample) *time.Duration { return &s.Billed }),
		millisColumn("Provider Init (ms)", func(s *Sample) *time.Duration { return &s.ProviderInit }),
		millisColumn("Restore (ms)", func(s *Sample) *time.Duration { return &s.Restore }),
		intColumn("Memory Size (MB)", func(s *Sample) *int { return &s.MemorySizeMB }, false),
		intColumn("Max Memory Used (MB)", func(s *Sample) *int { return &s.MaxMemoryMB }, false),
		millisColumn("Network (ms)", func(s *Sample) *time.Duration { return &s.Network }),
		millisColumn("Residual (ms)", func(s *Sample) *time.Duration { return &s.Residual }),
		millisColumn("Start (ms)", func(s *Sample) *time.Duration { return &s.Start }),
		millisColumn("First Request (ms)", func(s *Sample) *time.Duration { return &s.FirstRequest }),
		{name: "Cost (USD)", write: func(w *Writer, _ *memo, s *Sample) { w.cost(s.Cost) },
			read: func(_ *memo, s *Sample, cell []byte) (err error) {
				s.Cost, err = parseCost(cell)
				return err
			}, kind: NumberKind, decimals: -1, value: func(_ *memo, s *Sample) Value { return NumberValue(s.Cost) }},
		textColumn("Body", func(s *Sample) *string { return &s.Body }),
		idColumn("Trace ID", func(s *Sample) *string { return &s.TraceID }),
	}
}

// unreported says whether all cells of reportColumns are empty, as they are in most runs.
func unreported(s *Sample) bool {
	return s.ColdStart == "" && s.ProviderDuration < 0 && s.Billed < 0 && s.ProviderInit < 0 && s.Restore < 0 &&
		s.MemorySizeMB == 0 && s.MaxMemoryMB == 0 && s.Network < 0 && s.Residual < 0 && s.Start < 0 &&
		s.FirstRequest < 0 && !(s.Cost >= 0) && s.Body == "" && s.TraceID == ""
}

func textColumn(name string, field func(*Sample) *string) column {
	return column{name: name,
		write: func(w *Writer, m *memo, s *Sample) { w.repeated(m, *field(s)) },
		read:  func(m *memo, s *Sample, cell []byte) error { *field(s) = m.repeated(cell); return nil },
		value: func(_ *memo, s *Sample) Value { return TextValue(*field(s)) }}
}

// idColumn is a text column whose cells hardly repeat.
func idColumn(name string, field func(*Sample) *string) column {
	c := textColumn(name, field)
	c.unique = true
	c.write = func(w *Writer, _ *memo, s *Sample) { w.text(*field(s)) }
	c.read = func(m *memo, s *Sample, cell []byte) error { *field(s) = m.again(cell); return nil }
	return c
}

func timeColumn(name string, field func(*Sample) *time.Time) column {
	return column{name: name, kind: TimeKind, value: func(_ *memo, s *Sample) Value { return TimeValue(*field(s)) },
		write: func(w *Writer, m *memo, s *Sample) { w.time(m, *field(s)) },
		read: func(m *memo, s *Sample, cell []byte) (err error) {
			*field(s), err = m.parseTime(cell)
			return err
		}}
}

func millisColumn(name string, field func(*Sample) *time.Duration) column {
	return column{name: name, kind: NumberKind, decimals: 3,
		value: func(_ *memo, s *Sample) Value { return MillisValue(*field(s)) },
		write: func(w *Writer, _ *memo, s *Sample) { w.millis(*field(s)) },
		read: func(_ *memo, s *Sample, cell []byte) (err error) {
			*field(s), err = parseMillis(cell)
			return err
		}}
}

// intColumn is a column of whole numbers; zero says whether 0 is a value (it is written) or means that there is none.
func intColumn(name string, field func(*Sample) *int, zero bool) column {
	return column{name: name, kind: IntegerKind,
		value: func(_ *memo, s *Sample) Value { return countValue(int64(*field(s)), zero) },
		write: func(w *Writer, _ *memo, s *Sample) { w.count(int64(*field(s)), zero) },
		read: func(_ *memo, s *Sample, cell []byte) error {
			n, err := parseCount(cell)
			if n > math.MaxInt32 {
				return fmt.Errorf("%q is too large", clip(cell))
			}
			*field(s) = int(n)
			return err
		}}
}

// boolColumn is a column of two texts. In formats with types it is true or false where these are the texts.
func boolColumn(name string, field func(*Sample) *bool, yes, no string) column {
	kind, first, second := BoolKind, BoolValue(true), BoolValue(false)
	if yes != "true" {
		kind, first, second = TextKind, TextValue(yes), TextValue(no)
	}
	return column{name: name, kind: kind,
		value: func(_ *memo, s *Sample) Value {
			if *field(s) {
				return first
			}
			return second
		},
		write: func(w *Writer, _ *memo, s *Sample) {
			if *field(s) {
				w.buf = append(w.buf, yes...)
			} else {
				w.buf = append(w.buf, no...)
			}
		},
		read: func(_ *memo, s *Sample, cell []byte) error {
			is := string(cell) == yes
			if !is && string(cell) != no && len(cell) > 0 {
				return fmt.Errorf("%q is neither %s nor %s", clip(cell), yes, no)
			}
			*field(s) = is
			return nil
		}}
}

// writeBytes leaves the cell empty if no response came at all; an empty body is 0.
func writeBytes(w *Writer, _ *memo, s *Sample) { w.count(s.Bytes, s.Status != 0) }

func writeCold(w *Writer, _ *memo, s *Sample) {
	switch s.Cold {
	case Yes:
		w.buf = append(w.buf, "true"...)
	case No:
		w.buf = append(w.buf, "false"...)
	}
}

func readCold(_ *memo, s *Sample, cell []byte) error {
	switch string(cell) {
	case "true":
		s.Cold = Yes
	case "false":
		s.Cold = No
	case "":
		s.Cold = Unknown
	default:
		return fmt.Errorf("%q is neither true, false nor empty", clip(cell))
	}
	return nil
}

func readColdStart(_ *memo, s *Sample, cell []byte) error {
	switch string(cell) {
	case Forced:
		s.ColdStart = Forced
	case Idle:
		s.ColdStart = Idle
	case Missed:
		s.ColdStart = Missed
	case "":
		s.ColdStart = ""
	default:
		return fmt.Errorf("%q is neither %s, %s, %s nor empty", clip(cell), Forced, Idle, Missed)
	}
	return nil
}

func readClass(m *memo, s *Sample, cell []byte) error {
	if len(cell) == 0 {
		s.Err = OK
		return nil
	}
	c := Class(m.repeated(cell))
	if !slices.Contains(classes(), c) {
		return fmt.Errorf("%q is not an error class; the classes are %v", clip(cell), classes()[1:])
	}
	s.Err = c
	return nil
}

func classes() []Class {
	return []Class{OK, DNS, Connect, TLS, Timeout, Reset, HTTP5xx, HTTP4xx, Protocol, TooLarge, Refused, Function,
		Unexpected, Payload}
}

func readDesired(m *memo, s *Sample, cell []byte) error {
	if len(cell) == 0 {
		s.Desired = None
		return nil
	}
	if string(cell) == m.text { // text and span are of one cell
		s.Desired = m.span
		return nil
	}
	text := string(cell)
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return fmt.Errorf("%q is not a duration of 0 or more such as 100ms", clip(cell))
	}
	m.text, m.span = text, d
	s.Desired = d
	return nil
}
