package probe

import (
	"math/rand/v2"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// TestSortByPlace sorts rows in random and in special orders: each is there once, in its place.
func TestSortByPlace(t *testing.T) {
	var order []place
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range 40 {
		places := rng.Perm(n)
		if n%4 == 0 {
			for i := range places {
				places[i] = (i + n/2) % n // one circle
			}
		}
		rows := make([]sample.Sample, n)
		for i, at := range places {
			rows[i] = sample.Sample{Burst: at / 7, Slot: at % 7, Status: at}
		}
		order = sortByPlace(rows, order[:0])
		for i := range rows {
			if rows[i].Status != i {
				t.Fatalf("%v: row %d is at %d", places, rows[i].Status, i)
			}
		}
	}
}
