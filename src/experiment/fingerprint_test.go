package experiment

import (
	"encoding/json"
	"testing"
)

// TestFingerprint holds what makes two experiments the same, and what does not.
func TestFingerprint(t *testing.T) {
	of := func(text string) string {
		t.Helper()
		var e Experiment // as a record holds it
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			t.Fatal(err)
		}
		print, err := e.Fingerprint()
		if err != nil {
			t.Fatal(err)
		}
		return print
	}
	const base = `{"Provider": "local", "Seed": 1, "SubExperiments": [{"Title": "a", "Type": "burst", "Bursts": 10,
		"BurstSizes": [1], "IATSeconds": 3, "Arrivals": "/here/trace.csv#f", "Body": "@/here/a.bin"}]}`
	for name, c := range map[string]struct {
		text string
		same bool
	}{
		"seed, title, thresholds, plots": {`{"Provider": "local", "Seed": 2, "SubExperiments": [{"Title": "b",
			"Type": "burst", "Bursts": 10, "BurstSizes": [1], "IATSeconds": 3, "Arrivals": "/here/trace.csv#f",
			"Body": "@/here/a.bin", "Thresholds": {"errors": 0}, "Visualization": "all"}]}`, true},
		"keys at their defaults": {`{"Provider": "local", "Seed": 1, "Sequential": false, "SubExperiments": [{
			"Title": "a", "Type": "burst", "Bursts": 10, "BurstSizes": [1], "IATSeconds": 3, "FillerPlacement": "back",
			"Architecture": "amd64", "Arrivals": "/here/trace.csv#f", "Body": "@/here/a.bin"}]}`, true},
		"other folders": {`{"Provider": "local", "Seed": 1, "SubExperiments": [{"Title": "a", "Type": "burst",
			"Bursts": 10, "IATSeconds": 3, "Arrivals": "/else/where/trace.csv#f", "Body": "@/else/a.bin"}]}`, true},
		"another file": {`{"Provider": "local", "Seed": 1, "SubExperiments": [{"Title": "a", "Type": "burst",
			"Bursts": 10, "IATSeconds": 3, "Arrivals": "/here/other.csv#f", "Body": "@/here/a.bin"}]}`, false},
		"a pause": {`{"Provider": "local", "Seed": 1, "SubExperiments": [{"Title": "a", "Type": "burst", "Bursts": 10,
			"IATSeconds": 4, "Arrivals": "/here/trace.csv#f", "Body": "@/here/a.bin"}]}`, false},
		"a provider": {`{"Provider": "aws", "Seed": 1, "SubExperiments": [{"Title": "a", "Type": "burst", "Bursts": 10,
			"IATSeconds": 3, "Arrivals": "/here/trace.csv#f", "Body": "@/here/a.bin"}]}`, false},
		"one after the other": {`{"Provider": "local", "Sequential": true, "SubExperiments": [{"Title": "a",
			"Type": "burst", "Bursts": 10, "IATSeconds": 3, "Arrivals": "/here/trace.csv#f",
			"Body": "@/here/a.bin"}]}`, false},
		"one more": {`{"Provider": "local", "Seed": 1, "SubExperiments": [{"Title": "a", "Type": "burst", "Bursts": 10,
			"IATSeconds": 3, "Arrivals": "/here/trace.csv#f", "Body": "@/here/a.bin"}, {"Type": "burst"}]}`, false},
	} {
		if got := of(c.text) == of(base); got != c.same {
			t.Errorf("%s: same %v, want %v", name, got, c.same)
		}
	}
}
