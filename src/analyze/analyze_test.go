package analyze

import (
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

func TestSummarizeSmall(t *testing.T) {
	warmup := row(0, 500, sample.Yes)
	warmup.Warmup = true
	lost := row(0, 1, sample.No)
	lost.Latency = sample.None
	for _, c := range []struct {
		name string
		rows []sample.Sample
		want func(t *testing.T, s Summary)
	}{
		{"none", nil, func(t *testing.T, s Summary) {
			if s.Count+s.Errors != 0 || s.Mean.OK || s.SD.OK || s.Min.OK || s.P50.OK || s.P999.OK || s.TMR.OK ||
				s.ErrorRatio.OK || s.CI50.OK() || s.Bursts.Len() != 0 {
				t.Errorf("%+v", s)
			}
		}},
		{"one", []sample.Sample{row(0, 2.5, sample.Unknown)}, func(t *testing.T, s Summary) {
			if s.Count != 1 || s.Mean != Of(2.5) || s.SD.OK || s.Min != Of(2.5) || s.P999 != Of(2.5) ||
				s.TMR != Of(1) || s.Cold.Count+s.Warm.Count != 0 || listed(s.Bursts)[0].Unknown != 1 {
				t.Errorf("%+v", s)
			}
		}},
		{"two", []sample.Sample{row(0, 4, sample.Yes), row(0, 2, sample.No)}, func(t *testing.T, s Summary) {
			if s.Mean != Of(3) || s.SD != Of(math.Sqrt2) || s.P50 != Of(2) || s.P75 != Of(4) || s.TMR != Of(2) ||
				s.Cold.P50 != Of(4) || s.Warm.P99 != Of(2) {
				t.Errorf("%+v", s)
			}
		}},
		{"all equal", []sample.Sample{row(0, 3, sample.No), row(1, 3, sample.No), row(2, 3, sample.No)},
			func(t *testing.T, s Summary) {
				if s.SD != Of(0) || s.Min != s.Max || s.TMR != Of(1) || s.Bursts.Len() != 3 {
					t.Errorf("%+v", s)
				}
			}},
		{"all zero", []sample.Sample{row(0, 0, sample.No), row(0, 0, sample.No)}, func(t *testing.T, s Summary) {
			if s.P50 != Of(0) || s.TMR.OK {
				t.Errorf("a ratio over zero exists: %+v", s)
			}
		}},
		{"warm-up and failures are left out", []sample.Sample{warmup, row(1, 2, sample.No), failed(1, sample.Timeout),
			failed(2, sample.HTTP5xx), failed(2, sample.Timeout), lost}, func(t *testing.T, s Summary) {
			if s.Count != 1 || s.Max != Of(2) || s.Warmup != 1 || s.Errors != 4 || s.ErrorRatio != Of(0.8) {
				t.Errorf("%+v", s)
			}
			if want := map[string]int{"timeout": 2, "http-5xx": 1, "protocol": 1}; !reflect.DeepEqual(s.ErrorClasses,
				want) {
				t.Errorf("classes %v, want %v", s.ErrorClasses, want)
			}
			if got := listed(s.Bursts); len(got) != 3 || got[0].Number != 0 || got[2].Errors != 2 ||
				len(got[2].Latencies) != 0 {
				t.Errorf("bursts %+v", got)
			}
		}},
		{"a failed row's own word does not count", []sample.Sample{{Err: sample.HTTP5xx, Cold: sample.Yes,
			Latency: time.Second}}, func(t *testing.T, s Summary) {
			if s.Cold.Count != 0 || s.Count != 0 || s.Errors != 1 {
				t.Errorf("%+v", s)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) { c.want(t, summarize(t, c.rows, Identity{})) })
	}
}

func TestSummarizeDoesNotDependOnOrder(t *testing.T) {
	rows := mixed(500, 7)
	want := summarize(t, rows, Identity{Index: 3})
	rng := rand.New(rand.NewPCG(1, 2))
	rng.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	got := summarize(t, rows, Identity{Index: 3})
	of := [2][]Burst{listed(got.Bursts), listed(want.Bursts)}
	for _, list := range of { // within a burst the rows' own order is kept
		for _, b := range list {
			for _, part := range [][]float64{b.Of(ColdPart), b.Of(WarmPart), b.Latencies[b.Cold+b.Warm:]} {
				slices.Sort(part)
			}
		}
	}
	if !reflect.DeepEqual(of[0], of[1]) {
		t.Error("the same rows in another order give other bursts")
	}
	got, want = got.Light(), want.Light()
	// A burst's spread and lateness are those of its rows in one place; pieces have their own.
	got.Client, want.Client = Client{}, Client{}
	if !reflect.DeepEqual(got, want) {
		t.Error("the same rows in another order give another summary")
	}
}

func TestSummarizeRoundsAsTheFileDoes(t *testing.T) {
	s := summarize(t, []sample.Sample{{Latency: 1_234_567}, {Latency: 1_234_499}, {Latency: math.MaxInt64}}, Identity{})
	if s.P25 != Of(1.234) || s.P50 != Of(1.235) || !s.Mean.OK || !s.SD.OK {
		t.Errorf("%+v", s)
	}
}

func TestSummarizeStopsAtAnError(t *testing.T) {
	broken := errors.New("torn row")
	seq := func(yield func(sample.Sample, error) bool) {
		if yield(row(0, 1, sample.No), nil) && yield(sample.Sample{}, broken) {
			t.Error("read on after the error")
		}
	}
	_, err := Summarize(seq, Options{Identity: Identity{Index: 4, Title: "go"}})
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "sample 2 of sub-experiment 4 (go)") {
		t.Errorf("error %v", err)
	}
	for range Samples(mixed(10, 1)) {
		break // a reader may stop early
	}
}

func TestBurstOver(t *testing.T) {
	b := Burst{Latencies: []float64{1, 200, 199.999, 300}}
	if got := b.Over(200); got != 2 {
		t.Errorf("%d requests of 200 ms or more, want 2", got)
	}
}

func TestRelate(t *testing.T) {
	cold := summarize(t, []sample.Sample{row(0, 80, sample.Yes), row(1, 90, sample.Yes), row(2, 2, sample.No)},
		Identity{Index: 0})
	half := summarize(t, []sample.Sample{row(0, 50, sample.Yes), row(1, 3, sample.No)}, Identity{Index: 1})
	warm := summarize(t, []sample.Sample{row(0, 80, sample.Yes), row(1, 2, sample.No), row(2, 2, sample.No)},
		Identity{Index: 2})
	warmer := summarize(t, []sample.Sample{row(0, 1, sample.No)}, Identity{Index: 3})
	empty := summarize(t, []sample.Sample{failed(0, sample.DNS)}, Identity{Index: 4})
	for _, c := range []struct {
		name string
		all  []Summary
		want int
	}{
		{"nothing", nil, -1},
		{"nothing but failures", []Summary{empty}, -1},
		{"the first warm one", []Summary{empty, cold, half, warm, warmer}, 3},
		{"none warm: the first with data", []Summary{empty, half, cold}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			all := append([]Summary(nil), c.all...)
			if got := Relate(all); got != c.want {
				t.Fatalf("baseline %d, want %d", got, c.want)
			}
			for i, s := range all {
				if s.Count == 0 || c.want < 0 {
					if s.MR.OK || s.TR.OK {
						t.Errorf("%d has ratios without data: %+v", i, s)
					}
					continue
				}
				base := all[c.want].P50.V
				if s.MR != Of(s.P50.V/base) || s.TR != Of(s.P99.V/base) {
					t.Errorf("%d: MR %v TR %v over %v", i, s.MR, s.TR, base)
				}
			}
		})
	}
}

// mixed makes bursts of ten with cold, warm and silent rows, failures and warm-up.
func mixed(n int, seed uint64) []sample.Sample {
	rng := rand.New(rand.NewPCG(seed, seed))
	rows := make([]sample.Sample, n)
	for i := range rows {
		s := row(i/10, 2*math.Exp(rng.NormFloat64()/3), sample.No)
		switch rng.IntN(20) {
		case 0, 1:
			s.Latency, s.Cold = time.Duration(80e6*math.Exp(rng.NormFloat64()/5)), sample.Yes
		case 2:
			s.Cold = sample.Unknown
		case 3:
			s = failed(i/10, sample.Reset)
		}
		s.Warmup = i < 10
		s.RequestID, s.Slot, s.BurstSize = "r\"1,2\n", i%10, 10
		rows[i] = s
	}
	return rows
}
