package export

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// kinds has a column of each kind, and rows with awkward values and empty cells.
func kinds() Table {
	at := time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.FixedZone("", 3600))
	return Table{
		Fields: []sample.Field{{Name: "Z text"}, {Name: "A (ms)", Kind: sample.NumberKind, Decimals: 3},
			{Name: "Count", Kind: sample.IntegerKind}, {Name: "Cold", Kind: sample.BoolKind},
			{Name: "Sent At", Kind: sample.TimeKind}, {Name: "Request ID", Unique: true}},
		Each: func(do func([]sample.Value) error) error {
			for _, row := range [][]sample.Value{
				{sample.TextValue("a,\"b\"\n|<é\x00\xff"), sample.MillisValue(12345600), sample.IntegerValue(-3),
					sample.BoolValue(true), sample.TimeValue(at), sample.TextValue("id-1")},
				{{}, {}, {}, {}, {}, {}},
				{sample.TextValue("a"), sample.MillisValue(0), sample.IntegerValue(0), sample.BoolValue(false),
					sample.TimeValue(at.Add(1)), sample.TextValue("id-2")},
			} {
				if err := do(row); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func TestCSV(t *testing.T) {
	var out bytes.Buffer
	if err := CSV(&out, kinds()); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&out).ReadAll()
	want := [][]string{{"Z text", "A (ms)", "Count", "Cold", "Sent At", "Request ID"},
		{"a,\"b\"\n|<é\x00\xff", "12.346", "-3", "true", "2026-03-01T11:00:00.123456789Z", "id-1"},
		{"", "", "", "", "", ""}, {"a", "0.000", "0", "false", "2026-03-01T11:00:00.123456790Z", "id-2"}}
	if err != nil || !reflect.DeepEqual(rows, want) {
		t.Errorf("%v\n%q, want\n%q", err, rows, want)
	}
}

func TestJSON(t *testing.T) {
	var out bytes.Buffer
	if err := JSON(&out, kinds()); err != nil {
		t.Fatal(err)
	}
	var rows []map[string]any
	if err := json.Unmarshal(out.Bytes(), &rows); err != nil {
		t.Fatalf("%v in\n%s", err, out.String())
	}
	want := []map[string]any{
		{"Z text": "a,\"b\"\n|<é\x00\ufffd", "A (ms)": 12.346, "Count": -3.0, "Cold": true,
			"Sent At": "2026-03-01T11:00:00.123456789Z", "Request ID": "id-1"},
		{"Z text": nil, "A (ms)": nil, "Count": nil, "Cold": nil, "Sent At": nil, "Request ID": nil},
		{"Z text": "a", "A (ms)": 0.0, "Count": 0.0, "Cold": false, "Sent At": "2026-03-01T11:00:00.123456790Z",
			"Request ID": "id-2"}}
	if !reflect.DeepEqual(rows, want) || strings.Count(out.String(), "\n") != 5 {
		t.Errorf("%v in\n%s", rows, out.String())
	}
	out.Reset()
	if err := JSON(&out, Table{Each: func(func([]sample.Value) error) error { return nil }}); err != nil ||
		out.String() != "[\n]\n" {
		t.Errorf("of no rows: %q, %v", out.String(), err)
	}
}

func TestMarkdown(t *testing.T) {
	table := kinds()
	table.Fields = append(table.Fields, sample.Field{Name: "Empty"})
	all := table.Each
	table.Each = func(do func([]sample.Value) error) error {
		return all(func(row []sample.Value) error { return do(append(row, sample.Value{})) })
	}
	var out bytes.Buffer
	if err := Markdown(&out, table); err != nil {
		t.Fatal(err)
	}
	const want = "| Z text | A (ms) | Count | Cold | Sent At | Request ID |\n| --- | --: | --: | --- | --- | --- |\n" +
		"| a,\"b\" \\|&#60;é   | 12.346 | -3 | true | 2026-03-01T11:00:00.123456789Z | id-1 |\n" +
		"|  |  |  |  |  |  |\n| a | 0.000 | 0 | false | 2026-03-01T11:00:00.123456790Z | id-2 |\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

// A Parquet file has the table's columns in its order and with its types, and null for empty cells.
func TestParquet(t *testing.T) {
	var out bytes.Buffer
	if err := Parquet(&out, kinds(), "1.2.3"); err != nil {
		t.Fatal(err)
	}
	f, err := parquet.OpenFile(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	var columns []string
	for _, c := range f.Root().Columns() {
		columns = append(columns, c.Name()+" "+c.Type().String())
		if !c.Optional() {
			t.Errorf("column %s may not be null", c.Name())
		}
	}
	if got := strings.Join(columns, "; "); got != "Z text STRING; A (ms) DOUBLE; Count INT(64,true); Cold BOOLEAN; "+
		"Sent At TIMESTAMP(isAdjustedToUTC=true,unit=NANOS); Request ID STRING" {
		t.Errorf("columns %s", got)
	}
	rows := make([]parquet.Row, 4)
	n, _ := f.RowGroups()[0].Rows().ReadRows(rows)
	if n != 3 {
		t.Fatalf("%d rows", n)
	}
	nanos := time.Date(2026, 3, 1, 11, 0, 0, 123456789, time.UTC).UnixNano()
	first, last := rows[0], rows[2]
	if first[0].String() != "a,\"b\"\n|<é\x00\xff" || first[1].Double() != 12.346 || first[2].Int64() != -3 ||
		!first[3].Boolean() || first[4].Int64() != nanos || first[5].String() != "id-1" {
		t.Errorf("first row %v", first)
	}
	for i, v := range rows[1] {
		if !v.IsNull() || last[i].IsNull() {
			t.Errorf("column %d: %v and %v, want null and a value", i, v, last[i])
		}
	}
	if last[1].Double() != 0 || last[2].Int64() != 0 || last[3].Boolean() || last[4].Int64() != nanos+1 {
		t.Errorf("last row %v", last)
	}
}

// Rows that are more than one batch and one row group come back as they were.
func TestParquetOfManyRows(t *testing.T) {
	const rows = groupRows + 2*batchRows + 7
	table := Table{Fields: []sample.Field{{Name: "n", Kind: sample.IntegerKind}, {Name: "text"}},
		Each: func(do func([]sample.Value) error) error {
			row := make([]sample.Value, 2)
			for i := range rows {
				row[0], row[1] = sample.IntegerValue(int64(i)), sample.TextValue(strings.Repeat("x", i%5))
				if err := do(row); err != nil {
					return err
				}
			}
			return nil
		}}
	var out bytes.Buffer
	if err := Parquet(&out, table, ""); err != nil {
		t.Fatal(err)
	}
	f, err := parquet.OpenFile(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil || len(f.RowGroups()) != 2 || f.NumRows() != rows {
		t.Fatalf("%v, %d row groups, %d rows", err, len(f.RowGroups()), f.NumRows())
	}
	at := 0
	for _, group := range f.RowGroups() {
		in, buf := group.Rows(), make([]parquet.Row, 1000)
		for {
			n, err := in.ReadRows(buf)
			for _, row := range buf[:n] {
				if row[0].Int64() != int64(at) || row[1].IsNull() != (at%5 == 0) || len(row[1].ByteArray()) != at%5 {
					t.Fatalf("row %d is %v", at, row)
				}
				at++
			}
			if err != nil {
				break
			}
		}
	}
	if at != rows {
		t.Errorf("%d rows, want %d", at, rows)
	}
}

type brokenDisk struct{}

func (brokenDisk) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestErrorsOfWriterAndRows(t *testing.T) {
	broken := Table{Each: func(func([]sample.Value) error) error { return errors.New("torn row") }}
	for name, write := range map[string]func(Table) error{
		"csv":      func(t Table) error { return CSV(brokenDisk{}, t) },
		"json":     func(t Table) error { return JSON(brokenDisk{}, t) },
		"markdown": func(t Table) error { return Markdown(brokenDisk{}, t) },
		"parquet":  func(t Table) error { return Parquet(brokenDisk{}, t, "") },
	} {
		if err := write(kinds()); err == nil || !strings.Contains(err.Error(), "disk full") {
			t.Errorf("%s on a full disk: %v", name, err)
		}
		if err := write(broken); err == nil || !strings.Contains(err.Error(), "torn row") {
			t.Errorf("%s of a broken table: %v", name, err)
		}
	}
}
