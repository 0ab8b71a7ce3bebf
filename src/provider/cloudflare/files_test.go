package cloudflare

import (
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

func TestWorkersComputeForAsLongAsTheyAreAskedTo(t *testing.T) {
	for times, want := range map[string]int64{"": 0, "25s": 0, "26s": 52_000, "1ms 40s": 80_000, "4m": 300_000} {
		r := &run.Run{Experiment: &experiment.Experiment{SubExperiments: []experiment.SubExperiment{
			{DesiredServiceTimes: strings.Fields(times)}}}}
		var got int64
		if l := cpuLimit(r, &run.Function{}); l != nil {
			got = l.CPUMs
		}
		if got != want {
			t.Errorf("%q: %d ms, want %d", times, got, want)
		}
	}
}
