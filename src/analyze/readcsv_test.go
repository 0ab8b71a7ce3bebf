package analyze

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// TestReadCSV reads what WriteCSV has written.
func TestReadCSV(t *testing.T) {
	all := []Summary{
		summarize(t, mixed(60, 1), Identity{Index: 0, Title: "cold, \"quoted\""}),
		summarize(t, mixed(4000, 2), Identity{Index: 3, Title: "long"}),
		summarize(t, nil, Identity{Index: 4, Title: "empty"}),
		summarize(t, []sample.Sample{failed(0, sample.DNS)}, Identity{Index: 5, Title: "failed"}),
	}
	var out bytes.Buffer
	if err := WriteCSV(&out, all); err != nil {
		t.Fatal(err)
	}
	got, err := ReadCSV(&out)
	if err != nil || len(got) != len(all) {
		t.Fatalf("%d rows: %v", len(got), err)
	}
	for i, s := range all {
		s.Cold.CDF, s.Warm.CDF = CDF{}, CDF{}
		for _, part := range []*Split{&s.Cold, &s.Warm} {
			if part.Count == 0 { // nothing was asked of them
				part.CI50.Need, part.CI99.Need = MinSamples(Median), MinSamples(P99)
			}
		}
		want := []any{s.Index, s.Title, s.Count, s.Errors, s.P50, s.P99, s.CI50, s.CI99, s.Cold, s.Warm}
		r := got[i]
		read := []any{r.Index, r.Title, r.Count, r.Errors, r.P50, r.P99, r.CI50, r.CI99, r.Cold, r.Warm}
		if !reflect.DeepEqual(read, want) {
			t.Errorf("row %d:\n%+v\nwant\n%+v", i, read, want)
		}
	}
}

// TestReadCSVOfAnotherVersion reads files without the newer columns, and names what is no number.
func TestReadCSVOfAnotherVersion(t *testing.T) {
	const head = "Sub-experiment,Title,Count,50%ile,Cold Count,Cold 50%ile,Warm 50%ile\n"
	got, err := ReadCSV(strings.NewReader(head + "0,old,10,2.5,3,80.125,2.250\n"))
	if err != nil || len(got) != 1 {
		t.Fatalf("%v, %v", got, err)
	}
	if s := got[0]; s.Warm.Count != 7 || s.Cold.P50 != Of(80.125) || s.Warm.CI50.OK() || s.P99.OK {
		t.Errorf("%+v", s)
	}
	for text, want := range map[string]string{
		"":                              "its header",
		"a,b\n":                         `no column "Sub-experiment"`,
		head + "0,x,ten,2.5,3,1,1\n":    `line 2: column "Count": "ten"`,
		head + "0,x,10,NaN,3,1,1\n":     `line 2: column "50%ile": "NaN"`,
		head + "0,x,10,2.5,-3,1,1\n":    `column "Cold Count": "-3"`,
		head + "0,x,10,2.5\n":           "wrong number of fields",
		head + "0,\"x,10,2.5,-3,1,1\n ": "extraneous or missing",
	} {
		if _, err := ReadCSV(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
