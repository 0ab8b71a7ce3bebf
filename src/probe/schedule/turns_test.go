package schedule

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

func TestTurns(t *testing.T) {
	text := func(s Turns, repetition int) (out []string) {
		for turn := range s.Of(repetition) {
			out = append(out, fmt.Sprintf("%d:%d:%d-%d", turn.Place, turn.Block, turn.From, turn.To))
		}
		return out
	}
	one := Turns{Rounds: []int{3, 0, 2}}
	if got := fmt.Sprint(text(one, 0), text(one, 2)); got != "[0:0:0-3 2:0:0-2] [0:6:0-3 2:6:0-2]" {
		t.Error("one after the other:", got)
	}
	mixed := Turns{Seed: 5, Rounds: []int{4, 2, 3}, Interleaved: true}
	first := text(mixed, 0)
	if !slices.Equal(first, text(mixed, 0)) || slices.Equal(first, text(Turns{6, mixed.Rounds, true}, 0)) {
		t.Error("the seed does not decide the order")
	}
	for repetition := range 2 {
		block, had := -1, map[int]bool{}
		count := [3]int{}
		for turn := range mixed.Of(repetition) {
			if turn.Block != block {
				block, had = turn.Block, map[int]bool{}
			}
			if had[turn.Place] || turn.To != turn.From+1 || turn.Block != 4*repetition+turn.From ||
				turn.From != count[turn.Place] {
				t.Errorf("repetition %d: turn %+v after %v", repetition, turn, count)
			}
			had[turn.Place] = true
			count[turn.Place]++
		}
		if count != [3]int{4, 2, 3} {
			t.Errorf("turns of each: %v", count)
		}
	}
	for range Turns(mixed).Of(0) {
		break // ends where it is asked to
	}
	if n := (Turns{}).Blocks(); n != 0 {
		t.Errorf("%d blocks of nothing", n)
	}
}

// TestTurnsAreRandom: each of the orders of a block is as likely, and independent of the block before.
func TestTurnsAreRandom(t *testing.T) {
	const blocks = 6000
	var orders []string
	order := ""
	for turn := range (Turns{Seed: 1, Rounds: []int{blocks, blocks, blocks}, Interleaved: true}).Of(0) {
		if order += fmt.Sprint(turn.Place); len(order) == 3 {
			orders, order = append(orders, order), ""
		}
	}
	pairs := map[string]int{}
	for i := 1; i < len(orders); i += 2 {
		pairs[orders[i-1]+" "+orders[i]]++
	}
	square, expected := 0.0, blocks/2/36.0
	for _, n := range pairs {
		square += math.Pow(float64(n)-expected, 2) / expected
	}
	if len(pairs) != 36 || square > 66.6 { // 99.9 % quantile of chi-square with 35 degrees of freedom
		t.Errorf("%d pairs of orders, chi-square %.1f", len(pairs), square)
	}
}
