package analyze

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/analyze/distribution"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// precise is how well the median of so many bursts of one request is known, whose latencies are log-normal, cold of
// them as many as said.
func precise(t *testing.T, draw *rand.Rand, bursts, cold int, sd float64) Summary {
	t.Helper()
	rows := make([]sample.Sample, bursts)
	for i := range rows {
		rows[i] = sample.Empty()
		rows[i].Burst, rows[i].BurstSize, rows[i].Cold = i, 1, sample.No
		rows[i].Latency = time.Duration(20e6 * math.Exp(sd*draw.NormFloat64()))
		if i < cold {
			rows[i].Cold = sample.Yes
		}
	}
	sum, err := Summarize(Samples(rows), Options{Resampling: &Resampling{Seed: 1}})
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// TestPrecision compares the half width with that of the median of a normal distribution, sqrt(π/2)·σ/√n.
func TestPrecision(t *testing.T) {
	const n, sd, runs = 400, 0.1, 8
	mean := map[float64]float64{0.05: 0, 0.001: 0} // by alpha
	for seed := range uint64(runs) {
		sum := precise(t, rand.New(rand.NewPCG(seed, 5)), n, 0, sd)
		for alpha := range mean {
			p := sum.Precision(alpha)
			if p.Part != "warm" || p.N != n || p.Bursts != n || math.Abs(p.Median.V-20) > 0.5 {
				t.Fatalf("%+v", p)
			}
			mean[alpha] += p.HalfWidth.V / runs
		}
	}
	for alpha, got := range mean {
		want := math.Expm1(distribution.StudentQuantile(1-alpha/2, n-1) * math.Sqrt(math.Pi/2) * sd / math.Sqrt(n))
		if math.Abs(got/want-1) > 0.12 {
			t.Errorf("level %v: half width %.5f, want %.5f", 1-alpha, got, want)
		}
	}
	draw := rand.New(rand.NewPCG(1, 5))
	if p := precise(t, draw, 20, 11, sd).Precision(0.05); p.Part != "cold" || p.N != 11 || !p.HalfWidth.OK {
		t.Errorf("more cold requests: %+v", p)
	}
	if p := precise(t, draw, MinBursts-1, 0, sd).Precision(0.05); p.HalfWidth.OK || p.N != MinBursts-1 {
		t.Errorf("too few: %+v", p)
	}
	if p := precise(t, draw, 0, 0, sd).Precision(0.05); p.HalfWidth.OK || p.Part != "all" {
		t.Errorf("nothing: %+v", p)
	}
}

// TestSpent: all looks together spend the error probability, and never more.
func TestSpent(t *testing.T) {
	if Spent(0) != 0 || math.Abs(Spent(1)-Alpha) > 1e-15 || Spent(2) != Spent(1) || Spent(-1) != 0 {
		t.Errorf("spent %v, %v, %v", Spent(0), Spent(1), Spent(2))
	}
	if got, want := Spent(0.5), 0.05*math.Log(1+(math.E-1)/2); math.Abs(got-want) > 1e-15 {
		t.Errorf("half of the time: %v, want %v", got, want)
	}
}
