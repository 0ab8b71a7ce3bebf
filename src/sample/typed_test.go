package sample

import (
	"bytes"
	"encoding/csv"
	"slices"
	"strings"
	"testing"
)

// Typed cells, written as text, are the cells of the file.
func TestTypedCellsAreThoseOfTheFile(t *testing.T) {
	var out bytes.Buffer
	w := NewWriter(&out)
	for _, s := range []Sample{full(), failed(), warm(), Empty(), bare(warm())} {
		w.AppendRow(&s)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	want, err := csv.NewReader(strings.NewReader(out.String())).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewReader(&out, "l.csv")
	if err != nil {
		t.Fatal(err)
	}
	fields, typed, n := Fields(), r.Typed(), 1
	for i, f := range fields {
		if f.Name != want[0][i] {
			t.Errorf("field %d is %q, the file's column %q", i, f.Name, want[0][i])
		}
	}
	if err := r.Each(func(s *Sample) {
		values := typed.Append(nil, s)
		for i, f := range fields {
			if got := string(f.AppendText(nil, values[i])); got != want[n][i] || values[i].Known != (got != "") {
				t.Errorf("row %d, %s: %q (known: %v), want %q", n, f.Name, got, values[i].Known, want[n][i])
			}
		}
		n++
	}); err != nil || n != len(want) {
		t.Errorf("%d rows, %v", n, err)
	}
}

// A file of the original tool has six columns: all others are empty, and none has a default.
func TestColumnsThatAFileDoesNotHaveAreEmpty(t *testing.T) {
	r, err := NewReader(strings.NewReader(older+"a,h,2026-03-01T12:00:00Z,,1.5,0\n"), "l.csv")
	if err != nil {
		t.Fatal(err)
	}
	var known []string
	typed := r.Typed()
	if err := r.Each(func(s *Sample) {
		for i, v := range typed.Append(nil, s) {
			if v.Known {
				known = append(known, Fields()[i].Name)
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	want := []string{"Request ID", "Host", "Sent At", "Client Latency (ms)", "Burst ID"}
	if !slices.Equal(known, want) {
		t.Errorf("cells in %q, want %q", known, want)
	}
}
