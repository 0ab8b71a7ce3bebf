package schedule

import (
	"math/rand/v2"
	"sort"
)

// Choice draws which of several bodies each request has, by their weights. A draw depends on nothing but the seed, the
// sub-experiment and the request's place, so that the same seed gives the same bodies in whatever order requests leave.
type Choice struct {
	seed, sub uint64
	upTo      []float64 // sums of the weights up to each
}

// choiceStream separates these draws from others made with the same seed.
const choiceStream = 0x63686f69636521 // "choice!"

// NewChoice prepares the draws of a sub-experiment; seed is the run's. Weights are above 0.
func NewChoice(seed int64, sub int, weights []float64) Choice {
	c := Choice{seed: uint64(seed), sub: choiceStream + uint64(sub)}
	sum := 0.0
	for _, w := range weights {
		sum += w
		c.upTo = append(c.upTo, sum)
	}
	return c
}

// Pick gives an index into the weights for a request: the number of its burst, or second of a sustained load, and its
// slot in it. It allocates nothing.
func (c Choice) Pick(burst, slot int) int {
	if len(c.upTo) < 2 {
		return 0
	}
	var pcg rand.PCG
	pcg.Seed(c.seed, c.sub)
	a, b := pcg.Uint64(), pcg.Uint64()
	pcg.Seed(a+uint64(burst), b+uint64(slot))
	pcg.Uint64()                               // the first draw of near seeds is near
	u := float64(pcg.Uint64()>>11) / (1 << 53) // uniform in [0, 1)
	x := u * c.upTo[len(c.upTo)-1]
	at := sort.Search(len(c.upTo), func(i int) bool { return x < c.upTo[i] })
	return min(at, len(c.upTo)-1)
}
