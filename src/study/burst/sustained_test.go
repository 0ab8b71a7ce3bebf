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
		load func(*study.Env)
		want map[string]int // requests by endpoint and second
	}{
		{func(s *study.Env) {
			s.Sub.Arrivals, s.Sub.RatePerSecond, s.Sub.DurationSeconds = schedule.Constant, 100, 1.2
		}, map[string]int{"f3-0 0": 50, "f3-1 0": 50, "f3-0 1": 10, "f3-1 1": 10}},
		{func(s *study.Env) {
			s.Traces = []schedule.Trace{{Slot: time.Second, Counts: []int64{3, 5}}}
		}, map[string]int{"f3-0 0": 2, "f3-1 0": 1, "f3-0 1": 2, "f3-1 1": 3}},
		{func(s *study.Env) {
			s.Traces = []schedule.Trace{{Slot: time.Second, Counts: []int64{3, 0}},
				{Slot: time.Second, Counts: []int64{1, 4}}}
		}, map[string]int{"f3-0 0": 3, "f3-1 0": 1, "f3-1 1": 4}},
	} {
		s := environment(t, f.URL)
		s.Sub.Bursts, s.Sub.BurstSizes, s.Sub.WarmupBursts, s.Sub.MaxConnections = 0, nil, 0, 100
		s.Sub.Arrivals = "trace.csv"
		c.load(&s)
		result, err := measure(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		rows, torn, err := sample.ReadFile(latencies(s))
		if err != nil || torn != 0 || len(rows) != result.Rows || result.Outcome.Unsent != 0 {
			t.Fatalf("%d rows, torn %d, error %v, result %+v", len(rows), torn, err, result)
		}
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
