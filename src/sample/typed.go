package sample

import (
	"math"
	"strconv"
	"time"
)

// Kind is the type of a column's values.
type Kind int8

// The types of values.
const (
	TextKind    Kind = iota
	IntegerKind      // whole numbers
	NumberKind       // numbers with decimals
	BoolKind
	TimeKind // instants, to the nanosecond
)

// Field describes a column of a table for formats that have types.
type Field struct {
	Name     string // as in the CSV file, with its unit
	Kind     Kind
	Decimals int  // of a number as text; -1: as many as it takes to read the same number back
	Unique   bool // nearly every row has its own text
}

// Value is one cell of a table. The zero Value is an empty cell. Which member has the value follows from the kind of
// its column.
type Value struct {
	Known   bool // the cell is not empty
	Text    string
	Integer int64 // of a bool: 0 or 1
	Number  float64
	Time    time.Time
}

// TextValue is a cell with a text; an empty text is an empty cell.
func TextValue(text string) Value { return Value{Known: text != "", Text: text} }

// IntegerValue is a cell with a whole number.
func IntegerValue(n int64) Value { return Value{Known: true, Integer: n} }

// NumberValue is a cell with a number; NaN is an empty cell.
func NumberValue(v float64) Value {
	if math.IsNaN(v) {
		return Value{}
	}
	return Value{Known: true, Number: v}
}

// BoolValue is a cell with true or false.
func BoolValue(is bool) Value {
	v := Value{Known: true}
	if is {
		v.Integer = 1
	}
	return v
}

// TimeValue is a cell with an instant; the zero time is an empty cell.
func TimeValue(t time.Time) Value { return Value{Known: !t.IsZero(), Time: t} }

// MillisValue is a cell with milliseconds, rounded to µs as in CSV; a negative duration (None) is an empty cell. The
// number is the one that its text with three decimals is read as.
func MillisValue(d time.Duration) Value {
	if d < 0 {
		return Value{}
	}
	return Value{Known: true, Number: float64(wholeMicros(d)) / 1000}
}

// AppendText appends a value as CSV has it, not quoted. An empty cell appends nothing.
func (f Field) AppendText(b []byte, v Value) []byte {
	if !v.Known {
		return b
	}
	switch f.Kind {
	case IntegerKind:
		return strconv.AppendInt(b, v.Integer, 10)
	case NumberKind:
		return strconv.AppendFloat(b, v.Number, 'f', f.Decimals, 64)
	case BoolKind:
		return strconv.AppendBool(b, v.Integer != 0)
	case TimeKind:
		return v.Time.UTC().AppendFormat(b, timeLayout)
	}
	return append(b, v.Text...)
}

// Fields describes the columns of latencies.csv, in order.
func Fields() []Field {
	cols := columns()
	fields := make([]Field, len(cols))
	for i, c := range cols {
		fields[i] = Field{Name: c.name, Kind: c.kind, Decimals: c.decimals, Unique: c.unique}
	}
	return fields
}

// Typed makes typed cells of the rows of one file. It is not safe for concurrent use.
type Typed struct {
	cols    []column
	present []bool
	memos   []memo
}

// Typed is for the rows of a reader's file: a column that the file does not have is empty in all rows.
func (r *Reader) Typed() *Typed {
	t := &Typed{cols: columns()}
	t.present, t.memos = make([]bool, len(t.cols)), make([]memo, len(t.cols))
	for i, known := range t.cols {
		for _, c := range r.cols {
			t.present[i] = t.present[i] || c.name == known.name
		}
	}
	return t
}

// Append appends the cells of a row, in the order of Fields.
func (t *Typed) Append(dst []Value, s *Sample) []Value {
	for i := range t.cols {
		var v Value
		if t.present[i] {
			v = t.cols[i].value(&t.memos[i], s)
		}
		dst = append(dst, v)
	}
	return dst
}

// countValue is a cell with a count; zero says whether 0 is a value or means that there is none.
func countValue(n int64, zero bool) Value {
	if n == 0 && !zero {
		return Value{}
	}
	return IntegerValue(n)
}

func coldValue(_ *memo, s *Sample) Value {
	if s.Cold == Unknown {
		return Value{}
	}
	return BoolValue(s.Cold == Yes)
}

// desiredValue is a Go duration, as text.
func desiredValue(m *memo, s *Sample) Value {
	if s.Desired < 0 {
		return Value{}
	}
	if m.text == "" || s.Desired != m.span {
		m.span, m.text = s.Desired, s.Desired.String()
	}
	return TextValue(m.text)
}
