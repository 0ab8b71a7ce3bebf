package pagetest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/analyze/history"
	"github.com/vhive-serverless/STeLLAR/src/report/page"
)

// Weeks are 52 runs, one a week, of which those of weeks 7, 29 and 41 failed. The first sub-experiment has cold and
// warm requests, the second one is a server of which nobody knows that. Runs differ by 2 % in their medians and by 5 %
// in their tails. From a week on, warm requests of the first one take so many times as long. The same seed gives the
// same runs.
func Weeks(seed uint64, step int, factor float64) []history.Run {
	rng := rand.New(rand.NewPCG(seed, 5))
	around := func(ms, sd float64) analyze.Value { return analyze.Of(ms * math.Exp(sd*rng.NormFloat64())) }
	split := func(n int, ms float64) analyze.Split {
		s := analyze.Split{Count: n, P50: around(ms, 0.02), P99: around(1.8*ms, 0.05)}
		s.CI50 = analyze.Interval{Low: analyze.Of(s.P50.V * 0.97), High: analyze.Of(s.P50.V * 1.03)}
		return s
	}
	var runs []history.Run
	for week := range 52 {
		at := time.Date(2026, 1, 5, 3, 0, 0, 0, time.UTC).AddDate(0, 0, 7*week)
		r := history.Run{ID: fmt.Sprintf("week-%02d", week), Started: at,
			Facts: []history.Fact{{Name: "stellar", Value: map[bool]string{true: "v1", false: "v2"}[week < 30]}}}
		if week == 7 || week == 29 || week == 41 {
			r.Failed = "failed: the platform did not answer"
		}
		warm := 10.0
		if week >= step {
			warm *= factor
		}
		first := analyze.Summary{Count: 600, Cold: split(200, 120), Warm: split(400, warm)}
		server := split(500, 2)
		second := analyze.Summary{Count: 500, P50: server.P50, P99: server.P99, CI50: server.CI50}
		r.Subs = []history.Sub{{Title: "function " + Hostile, Stats: first}, {Title: "server", Stats: second}}
		runs = append(runs, r)
	}
	return runs
}

// History is the page of a year with one step of 10 % in its thirtieth week.
func History() page.History {
	return page.History{History: history.New(Weeks(1, 30, 1.1), history.Options{Smallest: 0.01}), Version: "test",
		Provider: "local",
		Written:  began(), LeftOut: []page.Fact{{Name: "other " + Hostile, Value: "another experiment"}}}
}
