package change

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// TestIntervalsOfOneRun counts how often the intervals of a single run have the truth in them, with bursts whose
// requests are alike: two thirds of the variance of the logarithm are the burst's.
func TestIntervalsOfOneRun(t *testing.T) {
	const runs, bursts, size = 400, 120, 10
	truth := [2]float64{100, 100 * math.Exp(0.1*math.Sqrt(1.5)*2.3263478740408408)}
	rng := rand.New(rand.NewPCG(5, 6))
	var covered [2]int
	for range runs {
		c := NewCollector("")
		for b := range bursts {
			shared := 0.1 * rng.NormFloat64()
			for range size {
				ms := 100 * math.Exp(shared+0.1*math.Sqrt(0.5)*rng.NormFloat64())
				c.Add(&sample.Sample{Burst: b, Cold: sample.No, Status: 200,
					Latency: time.Duration(ms * float64(time.Millisecond))})
			}
		}
		sub, err := c.Sub()
		if err != nil {
			t.Fatal(err)
		}
		p50, p99 := sub.Intervals(analyze.WarmPart)
		for i, e := range []analyze.Estimate{p50, p99} {
			if !e.Low.OK || !e.High.OK {
				t.Fatalf("%+v has no interval", e)
			}
			if e.Low.V <= truth[i] && truth[i] <= e.High.V {
				covered[i]++
			}
		}
		if cold, tail := sub.Intervals(analyze.ColdPart); cold.Value.OK || tail.Value.OK {
			t.Fatalf("cold requests have %+v and %+v", cold, tail)
		}
	}
	for i, n := range covered {
		if share := float64(n) / runs; share < 0.92 || share > 0.985 { // 95 % and three standard deviations
			t.Errorf("percentile %d: %.3f of the intervals have the truth in them", []int{50, 99}[i], share)
		}
	}
	t.Logf("covered %v of %d", covered, runs)
}
