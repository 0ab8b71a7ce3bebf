package analyze

import (
	"math/rand/v2"
	"testing"

	"stellar/src/fail"
)

// bursts makes bursts that share a shift each: requests of one burst are alike.
func bursts(n, size int, base, shift float64, seed uint64) []Burst {
	rng := rand.New(rand.NewPCG(seed, 9))
	out := make([]Burst, n)
	for i := range out {
		out[i].Number = i
		common := rng.NormFloat64() * shift
		for range size {
			out[i].Latencies = append(out[i].Latencies, base+common+rng.NormFloat64())
		}
	}
	return out
}

func TestBootstrapIsDeterministic(t *testing.T) {
	a := bursts(20, 30, 100, 5, 1)
	one, err := BootstrapQuantile(a, Median, Resampling{Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	two, _ := BootstrapQuantile(a, Median, Resampling{Seed: 7})
	other, _ := BootstrapQuantile(a, Median, Resampling{Seed: 8})
	if one != two {
		t.Errorf("same seed, %+v and %+v", one, two)
	}
	if one == other {
		t.Error("another seed gave the same draws")
	}
	if one.Low.V > one.Value.V || one.High.V < one.Value.V || one.Low.V == one.High.V {
		t.Errorf("%+v does not surround its value", one)
	}
}

// Where bursts differ as a whole, resampling single requests (each in its own burst) claims far too much.
func TestBootstrapKeepsBurstsTogether(t *testing.T) {
	together := bursts(25, 40, 100, 10, 3)
	var alone []Burst
	for _, b := range together {
		for _, l := range b.Latencies {
			alone = append(alone, Burst{Latencies: []float64{l}})
		}
	}
	whole, err := BootstrapQuantile(together, Median, Resampling{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	single, err := BootstrapQuantile(alone, Median, Resampling{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if wide, narrow := whole.High.V-whole.Low.V, single.High.V-single.Low.V; wide < 2*narrow {
		t.Errorf("interval over bursts %.2f wide, over requests %.2f", wide, narrow)
	}
}

func TestBootstrapCovers(t *testing.T) {
	hits := 0
	const trials = 200
	for seed := range uint64(trials) {
		e, err := BootstrapQuantile(bursts(30, 5, 100, 3, seed), Median, Resampling{Seed: seed, Draws: 400})
		if err != nil {
			t.Fatal(err)
		}
		if e.Low.V <= 100 && 100 <= e.High.V {
			hits++
		}
	}
	if hits < trials*88/100 { // seeded, so this is no matter of luck
		t.Errorf("the interval held the true median in %d of %d trials", hits, trials)
	}
}

func TestBootstrapRatio(t *testing.T) {
	a, b := bursts(30, 20, 200, 3, 1), bursts(30, 20, 100, 3, 2)
	e, err := BootstrapRatio(a, b, P99, Resampling{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if e.Low.V < 1.7 || e.High.V > 2.3 || e.Value.V < e.Low.V || e.Value.V > e.High.V {
		t.Errorf("ratio %+v, want about 2", e)
	}
	same, err := BootstrapRatio(a, a, Median, Resampling{Seed: 1})
	if err != nil || same.Value != Of(1) || same.Low.V > 1 || same.High.V < 1 {
		t.Errorf("ratio to itself %+v, %v", same, err)
	}
}

func TestBootstrapOfTooLittle(t *testing.T) {
	few := append(bursts(MinBursts-1, 10, 100, 1, 1), Burst{Number: 99, Errors: 3}) // a failed burst is no data
	full := bursts(10, 10, 100, 1, 1)
	_, one := BootstrapQuantile(few, Median, Resampling{})
	_, two := BootstrapRatio(few, full, Median, Resampling{})
	_, three := BootstrapRatio(full, few, Median, Resampling{})
	for _, err := range []error{one, two, three} {
		if fail.Code(err) != fail.CodeFailed {
			t.Errorf("error %v", err)
		}
	}
	zeros := make([]Burst, 6)
	for i := range zeros {
		zeros[i].Latencies = []float64{0}
	}
	if e, err := BootstrapRatio(zeros, zeros, Median, Resampling{}); err != nil || e.Value.OK || e.Low.OK || e.High.OK {
		t.Errorf("0/0 is %+v, %v", e, err)
	}
	if e, err := BootstrapRatio(full, zeros, Median, Resampling{}); err != nil || e.Value.OK || e.High.OK {
		t.Errorf("x/0 is %+v, %v", e, err)
	}
}
