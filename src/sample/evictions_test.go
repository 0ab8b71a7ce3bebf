package sample

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestEvictionsComeBack(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, EvictionsFile)
	want := []Eviction{
		{RequestID: "r,1", Endpoint: "f0-0", Planned: 1500 * time.Millisecond, Wait: 1501234 * time.Microsecond,
			Lived: Yes, Before: "a", After: "a", Cold: No, SentAt: time.Unix(1_800_000_000, 5).UTC()},
		{Endpoint: "f0-1", Planned: time.Second, Wait: time.Second, Before: "b", Err: Reset,
			SentAt: time.Unix(1_800_000_001, 0).UTC()},
		{RequestID: "r3", Endpoint: "f0-1", Planned: None, Wait: None, Lived: No, After: "c", Cold: Yes},
	}
	w, err := CreateEvictions(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		w.Append(&want[i])
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadEvictions(dir); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\ngot  %+v\nwant %+v", err, got, want)
	}
	if _, err := CreateEvictions(path); err == nil || !strings.Contains(err.Error(), "never overwritten") {
		t.Errorf("a second file: %v", err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	whole := string(text)
	for spoilt, says := range map[string]string{
		whole + "r4,f0-1,1.0":             "", // torn
		"Request ID\n":                    "the first line is not",
		whole + "r4,f0-1\nr5,f0-1\n":      "a row has 2 cells",
		whole + "r,f,x,1,,,,,,\n":         `"x" is not a number of seconds`,
		whole + "r,f,1,1,maybe,,,,,\n":    `"maybe" is neither`,
		whole + "r,f,1,1,,,,,tomorrow,\n": "is not an RFC 3339 time",
	} {
		if err := os.WriteFile(path, []byte(spoilt), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := ReadEvictions(dir)
		if says == "" && (err != nil || len(got) != len(want)) || says != "" && (err == nil ||
			!strings.Contains(err.Error(), says)) {
			t.Errorf("%q: %d rows, %v", spoilt[max(0, len(spoilt)-40):], len(got), err)
		}
	}
}
