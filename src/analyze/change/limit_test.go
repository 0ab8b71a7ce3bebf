package change

import (
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
)

func TestParseLimit(t *testing.T) {
	for _, c := range []struct{ text, metrics, mistake string }{
		{text: "cold.p50>+5%", metrics: "cold.p50"},
		{text: " cold.p50 > 5 % ", metrics: "cold.p50"},
		{text: "p99>+20ms", metrics: "cold.p99 warm.p99 all.p99"},
		{text: "warm.mean<-2.5%", metrics: "warm.mean"},
		{text: "errors>+1pp", metrics: "errors"},
		{text: "cold.share<-10pp", metrics: "cold.share"},
		{text: "cost>+0%", metrics: "cost"},
		{text: "cold.p50", mistake: "is no limit"},
		{text: "cold.p50>=+5%", mistake: "is no limit"},
		{text: "cold.p50>+5", mistake: "is no limit"},
		{text: "cold.p42>+5%", mistake: "there is no metric cold.p42"},
		{text: "share>+5pp", mistake: "there is no metric share"},
		{text: "errors>+1%", mistake: "write errors>+1pp"},
		{text: "p50>+1pp", mistake: "percentage points are for shares"},
		{text: "cost>+1ms", mistake: "a cost is no time"},
		{text: "p50>-1%", mistake: "> takes a growth"},
		{text: "p50<+1%", mistake: "> takes a growth"},
	} {
		l, err := ParseLimit(c.text)
		if c.mistake != "" {
			if err == nil || !strings.Contains(err.Error(), c.mistake) {
				t.Errorf("%s: %v, want %q", c.text, err, c.mistake)
			}
			continue
		}
		if err != nil || strings.Join(l.metrics, " ") != c.metrics {
			t.Errorf("%s: metrics %v, error %v; want %s", c.text, l.metrics, err, c.metrics)
		}
	}
}

func between(value, low, high float64) analyze.Estimate {
	return analyze.Estimate{Value: analyze.Of(value), Low: analyze.Of(low), High: analyze.Of(high)}
}

// TestCheck has the four states: only an interval that is beyond as a whole, with a difference that the test finds,
// misses a limit; and what was not measured does.
func TestCheck(t *testing.T) {
	ok := analyze.Of(100)
	latency := func(verdict string, ratio analyze.Estimate) Change {
		return Change{Metric: "warm.p50", Unit: MS, A: analyze.Estimate{Value: ok}, B: analyze.Estimate{Value: ok},
			Ratio: ratio, Difference: between(1, 0.5, 1.5), Verdict: verdict, whole: 10}
	}
	few := latency(TooFew, analyze.Estimate{Value: analyze.Of(1.5)})
	few.MoreBursts = 7
	paid := Change{Metric: cost, Unit: USD, A: between(0, 0, 0), B: between(2, 1, 3), Difference: between(2, 1, 3),
		Verdict: Higher, whole: 10}
	gone := latency(NoData, analyze.Estimate{})
	gone.B = analyze.Estimate{}
	for _, c := range []struct {
		name, limit, state string
		change             Change
		more               int
	}{
		{"beyond", "warm.p50>+5%", Missed, latency(Slower, between(1.10, 1.06, 1.14)), 0},
		{"beyond, but the test finds nothing", "warm.p50>+5%", Undecided, latency(None, between(1.10, 1.06, 1.14)), 0},
		{"within", "warm.p50>+5%", Met, latency(Slower, between(1.02, 1.01, 1.04)), 0},
		{"between, a difference", "warm.p50>+5%", Undecided, latency(Slower, between(1.07, 1.03, 1.11)), 30},
		{"between, none", "warm.p50>+5%", Undecided, latency(None, between(1.01, 0.9, 1.13)), 80},
		{"faster", "warm.p50>+5%", Met, latency(Faster, between(0.5, 0.4, 0.6)), 0},
		{"falls beyond", "warm.p50<-5%", Missed, latency(Faster, between(0.90, 0.86, 0.94)), 0},
		{"falls within", "warm.p50<-5%", Met, latency(Slower, between(1.1, 1.06, 1.14)), 0},
		{"in ms", "warm.p50>+0.4ms", Missed, latency(Slower, between(1.1, 1.06, 1.14)), 0},
		{"in ms, within", "warm.p50>+1.6ms", Met, latency(Slower, between(1.1, 1.06, 1.14)), 0},
		{"too few", "warm.p50>+5%", Undecided, few, 7},
		{"no data", "warm.p50>+5%", Missed, gone, 0},
		{"free before", "cost>+5%", Missed, paid, 0},
		{"free before, a fall", "cost<-5%", Met, paid, 0},
		{"not there", "cold.p50>+5%", Missed, latency(Slower, between(1.1, 1.06, 1.14)), 0},
	} {
		l, err := ParseLimit(c.limit)
		if err != nil {
			t.Fatal(err)
		}
		got := l.Check([]Result{{B: "b", Subs: []Pair{{Title: "x", Changes: []Change{c.change}}}}})
		if len(got) != 1 || got[0].State != c.state || got[0].MoreBursts != c.more || got[0].Reason == "" {
			t.Errorf("%s: %+v, want %s and %d more bursts", c.name, got, c.state, c.more)
		}
	}
}

// TestCheckWithoutTheMetric: a limit on a metric that no sub-experiment has is missed, once, with what to use instead.
func TestCheckWithoutTheMetric(t *testing.T) {
	for limit, c := range map[string]struct{ has, want string }{
		"cold.p50>+5%":    {"all.p50", "does not say which requests are cold; there are all.p50"},
		"cold.share>+5pp": {"errors", "does not say which requests are cold"},
		"all.p99>+5%":     {"warm.p99", "use cold.p99 or warm.p99"},
		"cold.p99>+5%":    {"warm.p99", "too few requests, or none, were cold"},
		"cost>+5%":        {"all.p50", "--prices"},
	} {
		l, err := ParseLimit(limit)
		if err != nil {
			t.Fatal(err)
		}
		subs := []Pair{{Changes: []Change{{Metric: c.has}}}, {Changes: []Change{{Metric: c.has}}}}
		got := l.Check([]Result{{B: "b", Subs: subs}})
		if len(got) != 1 || got[0].State != Missed || !strings.Contains(got[0].Reason, c.want) {
			t.Errorf("%s: %+v, want %q", limit, got, c.want)
		}
	}
}

// TestCheckOfAMissingSubExperiment: what only the run has that is compared with misses every limit, because it was not
// measured; what only the other one has misses none.
func TestCheckOfAMissingSubExperiment(t *testing.T) {
	l, err := ParseLimit("errors>+1pp")
	if err != nil {
		t.Fatal(err)
	}
	both := Sub{Title: "x"}
	results := Compare(Side{Name: "a", Subs: []Sub{both}, Alone: []string{"gone"}},
		Side{Name: "b", Subs: []Sub{both}, Alone: []string{"new"}})
	results[0].Subs[0].Changes = []Change{{Metric: "errors", Unit: Points, A: between(0, 0, 0), B: between(0, 0, 0),
		Difference: between(0, 0, 0), Verdict: None}}
	got := l.Check(results)
	if len(got) != 2 || got[0].State != Met || got[1].State != Missed || got[1].Title != "gone" ||
		got[1].B != "b" || !strings.Contains(got[1].Reason, "no such sub-experiment") {
		t.Errorf("%+v, want one limit that is met and one that gone misses", got)
	}
}

// TestCheckOfAStoppedSubExperiment: what ended early in the run that is compared, and only there, misses every limit,
// although its few bursts decide nothing.
func TestCheckOfAStoppedSubExperiment(t *testing.T) {
	l, err := ParseLimit("errors>+1pp")
	if err != nil {
		t.Fatal(err)
	}
	whole, stopped := Sub{Title: "x"}, Sub{Title: "x", Stopped: "too many errors"}
	for _, c := range []struct {
		a, b  Sub
		state string
	}{{whole, stopped, Missed}, {stopped, stopped, Undecided}, {stopped, whole, Undecided}} {
		results := Compare(Side{Name: "a", Subs: []Sub{c.a}}, Side{Name: "b", Subs: []Sub{c.b}})
		results[0].Subs[0].Changes = []Change{{Metric: "errors", Unit: Points, A: between(0, 0, 0.2),
			B: between(1, 0.2, 1), Difference: between(1, -0.1, 1), Verdict: TooFew}}
		got := l.Check(results)
		if len(got) != 1 || got[0].State != c.state || (c.state == Missed) !=
			(got[0].Reason == "B stopped early: too many errors") {
			t.Errorf("A %q, B %q: %+v, want %s", c.a.Stopped, c.b.Stopped, got, c.state)
		}
	}
}
