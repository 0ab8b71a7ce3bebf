package schedule

import (
	"iter"
	"math/rand/v2"
	"slices"
)

// Turn is a part of a plan that one sub-experiment has to itself: some of its rounds, one after the other.
type Turn struct {
	Place    int // of the sub-experiment, in Turns.Rounds
	Block    int // its first round, in the numbers that rows have
	From, To int // rounds of the repetition, from 0; To is not one of them
}

// Turns is the order in which sub-experiments are measured that wait for each other.
type Turns struct {
	Seed        int64 // of the run
	Rounds      []int // of each sub-experiment in a repetition
	Interleaved bool  // in blocks of random order, a round of each; else all rounds of one after those of another
}

// turnStream separates these draws from others made with the same seed.
const turnStream = 0x7475726e626c6f63 // "turnbloc"

// Blocks is the number of rounds of the sub-experiment that has most: round r of repetition k has the number
// k·Blocks + r in all sub-experiments.
func (t Turns) Blocks() int {
	if len(t.Rounds) == 0 {
		return 0
	}
	return slices.Max(t.Rounds)
}

// Of is the order of the turns of a repetition, which count from 0. Interleaved, block b has round b of each
// sub-experiment that has so many, in an order that is drawn for each block: a randomised complete block design (R. A.
// Fisher, The Design of Experiments, 1935, §26), whose last blocks are smaller where some have fewer rounds. Any block
// can be drawn by itself: the order does not depend on what was sent before. The same seed gives the same order.
func (t Turns) Of(repetition int) iter.Seq[Turn] {
	blocks := t.Blocks()
	return func(yield func(Turn) bool) {
		if !t.Interleaved {
			for place, rounds := range t.Rounds {
				if rounds > 0 && !yield(Turn{Place: place, Block: repetition * blocks, To: rounds}) {
					return
				}
			}
			return
		}
		pcg := rand.NewPCG(0, 0)
		draw := rand.New(pcg)
		var order []int
		for round := range blocks {
			order = order[:0]
			for place, rounds := range t.Rounds {
				if round < rounds {
					order = append(order, place)
				}
			}
			block := repetition*blocks + round
			pcg.Seed(uint64(t.Seed), mix(turnStream+uint64(block)))
			draw.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
			for _, place := range order {
				if !yield(Turn{Place: place, Block: block, From: round, To: round + 1}) {
					return
				}
			}
		}
	}
}
