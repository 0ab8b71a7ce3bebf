package study

import (
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/probe/schedule"
)

// TestWarm: by Little's law, and never more than may be open.
func TestWarm(t *testing.T) {
	for _, c := range []struct {
		rate float64
		most int
		want int
	}{{1, 1000, 1}, {900, 1000, 473}, {1000, 100, 50}} { // two endpoints, 1 s of service time at most
		var e Env
		e.Sub = experiment.SubExperiment{
			Arrivals: schedule.Constant, RatePerSecond: c.rate, DurationSeconds: 60, MaxConnections: c.most,
			DesiredServiceTimes: []string{"0ms", "100ms", "1s"},
		}
		if got := e.sustained(2).Warm; got != c.want {
			t.Errorf("rate %g, at most %d: %d connections, want %d", c.rate, c.most, got, c.want)
		}
	}
}
