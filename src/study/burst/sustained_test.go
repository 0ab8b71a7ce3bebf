package burst

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/probe/schedule"
	"github.com/vhive-serverless/STeLLAR/src/sample"
	"github.com/vhive-serverless/STeLLAR/src/study"
)

// TestSustained: a rate is shared by the endpoints in turn, traces are each endpoint's own, and every row has its
// second.
func TestSustained(t *testing.T) {
	f := serve(t, http.StatusOK)
	for _, c := range []struct {
		length time.Duration
		load   func(*study.Env)
		want   map[string]int // requests by endpoint and second
	}{
		{1200 * time.Millisecond, func(s *study.Env) {
			s.Sub.Arrivals, s.Sub.RatePerSecond, s.Sub.DurationSeconds = schedule.Constant, 100, 1.2
		}, map[string]int{"f3-0 0": 50, "f3-1 0": 50, "f3-0 1": 10, "f3-1 1": 10}},
		{2 * time.Second, func(s *study.Env) {
			s.Traces = []schedule.Trace{{Slot: time.Second, Counts: []int64{3, 5}}}
		}, map[string]int{"f3-0 0": 2, "f3-1 0": 1, "f3-0 1": 2, "f3-1 1": 3}},
		{2 * time.Second, func(s *study.Env) {
			s.Traces = []schedule.Trace{{Slot: time.Second, Counts: []int64{3, 0}},
				{Slot: time.Second, Counts: []int64{1, 4}}}
		}, map[string]int{"f3-0 0": 3, "f3-1 0": 1, "f3-1 1": 4}},
	} {
		s, rows := sendAll(t, f.URL, c.length, c.load)
		got := map[string]int{}
		for _, r := range rows {
			got[fmt.Sprint(r.Endpoint, " ", r.Burst)]++
			if r.NewConn || r.Err != sample.OK {
				t.Errorf("row %+v", r)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%+v: got %v, want %v", s.Settings, got, c.want)
		}
	}
}

// sendAll measures a load of which every request is sent. Where the machine stands still for longer than a load may
// catch up, requests are not sent: then it has taken that long, and is measured once more.
func sendAll(t *testing.T, url string, length time.Duration, load func(*study.Env)) (study.Env, []sample.Sample) {
	t.Helper()
	const lead, catchUp, within = time.Second, time.Second, 2 * time.Minute
	for deadline := time.Now().Add(within); ; {
		s := environment(t, url)
		s.Sub.Bursts, s.Sub.BurstSizes, s.Sub.WarmupBursts, s.Sub.MaxConnections = 0, nil, 0, 100
		s.Sub.Arrivals = "trace.csv"
		load(&s)
		begun := time.Now()
		result, err := measure(t.Context(), s)
		took := time.Since(begun)
		if err != nil {
			t.Fatal(err)
		}
		rows, torn, err := sample.ReadFile(latencies(s))
		if err != nil || torn != 0 || len(rows) != result.Rows {
			t.Fatalf("%d rows, torn %d, error %v, result %+v", len(rows), torn, err, result)
		}
		if result.Outcome.Unsent == 0 {
			return s, rows
		}
		if took < lead+length+catchUp || time.Now().After(deadline) {
			t.Fatalf("not all was sent in %v: %+v", took, result)
		}
	}
}
