package history_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/analyze/changepoint"
	"github.com/vhive-serverless/STeLLAR/src/analyze/history"
	"github.com/vhive-serverless/STeLLAR/src/report/page/pagetest"
)

func options() history.Options { return history.Options{Smallest: 0.01} }

// told are the changes, as series and run.
func told(h history.History) map[string]string {
	out := map[string]string{}
	for _, s := range h.Series {
		for _, c := range s.Changes {
			out[fmt.Sprintf("%d %s %s", s.Sub, s.Part, s.Metric)] += fmt.Sprintf("%s %+.0f%% ", c.Since, 100*c.Share())
		}
	}
	return out
}

// TestOneStep has a step of 10 % in one series and three failed runs: the step is marked, nothing else is, and failed
// runs are gaps.
func TestOneStep(t *testing.T) {
	runs := pagetest.Weeks(1, 30, 1.1)
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(runs), func(i, j int) { runs[i], runs[j] = runs[j], runs[i] })
	h := history.New(runs, options())
	got := told(h)
	if got["0 warm p50"] != "week-30 +10% " {
		t.Errorf("the step: %q", got["0 warm p50"])
	}
	if tail := got["0 warm p99"]; !strings.HasPrefix(tail, "week-") || strings.Count(tail, "week") != 1 {
		t.Errorf("its tail: %q", tail)
	}
	if delete(got, "0 warm p50"); len(got) != 1 {
		t.Errorf("changes elsewhere: %v", got)
	}
	if len(h.Series) != 6 || h.Tests != 6 || h.Fewest != 10 {
		t.Errorf("%d series, %d tests, at least %d runs", len(h.Series), h.Tests, h.Fewest)
	}
	for _, s := range h.Series {
		for i, p := range s.Points {
			if gap := i == 7 || i == 29 || i == 41; p.Value.OK == gap || gap && (p.Low.OK || p.Requests > 0) {
				t.Errorf("%s %s, week %d: %+v", s.Part, s.Metric, i, p)
			}
		}
	}
	c := h.Series[2].Changes[0]
	if c.Before != "week-28" || !c.Worse || c.P > 0.001 || len(c.Beside) != 1 || c.Beside[0] != "stellar: v1 → v2" {
		t.Errorf("%+v", c)
	}
	if open := h.Open(); len(open) != 2 {
		t.Errorf("%d open changes", len(open))
	}
	if _, err := json.Marshal(h); err != nil {
		t.Error(err)
	}
}

// TestNoStep counts histories without a step in which a change is claimed anywhere.
func TestNoStep(t *testing.T) {
	alarms, found := 0, 0
	o := options()
	o.Tables = &changepoint.Tables{}
	for seed := range uint64(100) {
		if len(told(history.New(pagetest.Weeks(100+seed, 99, 1), o))) > 0 {
			alarms++
		}
		if seed >= 25 {
			continue
		}
		step := told(history.New(pagetest.Weeks(100+seed, 30, 1.1), o))
		if strings.Count(step["0 warm p50"], "week-") == 1 {
			found++
		}
	}
	t.Logf("false alarms in %d of 100 histories of 6 series; one step of 10 %% found in %d of 25", alarms, found)
	if alarms > 5 || found < 24 {
		t.Errorf("false alarms in %d of 100 histories, the step found in %d", alarms, found)
	}
}

// TestCheck holds which changes are open: those to the worse that have not gone again and are not known.
func TestCheck(t *testing.T) {
	worse := pagetest.Weeks(2, 30, 1.2)
	h := history.New(worse, options())
	known := h.Unacknowledged("x", "a new kernel")
	if len(known) != 2 || len(h.Open()) != 2 {
		t.Fatalf("%+v", known)
	}
	known[0].Started = known[0].Started.AddDate(0, 0, -20) // found a little elsewhere
	o := options()
	o.Acknowledged = known
	if h = history.New(worse, o); len(h.Open()) != 0 || h.Series[2].Changes[0].Acknowledged != "a new kernel" {
		t.Errorf("known changes are open: %+v", h.Open())
	}
	o.Acknowledged[0].Started = known[0].Started.AddDate(0, 0, -20)
	if h = history.New(worse, o); len(h.Open()) != 1 {
		t.Errorf("a change six weeks from a known one: %d open", len(h.Open()))
	}

	gone := pagetest.Weeks(3, 15, 1.2)
	for i := range gone[35:] {
		w := &gone[35+i].Subs[0].Stats.Warm
		w.P50, w.P99 = analyze.Of(w.P50.V/1.2), analyze.Of(w.P99.V/1.2)
	}
	if h = history.New(gone, options()); len(h.Open()) != 0 || told(h)["0 warm p50"] == "" {
		t.Errorf("%v", told(h))
	}
	if better := history.New(pagetest.Weeks(4, 30, 0.8), options()); len(better.Open()) != 0 || len(told(better)) == 0 {
		t.Errorf("a change to the better: %v", told(better))
	}
	if small := history.New(pagetest.Weeks(5, 30, 1.05), history.Options{Smallest: 0.1}); len(told(small)) != 0 {
		t.Errorf("a step of 5 %%, where 10 %% are the smallest: %v", told(small))
	}
}

// TestFewRuns says how many more it needs, and claims nothing.
func TestFewRuns(t *testing.T) {
	h := history.New(pagetest.Weeks(6, 4, 2)[:8], options())
	if len(told(h)) > 0 || h.Short() != 3 || h.Delay != 0 {
		t.Errorf("%v, %d more", told(h), h.Short())
	}
	if h := history.New(nil, options()); h.Newest() != nil || len(h.Series) > 0 || len(h.Open()) > 0 {
		t.Errorf("%+v", h)
	}
}

// TestTails has no p99 of under six requests, and no test of one that is the longest.
func TestTails(t *testing.T) {
	runs := pagetest.Weeks(7, 99, 1)
	for i := range runs {
		runs[i].Subs[0].Stats.Cold.Count = 5
		runs[i].Subs[0].Stats.Warm.Count = 99
	}
	h := history.New(runs, options())
	if p := h.Series[1].Points[0]; h.Series[1].Part != "cold" || p.Value.OK {
		t.Errorf("p99 of five: %+v", p)
	}
	if s := h.Series[3]; s.Untested == "" || !s.Points[0].Value.OK || h.Tests != 4 {
		t.Errorf("%+v, %d tests", s.Untested, h.Tests)
	}
}
