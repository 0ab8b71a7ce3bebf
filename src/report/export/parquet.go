package export

import (
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

const (
	// groupRows is the number of rows in a row group: what is held in memory, compressed, until it is written.
	groupRows = 256 << 10
	// batchRows is the number of rows that pass from row to column form at once.
	batchRows = 1 << 10
	// dictionaryBytes is the size from which on a column's texts are no longer collected in a dictionary.
	dictionaryBytes = 1 << 20
	// firstYear and lastYear are the first and last whole years that nanoseconds since 1970 reach in 64 bits.
	firstYear, lastYear = 1678, 2261
)

// Parquet writes a table as an Apache Parquet file, in bounded memory: columns have the names and the order of the
// table, texts are strings, whole numbers INT64, numbers DOUBLE, instants TIMESTAMP in UTC with nanoseconds, and all
// columns may be null, which an empty cell is. The version is that of the program that has made the file. The error is
// the writer's, or that of reading the rows.
func Parquet(w io.Writer, t Table, version string) (err error) {
	config, err := parquet.NewWriterConfig(parquet.NewSchema("stellar", newSchema(t.Fields)),
		parquet.CreatedBy("stellar", version, ""), parquet.Compression(&parquet.Zstd),
		parquet.DictionaryMaxBytes(dictionaryBytes))
	if err != nil {
		return fmt.Errorf("write Parquet: %w", err)
	}
	p := &columnsOut{out: parquet.NewGenericWriter[any](w, config), fields: t.Fields}
	p.values = make([][]parquet.Value, len(t.Fields))
	if err := t.Each(p.add); err != nil {
		return err
	}
	if err := errors.Join(p.flush(), p.out.Close()); err != nil {
		return fmt.Errorf("write Parquet: %w", err)
	}
	return nil
}

// schema is a group of columns in the order of the table; parquet.Group sorts them by name.
type schema struct {
	parquet.Group
	fields []parquet.Field
}

var _ parquet.Node = (*schema)(nil)

func newSchema(fields []sample.Field) schema {
	s := schema{Group: parquet.Group{}}
	at := map[string]int{}
	for i, f := range fields {
		s.Group[f.Name], at[f.Name] = parquet.Optional(node(f)), i
	}
	s.fields = make([]parquet.Field, len(fields))
	for _, f := range s.Group.Fields() {
		s.fields[at[f.Name()]] = f
	}
	return s
}

// Fields lists the columns in order.
func (s schema) Fields() []parquet.Field { return s.fields }

func node(f sample.Field) parquet.Node {
	switch f.Kind {
	case sample.IntegerKind:
		return parquet.Encoded(parquet.Int(64), &parquet.DeltaBinaryPacked)
	case sample.NumberKind:
		return parquet.Leaf(parquet.DoubleType)
	case sample.BoolKind:
		return parquet.Leaf(parquet.BooleanType)
	case sample.TimeKind:
		return parquet.Encoded(parquet.Timestamp(parquet.Nanosecond), &parquet.DeltaBinaryPacked)
	}
	if f.Unique {
		return parquet.Encoded(parquet.String(), &parquet.DeltaLengthByteArray)
	}
	return parquet.Encoded(parquet.String(), &parquet.RLEDictionary)
}

// columnsOut collects rows in columns, and writes them in row groups.
type columnsOut struct {
	out    *parquet.GenericWriter[any]
	fields []sample.Field
	values [][]parquet.Value // by column
	texts  []byte            // of values; it may move when it grows, what points to it does not
	rows   int               // collected
	group  int               // rows of the row group so far
}

func (p *columnsOut) add(row []sample.Value) error {
	for i, f := range p.fields {
		p.values[i] = append(p.values[i], p.value(i, f.Kind, &row[i]))
	}
	if p.rows++; p.rows < batchRows {
		return nil
	}
	return p.flush()
}

// value is a cell. An optional column has the definition level 1 where there is a value.
func (p *columnsOut) value(column int, kind sample.Kind, v *sample.Value) parquet.Value {
	if !v.Known {
		return parquet.NullValue().Level(0, 0, column)
	}
	var out parquet.Value
	switch kind {
	case sample.IntegerKind:
		out = parquet.Int64Value(v.Integer)
	case sample.NumberKind:
		out = parquet.DoubleValue(v.Number)
	case sample.BoolKind:
		out = parquet.BooleanValue(v.Integer != 0)
	case sample.TimeKind:
		if y := v.Time.Year(); y < firstYear || y > lastYear {
			return parquet.NullValue().Level(0, 0, column)
		}
		out = parquet.Int64Value(v.Time.UnixNano())
	default:
		start := len(p.texts)
		p.texts = append(p.texts, v.Text...)
		out = parquet.ByteArrayValue(p.texts[start:])
	}
	return out.Level(0, 1, column)
}

// flush passes what has been collected on, and ends the row group where it is large enough.
func (p *columnsOut) flush() error {
	for i, column := range p.out.ColumnWriters() {
		if _, err := column.WriteRowValues(p.values[i]); err != nil {
			return err
		}
		p.values[i] = p.values[i][:0]
	}
	p.group += p.rows
	p.rows, p.texts = 0, p.texts[:0]
	if p.group < groupRows {
		return nil
	}
	p.group = 0
	return p.out.Flush()
}
