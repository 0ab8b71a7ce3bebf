package analyze

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestSortMicros(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 2, 255, 256, 1000, 70_000} {
		for _, bits := range []int{1, 8, 12, 24, 32} {
			values := make([]uint32, n)
			for i := range values {
				values[i] = uint32(rng.Uint64N(1 << bits))
			}
			want := slices.Sorted(slices.Values(values))
			sortMicros(values, make([]uint32, n))
			if !slices.Equal(values, want) {
				t.Errorf("%d values of %d bits are not in order", n, bits)
			}
		}
	}
}

func TestMerged(t *testing.T) {
	a := ascending{us: []uint32{1000, 3000, 3000}, long: []float64{1e9}}
	b := ascending{us: []uint32{2000}}
	c := ascending{long: []float64{5e8}}
	for _, parts := range [][]ascending{{a, b, c}, {c, b, a}, {{}, a, {}, b, c}} {
		if got := merged(parts...); !slices.Equal(got, []float64{1, 2, 3, 3, 5e8, 1e9}) {
			t.Errorf("merged %v", got)
		}
	}
	if got := merged(ascending{}, ascending{}); len(got) != 0 {
		t.Errorf("nothing merged is %v", got)
	}
	if a.quantile(P99) != Of(1e9) || a.quantile(Median) != Of(3) || (ascending{}).quantile(Median).OK {
		t.Error("quantiles of a sample in order")
	}
}

func TestMicrosOfEveryLength(t *testing.T) {
	var m micros
	values := []int64{0, 1, tooLong - 1, tooLong, tooLong + 1, math.MaxInt64 / 1000, 7}
	for range microsBlock / 2 {
		for _, v := range values {
			m.add(v)
		}
	}
	got := m.ms(nil, 3, m.n-5)
	if len(got) != m.n-5 {
		t.Fatalf("%d of %d", len(got), m.n-5)
	}
	for i, ms := range got {
		if want := toMS(values[(i+3)%len(values)]); ms != want {
			t.Fatalf("value %d is %v, want %v", i+3, ms, want)
		}
	}
	all := m.sorted()
	if all.len() != m.n || all.at(0) != 0 || all.at(m.n-1) != toMS(math.MaxInt64/1000) {
		t.Errorf("%d in order, from %v to %v", all.len(), all.at(0), all.at(m.n-1))
	}
}
