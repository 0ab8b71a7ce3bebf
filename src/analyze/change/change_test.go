package change

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
)

// server is a model of one: lognormal latencies (ms) whose bursts have something in common, which may last.
type server struct {
	median  float64
	between float64 // standard deviation of the logarithm that a burst has in common
	within  float64 // that of single requests
	memory  float64 // autocorrelation of neighbouring bursts
	spikes  float64 // share of requests that take three times as long
}

// measure makes a run of bursts of warm requests.
func (s server) measure(rng *rand.Rand, bursts, size int) Sub {
	list := make([]analyze.Burst, bursts)
	common := rng.NormFloat64()
	for i := range list {
		common = s.memory*common + math.Sqrt(1-s.memory*s.memory)*rng.NormFloat64()
		list[i].Number, list[i].Warm = i, size
		for range size {
			ms := s.median * math.Exp(s.between*common+s.within*rng.NormFloat64())
			if rng.Float64() < s.spikes {
				ms *= 3
			}
			list[i].Latencies = append(list[i].Latencies, ms)
		}
	}
	return Sub{Bursts: analyze.MakeBursts(list)}
}

func compare(a, b Sub) Pair { return Compare(Side{Subs: []Sub{a}}, Side{Subs: []Sub{b}})[0].Subs[0] }

func find(t *testing.T, p Pair, metric string) Change {
	t.Helper()
	for _, c := range p.Changes {
		if c.Metric == metric {
			return c
		}
	}
	t.Fatalf("no metric %s in %+v", metric, p)
	return Change{}
}

// TestASlowdownIsFound compares with a server that takes 10 % longer: the verdict is slower, the interval surrounds the
// truth, and the other direction is faster.
func TestASlowdownIsFound(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	a := server{median: 100, between: 0.05, within: 0.1}.measure(rng, 60, 10)
	b := server{median: 110, between: 0.05, within: 0.1}.measure(rng, 60, 10)
	c := find(t, compare(a, b), "warm.p50")
	if c.Verdict != Slower || !(c.Ratio.Low.V > 1.05 && c.Ratio.Low.V < 1.1 && c.Ratio.High.V > 1.1) ||
		!(c.Difference.Low.V > 5 && c.Difference.High.V < 15) {
		t.Errorf("%+v, want slower by a tenth", c)
	}
	if c := find(t, compare(b, a), "warm.p50"); c.Verdict != Faster {
		t.Errorf("the other way: %+v, want faster", c)
	}
}
