package experiment

import (
	"encoding/json"
	"testing"
)

// TestEssence holds what makes two experiments the same, and what does not.
func TestEssence(t *testing.T) {
	of := func(text string) Essence {
		t.Helper()
		var e Experiment // as a record holds it
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			t.Fatal(err)
		}
		essence, err := e.Essence()
		if err != nil {
			t.Fatal(err)
		}
		return essence
	}
	const base = `{"Provider": "local", "Seed": 1, "SubExperiments": [{"Title": "a", "Type": "burst", "Bursts": 10,
		"BurstSizes": [1], "IATSeconds": 3, "Arrivals": "/here/trace.csv#f", "Body": "@/here/a.bin"}]}`
	for name, c := range map[string]struct {
		text   string
		unlike string // the first difference
	}{
		"seed, title, thresholds, plots": {`{"Provider": "local", "Seed": 2, "SubExperiments": [{"Title": "b",
			"Type": "burst", "Bursts": 10, "BurstSizes": [1], "IATSeconds": 3, "Arrivals": "/here/trace.csv#f",
			"Body": "@/here/a.bin", "Thresholds": {"errors": 0}, "Visualization": "all"}]}`, ""},
		"keys at their defaults": {`{"Provider": "local", "Seed": 1, "Sequential": false, "SubExperiments": [{
			"Title": "a", "Type": "burst", "Bursts": 10, "BurstSizes": [1], "IATSeconds": 3, "FillerPlacement": "back",
			"Architecture": "amd64", "Arrivals": "/here/trace.csv#f", "Body": "@/here/a.bin"}]}`, ""},
		"other folders": {`{"Provider": "local", "Seed": 1, "SubExperiments": [{"Title": "a", "Type": "burst",
			"Bursts": 10, "IATSeconds": 3, "Arrivals": "/else/where/trace.csv#f", "Body": "@/else/a.bin"}]}`, ""},
		"another file": {`{"Provider": "local", "Seed": 1, "SubExperiments": [{"Title": "a", "Type": "burst",
			"Bursts": 10, "IATSeconds": 3, "Arrivals": "/here/other.csv#f", "Body": "@/here/a.bin"}]}`, "SubExperiments[0].Arrivals \"other.csv#f\", not \"trace.csv#f\""},
		"a pause": {`{"Provider": "local", "Seed": 1, "SubExperiments": [{"Title": "a", "Type": "burst", "Bursts": 10,
			"IATSeconds": 4, "Arrivals": "/here/trace.csv#f", "Body": "@/here/a.bin"}]}`, "SubExperiments[0].IATSeconds 4, not 3"},
		"a provider": {`{"Provider": "aws", "Seed": 1, "SubExperiments": [{"Title": "a", "Type": "burst", "Bursts": 10,
			"IATSeconds": 3, "Arrivals": "/here/trace.csv#f", "Body": "@/here/a.bin"}]}`, "Provider by default, not \"local\""},
		"in turns": {`{"Provider": "local", "Order": "interleaved", "Sequential": true, "SubExperiments": [{"Title": "a",
			"Type": "burst", "Bursts": 10, "IATSeconds": 3, "Arrivals": "/here/trace.csv#f",
			"Body": "@/here/a.bin"}], "Repeat": 3}`, "Order interleaved, not parallel"},
		"one after the other": {`{"Provider": "local", "Sequential": true, "SubExperiments": [{"Title": "a",
			"Type": "burst", "Bursts": 10, "IATSeconds": 3, "Arrivals": "/here/trace.csv#f",
			"Body": "@/here/a.bin"}]}`, "Order sequential, not parallel"},
		"one more": {`{"Provider": "local", "Seed": 1, "SubExperiments": [{"Title": "a", "Type": "burst", "Bursts": 10,
			"IATSeconds": 3, "Arrivals": "/here/trace.csv#f", "Body": "@/here/a.bin"}, {"Type": "burst"}]}`, "SubExperiments 2, not 1"},
	} {
		e := of(c.text)
		unlike := e.Unlike(of(base))
		if same := e.Fingerprint() == of(base).Fingerprint(); same != (c.unlike == "") || same != (len(unlike) == 0) {
			t.Errorf("%s: same %v, differences %v", name, same, unlike)
		}
		if len(unlike) > 0 && unlike[0] != c.unlike {
			t.Errorf("%s: %q, want %q", name, unlike[0], c.unlike)
		}
	}
}
