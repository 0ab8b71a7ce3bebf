package analyze

import (
	"encoding/csv"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// TestChooseAsPowerTuning compares the choices with those that the rules of AWS Lambda Power Tuning make of the same
// points, run by Node.js.
func TestChooseAsPowerTuning(t *testing.T) {
	f, err := os.Open("testdata/powertuning.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil || len(lines) != 301 {
		t.Fatalf("%d lines, error %v", len(lines), err)
	}
	for _, l := range lines[1:] {
		var weight float64
		var want int
		if _, err := fmt.Sscan(l[2]+" "+l[3], &weight, &want); err != nil {
			t.Fatal(err)
		}
		var all []Measured
		for _, text := range strings.Fields(l[4]) {
			var m Measured
			if _, err := fmt.Sscan(strings.ReplaceAll(text, ":", " "), &m.MemoryMB, &m.Time, &m.Cost); err != nil {
				t.Fatal(err)
			}
			all = append(all, m)
		}
		if got := all[Choose(all, l[1], weight)[0]].MemoryMB; got != want {
			t.Errorf("case %s, %s with weight %v: %d MB, want %d: %s", l[0], l[1], weight, got, want, l[4])
		}
	}
}

// size makes rows of one memory size: bursts of three, of about a time in ms, priced as on AWS.
func size(memoryMB, sub, bursts int, ms float64, priced bool) *Size {
	rng := rand.New(rand.NewPCG(uint64(sub), 7))
	s := NewSize(memoryMB, sub)
	for b := range bursts {
		shift := 1 + 0.02*rng.NormFloat64() // what requests of a burst have in common
		for range 3 {
			r := sample.Empty()
			r.Burst = b
			r.ProviderDuration = time.Duration(ms * shift * (1 + 0.01*rng.NormFloat64()) * 1e6)
			r.Latency = r.ProviderDuration + 20*time.Millisecond
			if priced {
				r.Cost = math.Ceil(float64(r.ProviderDuration)/1e6) * 2.1e-9 * float64(memoryMB) / 128
			}
			s.Add(&r)
		}
	}
	return s
}

func TestTune(t *testing.T) {
	clear := []*Size{size(1024, 2, 30, 130, true), size(128, 0, 30, 1000, true), size(512, 1, 30, 220, true)}
	got := Tune(clear, Cheapest, 0, Resampling{Seed: 1})
	if got.MemoryMB != 512 || got.LowMB != 512 || got.HighMB != 512 || got.SecondMB != 128 || !got.Differs() ||
		!got.Reported || got.Points[0].MemoryMB != 128 || got.Points[2].Sub != 2 {
		t.Errorf("cheapest: %+v", got)
	}
	if e := got.Excess; math.Abs(e.Value.V-0.136) > 0.02 || e.Low.V > e.Value.V || e.High.V < e.Value.V {
		t.Errorf("128 MB costs %+v more; want about 13.6 %%", e)
	}
	if c := got.Points[1].Cost; math.Abs(c.Value.V-220*2.1e-3*4) > 0.03 || !c.Low.OK {
		t.Errorf("cost of a million requests with 512 MB: %+v", c)
	}
	if got := Tune(clear, Fastest, 0, Resampling{Seed: 1}); got.MemoryMB != 1024 || got.SecondMB != 512 {
		t.Errorf("fastest: %+v", got)
	}
	if got := Tune(clear, Balanced, 0.5, Resampling{Seed: 1}); got.MemoryMB != 512 || got.Weight != 0.5 {
		t.Errorf("balanced: %+v", got)
	}
	again := Tune(clear, Cheapest, 0, Resampling{Seed: 1})
	if fmt.Sprint(again) != fmt.Sprint(Tune(clear, Cheapest, 0, Resampling{Seed: 1})) {
		t.Error("the same seed gives other intervals")
	}
}

// TestTuneTellsATie: two sizes of the same cost are not told apart, and the interval has both.
func TestTuneTellsATie(t *testing.T) {
	got := Tune([]*Size{size(128, 0, 30, 1000, true), size(256, 1, 30, 500, true)}, Cheapest, 0, Resampling{Seed: 3})
	if got.Differs() || got.LowMB != 128 || got.HighMB != 256 {
		t.Errorf("%+v", got)
	}
}

func TestTuneWithoutAnAnswer(t *testing.T) {
	unpriced := []*Size{size(128, 0, 30, 1000, false), size(256, 1, 30, 500, true)}
	if got := Tune(unpriced, Cheapest, 0, Resampling{}); got.MemoryMB != 0 ||
		got.Reason != "the cost of requests is not known" || got.Points[0].Cost.Value.OK {
		t.Errorf("no cost: %+v", got)
	}
	if got := Tune(unpriced, Fastest, 0, Resampling{}); got.MemoryMB != 256 || got.Reason != "" {
		t.Errorf("no cost, fastest: %+v", got)
	}
	empty := []*Size{NewSize(128, 0), size(256, 1, 30, 500, true)}
	if got := Tune(empty, Fastest, 0, Resampling{}); got.MemoryMB != 0 ||
		got.Reason != "a size has no successful request" {
		t.Errorf("no rows: %+v", got)
	}
	few := []*Size{size(128, 0, 5, 1000, true), size(256, 1, 30, 500, true)}
	if got := Tune(few, Fastest, 0, Resampling{}); got.MemoryMB != 256 || got.LowMB != 0 || got.Differs() {
		t.Errorf("too few bursts: %+v", got)
	}
}

// TestTuneByTheClient: where one size has no reports, all times are those of the client.
func TestTuneByTheClient(t *testing.T) {
	a, b := size(128, 0, 10, 1000, false), NewSize(256, 1)
	r := sample.Empty()
	r.Latency = 700 * time.Millisecond
	b.Add(&r)
	got := Tune([]*Size{a, b}, Fastest, 0, Resampling{})
	if got.Reported || got.Points[1].Time.Value.V != 700 || math.Abs(got.Points[0].Time.Value.V-1020) > 20 {
		t.Errorf("%+v", got)
	}
}

// TestTrimmedMean leaves out a fifth at either end, rounded down, as Power Tuning does.
func TestTrimmedMean(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{
		{[]float64{1, 2, 3, 4, 100}, 3}, {[]float64{1, 2, 3, 100}, 26.5}, {[]float64{7}, 7},
		{[]float64{0, 1, 2, 3, 4, 5, 6, 7, 8, 99}, 4.5},
	} {
		var sorted []ranked
		for i, v := range c.values {
			sorted = append(sorted, ranked{v, i})
		}
		once := make([]int, len(sorted))
		for i := range once {
			once[i] = 1
		}
		if got := trimmedMean(sorted, once); got != c.want {
			t.Errorf("%v: %v, want %v", c.values, got, c.want)
		}
	}
	// a block that is drawn twice counts twice: 1 2 2 2 2 3 without one at either end
	if got := trimmedMean([]ranked{{1, 0}, {2, 1}, {2, 1}, {3, 2}}, []int{1, 2, 1}); got != 2 {
		t.Errorf("weighted: %v", got)
	}
	if !math.IsNaN(trimmedMean(nil, nil)) {
		t.Error("the mean of nothing is a number")
	}
}
