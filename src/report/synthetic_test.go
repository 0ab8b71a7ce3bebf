package report

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// workload describes a made-up sub-experiment with a realistic shape: warm requests near 2 ms, cold ones near 80 ms,
// both with log-normal tails and a rare straggler.
type workload struct {
	title     string
	bursts    int
	size      int
	coldShare float64 // of each burst; the first burst is all cold
	warmMS    float64
	coldMS    float64
	failShare float64
	silent    bool // the function does not say whether it was cold
	seed      uint64
}

func (w workload) samples() []sample.Sample {
	rng := rand.New(rand.NewPCG(w.seed, 1))
	var out []sample.Sample
	for b := range w.bursts {
		for slot := range w.size {
			s := sample.Sample{Burst: b, Slot: slot, BurstSize: w.size, Cold: sample.No,
				Cost: math.NaN()}
			base, spread := w.warmMS, 0.25
			if b == 0 && w.coldShare > 0 || rng.Float64() < w.coldShare {
				s.Cold, base, spread = sample.Yes, w.coldMS, 0.12
			}
			ms := base * math.Exp(rng.NormFloat64()*spread)
			if rng.Float64() < 0.004 {
				ms *= 6
			}
			s.Latency = time.Duration(ms * 1e6)
			if rng.Float64() < w.failShare {
				s.Err, s.Latency, s.Cold = sample.Timeout, sample.None, sample.Unknown
			}
			if w.silent {
				s.Cold = sample.Unknown
			}
			out = append(out, s)
		}
	}
	return out
}

func (w workload) summary(t testing.TB) analyze.Summary {
	t.Helper()
	s, err := analyze.Summarize(analyze.Samples(w.samples()), analyze.Options{Identity: analyze.Identity{
		Title: w.title, Provider: "local", Runtime: "go", Function: "measure", PackageType: "Zip", MemoryMB: 128,
		IATSeconds: analyze.Of(0), PayloadBytes: analyze.Of(0),
	}, Resampling: &analyze.Resampling{Seed: w.seed}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
