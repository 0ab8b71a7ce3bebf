package analyze

import (
	"bytes"
	"encoding/csv"
	"os"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// Every cell of statistics.csv has a value of its column's type, except those that say why there is no interval.
func TestReadStatistics(t *testing.T) {
	text, err := os.ReadFile("testdata/TestWriteCSV.golden")
	if err != nil {
		t.Fatal(err)
	}
	cells, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	fields, rows, err := ReadStatistics(bytes.NewReader(text), "statistics.csv")
	if err != nil || len(rows) != len(cells)-1 || len(fields) != len(Header()) {
		t.Fatalf("%d rows, %d fields, %v", len(rows), len(fields), err)
	}
	for n, row := range rows {
		for i, v := range row {
			cell := cells[n+1][i]
			reason := strings.HasPrefix(cell, "n<")
			if v.Known != (cell != "" && !reason) {
				t.Errorf("row %d, %s: %q is known: %v", n, fields[i].Name, cell, v.Known)
			}
			if v.Known && fields[i].Kind != sample.NumberKind && string(fields[i].AppendText(nil, v)) != cell {
				t.Errorf("row %d, %s: %+v, want %q", n, fields[i].Name, v, cell)
			}
		}
	}
	names := Header()
	for _, name := range append(append(textColumns(), wholeColumns()...), BriefColumns()...) {
		if !strings.Contains(","+strings.Join(names, ",")+",", ","+name+",") {
			t.Errorf("statistics.csv has no column %q", name)
		}
	}
	if _, _, err := ReadStatistics(strings.NewReader("a,b\n"), "x.csv"); fail.Code(err) != fail.CodeInput ||
		!strings.Contains(err.Error(), "x.csv") {
		t.Errorf("of another table: %v", err)
	}
	if _, _, err := ReadStatistics(strings.NewReader(""), "x.csv"); fail.Code(err) != fail.CodeInput {
		t.Errorf("of an empty file: %v", err)
	}
}

// The identity of a row of requests is that of the row of statistics.
func TestIdentityValues(t *testing.T) {
	id := Identity{Index: 2, Title: "a", Runtime: "go", MemoryMB: 128, ImageSizeMB: 10.5, IATSeconds: Of(0.25)}
	var out bytes.Buffer
	if err := WriteCSV(&out, []Summary{{Identity: id}}); err != nil {
		t.Fatal(err)
	}
	fields, rows, err := ReadStatistics(&out, "statistics.csv")
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range IdentityFields() {
		if fields[i] != f || rows[0][i] != id.Values()[i] {
			t.Errorf("%+v %+v, want %+v %+v", fields[i], rows[0][i], f, id.Values()[i])
		}
	}
}
