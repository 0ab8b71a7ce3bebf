package report

import (
	"math"
	"reflect"
	"slices"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
)

func TestBurstBars(t *testing.T) {
	one := []segment{{"cold", coldColor, func(b analyze.Burst) int { return b.Cold }}}
	numbered := func(from, n int) (bs []analyze.Burst) {
		for i := range n {
			bs = append(bs, coldOnes(from+i, i%4))
		}
		return bs
	}
	for _, c := range []struct {
		name         string
		bursts       []analyze.Burst
		bars, perBar int
		first, last  bar
	}{
		{"none", nil, 0, 0, bar{}, bar{}},
		{"one", numbered(7, 1), 1, 1, bar{7, 7, []float64{0}}, bar{7, 7, []float64{0}}},
		{"as many as have a bar each", numbered(0, 120), 120, 1, bar{0, 0, []float64{0}}, bar{119, 119, []float64{3}}},
		{"one more", numbered(0, 121), 61, 2, bar{0, 1, []float64{.5}}, bar{120, 120, []float64{0}}},
		{"after warm-up", numbered(5, 240), 120, 2, bar{5, 6, []float64{.5}}, bar{243, 244, []float64{2.5}}},
		{"three thousand", numbered(0, 3000), 120, 25, bar{0, 24, []float64{36.0 / 25}},
			bar{2975, 2999, []float64{39.0 / 25}}},
		{"far apart", []analyze.Burst{coldOnes(1e9, 4), coldOnes(0, 2)}, 2, 8333334, bar{0, 8333333, []float64{2}},
			bar{119 * 8333334, 1e9, []float64{4}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			chart := burstBars(analyze.MakeBursts(c.bursts), one)
			bars, perBar := chart.bars, chart.perBar
			if len(bars) != c.bars || perBar != c.perBar {
				t.Fatalf("%d bars of %d, want %d of %d", len(bars), perBar, c.bars, c.perBar)
			}
			if len(bars) == 0 {
				return
			}
			for _, pair := range [][2]bar{{bars[0], c.first}, {bars[len(bars)-1], c.last}} {
				got, want := pair[0], pair[1]
				if got.first != want.first || got.last != want.last || math.Abs(got.heights[0]-want.heights[0]) > 1e-9 {
					t.Errorf("bar %+v, want %+v", got, want)
				}
			}
		})
	}
}

func coldOnes(number, n int) analyze.Burst {
	return analyze.Burst{Number: number, Cold: n, Latencies: make([]float64, n)}
}

func TestSegments(t *testing.T) {
	b := analyze.Burst{Latencies: []float64{10, 50, 90}, Cold: 1, Warm: 1, Unknown: 1, Errors: 4}
	count := func(segments []segment) (counts []int) {
		for _, s := range segments {
			counts = append(counts, s.of(b))
		}
		return counts
	}
	if got, want := count(byWord()), []int{1, 1, 1, 4}; !reflect.DeepEqual(got, want) {
		t.Errorf("by word %v, want %v", got, want)
	}
	if got, want := count(byThreshold(50)), []int{2, 1, 4}; !reflect.DeepEqual(got, want) {
		t.Errorf("by threshold %v, want %v", got, want)
	}
}

// latencies are all of a summary in ascending order.
func latencies(s analyze.Summary) (all []float64) {
	for b := range s.Bursts.All() {
		all = append(all, b.Latencies...)
	}
	slices.Sort(all)
	return all
}

func TestLatencyBins(t *testing.T) {
	const most = 100
	sum := workload{title: "mixed", bursts: 10, size: 50, coldShare: .2, warmMS: 2, coldMS: 80, seed: 1}.summary(t)
	for _, log := range []bool{false, true} {
		h := binsOn(latencies(sum), log, most)
		total := 0
		for _, n := range h.Counts {
			total += n
		}
		if total != sum.Count || len(h.Counts) < 5 || len(h.Counts) > most {
			t.Errorf("log %v: %d of %d in %d bins", log, total, sum.Count, len(h.Counts))
		}
		if got := h.Edges[len(h.Edges)-1]; math.Abs(got/sum.Max.V-1) > 1e-9 {
			t.Errorf("log %v: the last edge is %g, the longest latency %g", log, got, sum.Max.V)
		}
	}
}
