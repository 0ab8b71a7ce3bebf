package study

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"stellar/src/probe/schedule"
	"stellar/src/sample"
)

// TestSustained: a rate is shared by the endpoints in turn, traces are each endpoint's own, and every row has its second.
func TestSustained(t *testing.T) {
	f := serve(t, http.StatusOK)
	for _, c := range []struct {
		load Load
		want map[string]int // requests by endpoint and second
	}{
		{Load{Arrivals: schedule.Constant, Rate: 100, Length: 1200 * time.Millisecond},
			map[string]int{"f3-0 0": 50, "f3-1 0": 50, "f3-0 1": 10, "f3-1 1": 10}},
		{Load{Arrivals: schedule.Traced, Traces: []schedule.Trace{{Slot: time.Second, Counts: []int64{3, 5}}}},
			map[string]int{"f3-0 0": 2, "f3-1 0": 1, "f3-0 1": 2, "f3-1 1": 3}},
		{Load{Arrivals: schedule.Traced, Traces: []schedule.Trace{{Slot: time.Second, Counts: []int64{3, 0}}, {Slot: time.Second, Counts: []int64{1, 4}}}},
			map[string]int{"f3-0 0": 3, "f3-1 0": 1, "f3-1 1": 4}},
	} {
		s := settings(t, f.URL)
		s.Bursts, s.BurstSizes, s.Warmup = 0, nil, 0
		c.load.MaxConnections = 100
		s.Load = &c.load
		result, err := Burst{}.Run(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		rows, torn, err := sample.ReadFile(result.File)
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
			t.Errorf("%+v: got %v, want %v", c.load, got, c.want)
		}
	}
}

// TestWarm: by Little's law, and never more than may be open.
func TestWarm(t *testing.T) {
	for _, c := range []struct {
		rate float64
		most int
		want int
	}{{1, 1000, 1}, {900, 1000, 473}, {1000, 100, 50}} { // two endpoints, 1 s of service time at most
		s := settings(t, "http://127.0.0.1:1")
		s.Load = &Load{Arrivals: schedule.Constant, Rate: c.rate, Length: time.Minute, MaxConnections: c.most}
		if got := s.sustained().Warm; got != c.want {
			t.Errorf("rate %g, at most %d: %d connections, want %d", c.rate, c.most, got, c.want)
		}
	}
}
