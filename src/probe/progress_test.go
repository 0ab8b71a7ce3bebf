package probe

import (
	"math"
	"net/http"
	"testing"
	"time"
)

// TestHeartbeat: while a burst waits for an answer, the progress says how many it has; the answer comes once it has
// been said.
func TestHeartbeat(t *testing.T) {
	said := make(chan struct{})
	s, _ := serveHTTP(t, false, func(_ http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Slow") != "" {
			<-said
		}
	})
	var b book
	cfg := config(&b, s.URL)
	cfg.Targets = []Target{{Name: "f0", URL: s.URL}, {Name: "f1", URL: s.URL, Header: http.Header{"X-Slow": {"1"}}}}
	cfg.Bursts, cfg.beatEvery = 2, time.Millisecond
	var beats, others []Progress
	cfg.Progress = func(p Progress) {
		if p.Waiting == nil {
			others = append(others, p)
			return
		}
		if p.Waiting.Burst == 1 && len(beats) == 0 {
			beats = append(beats, p)
			close(said)
		}
	}
	if _, err := Run(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	size := cfg.BurstSize(0)
	if len(beats) != 1 || beats[0].Burst != 1 || beats[0].Waiting.Answered != 0 || beats[0].Waiting.Size != size ||
		beats[0].Waiting.For <= 0 || beats[0].Requests != size {
		t.Errorf("beats %+v, %+v", beats, beats[0].Waiting)
	}
	if len(others) != 2 || others[1].Median <= 0 || others[1].Requests != 2*size {
		t.Errorf("after bursts: %+v", others)
	}
}

func TestRoughMedian(t *testing.T) {
	var m roughMedian
	if m.value() != 0 {
		t.Errorf("of nothing: %s", m.value())
	}
	for i := 1; i <= 1001; i++ {
		m.add(time.Duration(i) * 100 * time.Microsecond)
	}
	if got := float64(m.value()) / float64(50100*time.Microsecond); math.Abs(got-1) > 0.01 {
		t.Errorf("%s, %g of the median", m.value(), got)
	}
	m = roughMedian{}
	m.add(0)
	m.add(24 * time.Hour)
	if got := m.value(); got > 2*time.Microsecond {
		t.Errorf("of two: %s", got)
	}
}

// TestRoughMedianClasses: every latency from 1 µs to an hour is within 1/128 of the middle of its class.
func TestRoughMedianClasses(t *testing.T) {
	for d := firstClass; d < time.Hour; d += max(d/1000, 1) {
		var m roughMedian
		m.add(d)
		if got := float64(m.value()) / float64(d); math.Abs(got-1) > 1./128 {
			t.Fatalf("%s is counted as %s", d, m.value())
		}
	}
}
