package sample

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
)

// timeLayout is RFC 3339 in UTC with all nine digits of the nanoseconds, so that instants line up and sort as text.
const timeLayout = "2006-01-02T15:04:05.000000000Z07:00"

// olderColumns is how many columns the files of the original tool have; every file starts with them.
const olderColumns = 6

// column is one column of latencies.csv: its name, how a sample's cell is written and how it is read back.
type column struct {
	name  string
	write func(w *Writer, s *Sample)
	read  func(s *Sample, cell string) error
}

// columns lists latencies.csv in order. The first six keep the names and order that existing plotting scripts read.
func columns() []column {
	return slices.Concat(olderFormat(), placeColumns(), wireColumns(), functionColumns(), clientColumns())
}

func olderFormat() []column {
	return []column{
		textColumn("Request ID", func(s *Sample) *string { return &s.RequestID }),
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
		{"Error", func(w *Writer, s *Sample) { w.text(string(s.Err)) }, readClass},
		{"Response Bytes", writeBytes, func(s *Sample, cell string) (err error) {
			s.Bytes, err = parseCount(cell)
			return err
		}},
	}
}

func functionColumns() []column {
	return []column{
		{"Cold", writeCold, readCold},
		textColumn("Instance ID", func(s *Sample) *string { return &s.InstanceID }),
		{"Instance Invocation", func(w *Writer, s *Sample) { w.count(s.Invocation, false) },
			func(s *Sample, cell string) (err error) {
				s.Invocation, err = parseCount(cell)
				return err
			}},
		millisColumn("Init (ms)", func(s *Sample) *time.Duration { return &s.Init }),
		millisColumn("Service Time (ms)", func(s *Sample) *time.Duration { return &s.Service }),
		{"Desired Service Time", func(w *Writer, s *Sample) { w.duration(s.Desired) }, readDesired},
		timeColumn("Function Received At", func(s *Sample) *time.Time { return &s.FnReceived }),
	}
}

// clientColumns say what the client did, beside what it saw.
func clientColumns() []column {
	return []column{
		timeColumn("Released At", func(s *Sample) *time.Time { return &s.ReleasedAt }),
		millisColumn("Write Began (ms)", func(s *Sample) *time.Duration { return &s.WriteBegan }),
		millisColumn("Written (ms)", func(s *Sample) *time.Duration { return &s.Written }),
		textColumn("Suspect", func(s *Sample) *string { return &s.Suspect }),
	}
}

func textColumn(name string, field func(*Sample) *string) column {
	return column{name,
		func(w *Writer, s *Sample) { w.text(*field(s)) },
		func(s *Sample, cell string) error { *field(s) = cell; return nil }}
}

func timeColumn(name string, field func(*Sample) *time.Time) column {
	return column{name,
		func(w *Writer, s *Sample) { w.time(*field(s)) },
		func(s *Sample, cell string) (err error) {
			*field(s), err = parseTime(cell)
			return err
		}}
}

func millisColumn(name string, field func(*Sample) *time.Duration) column {
	return column{name,
		func(w *Writer, s *Sample) { w.millis(*field(s)) },
		func(s *Sample, cell string) (err error) {
			*field(s), err = parseMillis(cell)
			return err
		}}
}

// intColumn is a column of whole numbers; zero says whether a 0 is a value (it is written) or means that there is none.
func intColumn(name string, field func(*Sample) *int, zero bool) column {
	return column{name,
		func(w *Writer, s *Sample) { w.count(int64(*field(s)), zero) },
		func(s *Sample, cell string) error {
			n, err := parseCount(cell)
			if n > math.MaxInt32 {
				return fmt.Errorf("%q is too large", clip(cell))
			}
			*field(s) = int(n)
			return err
		}}
}

func boolColumn(name string, field func(*Sample) *bool, yes, no string) column {
	return column{name,
		func(w *Writer, s *Sample) {
			if *field(s) {
				w.text(yes)
			} else {
				w.text(no)
			}
		},
		func(s *Sample, cell string) error {
			if cell != yes && cell != no && cell != "" {
				return fmt.Errorf("%q is neither %s nor %s", clip(cell), yes, no)
			}
			*field(s) = cell == yes
			return nil
		}}
}

// writeBytes leaves the cell empty where no response came at all; an empty body is 0.
func writeBytes(w *Writer, s *Sample) { w.count(s.Bytes, s.Status != 0) }

func writeCold(w *Writer, s *Sample) {
	switch s.Cold {
	case Yes:
		w.text("true")
	case No:
		w.text("false")
	default:
		w.text("")
	}
}

func readCold(s *Sample, cell string) error {
	switch cell {
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

func readClass(s *Sample, cell string) error {
	c := Class(cell)
	if !slices.Contains(classes(), c) {
		return fmt.Errorf("%q is not an error class; the classes are %v", clip(cell), classes()[1:])
	}
	s.Err = c
	return nil
}

func classes() []Class {
	return []Class{OK, DNS, Connect, TLS, Timeout, Reset, HTTP5xx, HTTP4xx, Protocol, TooLarge}
}

func readDesired(s *Sample, cell string) error {
	if cell == "" {
		s.Desired = None
		return nil
	}
	d, err := time.ParseDuration(cell)
	if err != nil || d < 0 {
		return fmt.Errorf("%q is not a duration of 0 or more such as 100ms", clip(cell))
	}
	s.Desired = d
	return nil
}

func parseTime(cell string) (time.Time, error) {
	if cell == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, cell)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is not an RFC 3339 time", clip(cell))
	}
	t = t.UTC()
	if y := t.Year(); y < 1 || y > 9999 {
		return time.Time{}, fmt.Errorf("%q lies outside the years 1 to 9999", clip(cell))
	}
	return t, nil
}

// parseMillis reads milliseconds with any number of decimals, to the nearest nanosecond.
func parseMillis(cell string) (time.Duration, error) {
	if cell == "" {
		return None, nil
	}
	ms, err := strconv.ParseFloat(cell, 64)
	if err != nil || math.IsNaN(ms) || ms < 0 || ms > maxMillis {
		return None, fmt.Errorf("%q is not a number of milliseconds from 0 to %.0f", clip(cell), float64(maxMillis))
	}
	return time.Duration(math.Round(ms * 1e6)), nil
}

// maxMillis is about three years, far beyond any latency and well within what three decimals of a float64 keep exact.
const maxMillis = 1e11

func parseCount(cell string) (int64, error) {
	if cell == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(cell, 10, 64)
	if err != nil || n < 0 {
		if errors.Is(err, strconv.ErrRange) {
			return 0, fmt.Errorf("%q is too large", clip(cell))
		}
		return 0, fmt.Errorf("%q is not a whole number of 0 or more", clip(cell))
	}
	return n, nil
}

// clip shortens a cell for an error message: files are not trusted to be small.
func clip(cell string) string {
	if len(cell) > 60 {
		return cell[:60] + "…"
	}
	return cell
}
