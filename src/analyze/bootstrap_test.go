package analyze

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
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

// sampler is a resampler of all requests.
func sampler(list []Burst, part Part) *resampler {
	b := MakeBursts(list)
	var sorted []float64
	for burst := range b.All() {
		sorted = append(sorted, burst.Of(part)...)
	}
	slices.Sort(sorted)
	return newResampler(b, part, func(i int) float64 { return sorted[i] })
}

func bootstrap(t *testing.T, list []Burst, q Quantile, how Resampling, sub int) Estimate {
	t.Helper()
	r := sampler(list, All)
	if r == nil {
		t.Fatal("no resampler")
	}
	return estimate(Of(r.at(q.Rank(r.n)-1)), r.draws(q, how, sub))
}

func TestBootstrapIsDeterministic(t *testing.T) {
	a := bursts(20, 30, 100, 5, 1)
	one := bootstrap(t, a, Median, Resampling{Seed: 7}, 0)
	if two := bootstrap(t, a, Median, Resampling{Seed: 7}, 0); one != two {
		t.Errorf("same seed, %+v and %+v", one, two)
	}
	if one == bootstrap(t, a, Median, Resampling{Seed: 8}, 0) ||
		one == bootstrap(t, a, Median, Resampling{Seed: 7}, 1) {
		t.Error("another seed or sub-experiment gave the same draws")
	}
	if one.Low.V > one.Value.V || one.High.V < one.Value.V || one.Low.V == one.High.V {
		t.Errorf("%+v does not surround its value", one)
	}
}

// plainDraws resamples as the textbook has it: every row of every burst that was drawn, put together and sorted.
func plainDraws(list []Burst, part Part, q Quantile, how Resampling, sub int) []float64 {
	var seed [32]byte
	for i, word := range []uint64{how.Seed, uint64(sub), uint64(part), uint64(q)} {
		binary.LittleEndian.PutUint64(seed[8*i:], word)
	}
	rng := rand.New(rand.NewChaCha8(seed))
	var clusters [][]float64
	for b := range MakeBursts(list).All() {
		if values := b.Of(part); len(values) > 0 {
			clusters = append(clusters, slices.Clone(values))
		}
	}
	out := make([]float64, cmp.Or(how.Draws, defaultDraws))
	for i := range out {
		var all []float64
		for range clusters {
			all = append(all, clusters[rng.IntN(len(clusters))]...)
		}
		slices.Sort(all)
		out[i] = q.Of(all).V
	}
	return out
}

func TestBootstrapAgainstPlainResampling(t *testing.T) {
	equal := make([]Burst, 10)
	uneven := bursts(40, 1, 100, 2, 4)
	for i := range equal {
		equal[i] = Burst{Number: i, Latencies: []float64{3, 3, 3}}
	}
	for i := range uneven {
		uneven[i] = bursts(1, 1+i*i%17, 100, 20, uint64(i))[0]
		uneven[i].Number, uneven[i].Cold, uneven[i].Errors = i, i%3%(1+i*i%17), i%2
	}
	for name, list := range map[string][]Burst{
		"few and apart": bursts(6, 50, 100, 50, 1), "many": bursts(300, 4, 100, 1, 2), "one each": bursts(500, 1, 100,
			0, 3), "uneven": uneven, "equal": equal,
	} {
		for _, part := range []Part{All, ColdPart} {
			for _, q := range []Quantile{Median, P99, 1} {
				t.Run(fmt.Sprint(name, part, q), func(t *testing.T) {
					how := Resampling{Seed: 3, Draws: 150}
					r := sampler(list, part)
					if r == nil {
						if part == All || name == "uneven" {
							t.Error("no resampler")
						}
						return
					}
					want := plainDraws(list, part, q, how, 5)
					if got := r.draws(q, how, 5); !slices.Equal(got, want) {
						t.Errorf("draws\n%v\nwant\n%v", got, want)
					}
					// A window that is far too small must grow.
					r.reach = 0
					r.look()
					var seed [32]byte
					rng := rand.New(rand.NewChaCha8(seed))
					for range 20 {
						r.draw(rng)
					}
				})
			}
		}
	}
}

// More bursts than blocks: neighbours are joined, and the interval stays what it is.
func TestBootstrapJoinsNeighbours(t *testing.T) {
	list := bursts(maxBlocks*2+7, 1, 100, 0, 11)
	r := sampler(list, All)
	if r.per != 3 || len(r.sizes) != (len(list)+2)/3 || r.n != len(list) {
		t.Fatalf("%d bursts in a block, %d blocks, %d rows", r.per, len(r.sizes), r.n)
	}
	e := estimate(Of(r.at(r.n/2)), r.draws(Median, Resampling{Seed: 1, Draws: 300}, 0))
	exact := QuantileInterval(sortedOf(list), Median)
	if wide, want := e.High.V-e.Low.V, exact.High.V-exact.Low.V; wide < want*0.8 || wide > want*1.25 {
		t.Errorf("interval %.4f wide, that of order statistics is %.4f", wide, want)
	}
}

func sortedOf(list []Burst) (all []float64) {
	for _, b := range list {
		all = append(all, b.Latencies...)
	}
	slices.Sort(all)
	return all
}

// Where bursts differ as a whole, resampling single requests (each in its own burst) claims far too much.
func TestBootstrapKeepsBurstsTogether(t *testing.T) {
	together := bursts(25, 40, 100, 10, 3)
	var alone []Burst
	for _, b := range together {
		for _, l := range b.Latencies {
			alone = append(alone, Burst{Number: len(alone), Latencies: []float64{l}})
		}
	}
	whole, single := bootstrap(t, together, Median, Resampling{Seed: 1}, 0), bootstrap(t, alone, Median,
		Resampling{Seed: 1}, 0)
	if wide, narrow := whole.High.V-whole.Low.V, single.High.V-single.Low.V; wide < 2*narrow {
		t.Errorf("interval over bursts %.2f wide, over requests %.2f", wide, narrow)
	}
}

func TestBootstrapCovers(t *testing.T) {
	hits := 0
	const trials = 200
	for seed := range uint64(trials) {
		e := bootstrap(t, bursts(30, 5, 100, 3, seed), Median, Resampling{Seed: seed, Draws: 400}, 0)
		if e.Low.V <= 100 && 100 <= e.High.V {
			hits++
		}
	}
	if hits < trials*88/100 { // seeded, so this is no matter of luck
		t.Errorf("the interval held the true median in %d of %d trials", hits, trials)
	}
}

func TestBootstrapOfTooLittle(t *testing.T) {
	few := append(bursts(MinBursts-1, 10, 100, 1, 1), Burst{Number: 99, Errors: 3}) // a failed burst is no data
	if sampler(few, All) != nil || sampler(bursts(10, 10, 100, 1, 1), ColdPart) != nil {
		t.Error("too few bursts are resampled")
	}
	if e := estimate(Of(1), nil); e != (Estimate{Value: Of(1)}) {
		t.Errorf("no draws give %+v", e)
	}
}
