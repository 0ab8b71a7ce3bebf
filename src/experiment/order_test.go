package experiment

import (
	"strings"
	"testing"
	"time"
)

// TestOrder: what Order, Repeat and Until may say, and what the plan comes to then.
func TestOrder(t *testing.T) {
	const two = `"SubExperiments": [{"Title": "a", "Bursts": 10, "IATSeconds": 1, "IATType": "deterministic",
		"DesiredServiceTimes": ["100ms"]}, {"Title": "b", "Bursts": 5, "Parallelism": 2, "IATSeconds": 2,
		"IATType": "deterministic"}]`
	const load = `"SubExperiments": [{"RatePerSecond": 5, "DurationSeconds": 5}]`
	for name, c := range map[string]struct {
		file, want string // want: a part of the error; empty: there is none
		order      string
		duration   time.Duration // of the estimate
		requests   int
	}{
		"nothing":     {two, "", OrderParallel, 10 * time.Second, 15},
		"old word":    {`"Sequential": true, ` + two, "", OrderSequential, 14 * time.Second, 15},
		"sequential":  {`"Order": "sequential", ` + two, "", OrderSequential, 14 * time.Second, 15},
		"agree":       {`"Sequential": false, "Order": "interleaved", ` + two, "", OrderInterleaved, 10 * time.Second, 15},
		"interleaved": {`"Order": "interleaved", ` + two, "", OrderInterleaved, 10 * time.Second, 15},
		// between repetitions there is the longest pause
		"repeated": {`"Repeat": 3, "Order": "interleaved", ` + two, "", OrderInterleaved, 34 * time.Second, 45},
		"contradicts": {`"Sequential": true, "Order": "interleaved", ` + two,
			`Order: found "interleaved" beside "Sequential": true`, "", 0, 0},
		"contradicts too": {`"Sequential": false, "Order": "sequential", ` + two,
			`Order: found "sequential" beside "Sequential": false`, "", 0, 0},
		"misspelt": {`"Order": "interleave", ` + two, `did you mean "interleaved"?`, "", 0, 0},
		"until":    {`"Until": {"p50_ci": "2%", "max_minutes": 30}, ` + two, "", OrderParallel, 10 * time.Second, 15},
		"no bound": {`"Until": {"p50_ci": "2%"}, ` + two, `Until.max_minutes: missing; want a number > 0`, "", 0, 0},
		"no share": {`"Until": {"max_minutes": 3}, ` + two,
			`Until.p50_ci: missing; want a share over 0% and up to 50%, such as "2%"`, "", 0, 0},
		"share":       {`"Until": {"p50_ci": "0.02", "max_minutes": 3}, ` + two, `want a share over 0%`, "", 0, 0},
		"wide share":  {`"Until": {"p50_ci": "51%", "max_minutes": 3}, ` + two, `want a share over 0%`, "", 0, 0},
		"no repeat":   {`"Repeat": 0, ` + two, `Repeat: found 0`, "", 0, 0},
		"load":        {`"Order": "interleaved", ` + load, `is a sustained load`, "", 0, 0},
		"load again":  {`"Repeat": 2, ` + load, `Repeat: repeating is for bursts`, "", 0, 0},
		"load, once":  {`"Repeat": 1, "Order": "sequential", ` + load, "", OrderSequential, 5 * time.Second, 25},
		"other types": {`"Order": "interleaved", "SubExperiments": [{"Type": "eviction"}]`, `has Type eviction`, "", 0, 0},
		"open": {`"Order": "interleaved", "SubExperiments": [{"Bursts": 3, "IATSeconds": 1, "Schedule": "open"}]`,
			`has Schedule open`, "", 0, 0},
	} {
		l, err := Parse("f.json", []byte(`{"Provider": "local", `+c.file+`}`), testProviders())
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: error %v, want %q in it", name, err, c.want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		e := l.Experiment
		est := e.Estimate()
		if e.Order != c.order || e.Sequential != (c.order == OrderSequential) || est.Requests != c.requests ||
			est.Duration != c.duration {
			t.Errorf("%s: order %s, sequential %v, estimate %+v", name, e.Order, e.Sequential, est)
		}
		roundTrip(t, l)
	}
}

// TestInterleavedPause: what others measure fills pauses.
func TestInterleavedPause(t *testing.T) {
	l, err := Parse("f.json", []byte(`{"Provider": "local", "Order": "interleaved", "SubExperiments": [
		{"Title": "a", "Bursts": 11, "IATSeconds": 1, "IATType": "deterministic"},
		{"Title": "b", "Bursts": 11, "DesiredServiceTimes": ["3s"]}]}`), testProviders())
	if err != nil {
		t.Fatal(err)
	}
	if e := l.Experiment.Estimate(); e.Duration != 33*time.Second || e.IATs != 0 {
		t.Errorf("estimate %+v", e)
	}
	until := Until{P50CI: "2.5%", MaxMinutes: 0.5}
	if until.Share() != 0.025 || until.Longest() != 30*time.Second {
		t.Errorf("share %v, longest %v", until.Share(), until.Longest())
	}
}
