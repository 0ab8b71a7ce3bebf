package schedule

import (
	"math"
	"testing"
)

// TestChoice: each weight gets its share within 3 standard deviations, whatever the shape of the bursts, and the draws
// of neighbouring places do not depend on each other.
func TestChoice(t *testing.T) {
	weights := []float64{5, 15, 30}
	for _, shape := range []struct{ bursts, size int }{{10_000, 1}, {1, 10_000}, {100, 100}} {
		c := NewChoice(42, 3, weights)
		counts, pairs := make([]int, 3), make([]int, 9)
		n, before := 0, 0
		for burst := range shape.bursts {
			for slot := range shape.size {
				got := c.Pick(burst, slot)
				if again := NewChoice(42, 3, weights).Pick(burst, slot); again != got {
					t.Fatalf("burst %d, slot %d: %d, then %d", burst, slot, got, again)
				}
				counts[got]++
				pairs[3*before+got]++
				before = got
				n++
			}
		}
		for i, w := range weights {
			p := w / 50
			if sigma := math.Sqrt(float64(n) * p * (1 - p)); math.Abs(float64(counts[i])-float64(n)*p) > 3*sigma {
				t.Errorf("%+v: weight %v: %d of %d", shape, w, counts[i], n)
			}
			for j, v := range weights {
				p := w / 50 * v / 50
				sigma := math.Sqrt(float64(n) * p * (1 - p))
				if math.Abs(float64(pairs[3*i+j])-float64(n)*p) > 4*sigma {
					t.Errorf("%+v: %v after %v: %d of %d", shape, v, w, pairs[3*i+j], n)
				}
			}
		}
	}
	other, same := 0, NewChoice(42, 3, weights)
	for slot := range 1000 {
		if NewChoice(43, 3, weights).Pick(0, slot) != same.Pick(0, slot) {
			other++
		}
	}
	if other < 300 {
		t.Errorf("another seed changes %d of 1000 draws", other)
	}
	if n := testing.AllocsPerRun(100, func() { same.Pick(7, 9) }); n != 0 {
		t.Errorf("a draw allocates %v times", n)
	}
	if NewChoice(1, 1, nil).Pick(0, 0) != 0 || NewChoice(1, 1, []float64{2}).Pick(5, 5) != 0 {
		t.Error("one body is not always the first")
	}
}
