package analyze

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// The statistics are compared with an implementation that shares no code with this one: testdata/proof.py computes
// them from the same files with Python's statistics module and exact fractions.

// proofSamples are the cases: name, number of rows, and the row.
func proofSamples() map[string]struct {
	n   int
	row func(rng *rand.Rand, i int) sample.Sample
} {
	lognormal := func(rng *rand.Rand) float64 { return math.Exp(rng.NormFloat64()*0.7) * 20 }
	plain := func(rng *rand.Rand, i int) sample.Sample { return row(i/10, lognormal(rng), sample.Tri(i%3)) }
	type c = struct {
		n   int
		row func(rng *rand.Rand, i int) sample.Sample
	}
	many := 200_000
	if raceEnabled {
		many = microsBlock + 5000 // more than a block
	}
	return map[string]c{
		"1": {1, plain}, "2": {2, plain}, "5": {5, plain}, "6": {6, plain}, "19": {19, plain}, "298": {298, plain},
		"299": {299, plain},
		"367": {367, plain}, "368": {368, plain}, "1000": {1000, plain}, "3001": {3001, plain},
		"many":       {many, plain},
		"all equal":  {400, func(_ *rand.Rand, i int) sample.Sample { return row(i, 7.125, sample.Yes) }},
		"two values": {401, func(_ *rand.Rand, i int) sample.Sample { return row(i, float64(1+i%2*99), sample.No) }},
		"failures": {700, func(rng *rand.Rand, i int) sample.Sample {
			if i%7 == 3 {
				return failed(i/10, sample.Timeout)
			}
			s := plain(rng, i)
			s.Warmup = i < 30
			return s
		}},
		"nothing but failures": {20, func(_ *rand.Rand, i int) sample.Sample { return failed(i, sample.Reset) }},
	}
}

// proof is what the script prints.
type proof struct {
	Count, Errors, Cold                         int
	Mean, SD, Min, Max, P25, P50, P75, P95, P99 *float64
	P999, TMR                                   *float64
	ColdP50                                     *float64 `json:"cold_p50"`
	ColdP99                                     *float64 `json:"cold_p99"`
	WarmP50                                     *float64 `json:"warm_p50"`
	WarmP99                                     *float64 `json:"warm_p99"`
	CI50, CI99                                  []float64
}

func TestAgainstIndependentStatistics(t *testing.T) {
	dir := t.TempDir()
	var names, files []string
	for name, c := range proofSamples() {
		file := filepath.Join(dir, fmt.Sprint(len(files), ".csv"))
		w, err := sample.Create(file)
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(uint64(c.n), 5))
		for i := range c.n {
			s := c.row(rng, i)
			w.AppendRow(&s)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		names, files = append(names, name), append(files, file)
	}
	cmd := exec.CommandContext(t.Context(), "python3", append([]string{"testdata/proof.py"}, files...)...)
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("the independent implementation: %v\n%s", err, &problems)
	}
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	for i, name := range names {
		t.Run(name, func(t *testing.T) {
			var want proof
			if err := json.Unmarshal(lines[i], &want); err != nil {
				t.Fatal(err)
			}
			compareWith(t, summaryOf(t, files[i]), want)
		})
	}
}

func summaryOf(t *testing.T, file string) Summary {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := sample.NewReader(f, file)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Summarize(readAll(rows), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func readAll(rows *sample.Reader) iter.Seq2[sample.Sample, error] {
	return func(yield func(sample.Sample, error) bool) {
		for {
			var s sample.Sample
			if err := rows.Read(&s); err == io.EOF || !yield(s, err) || err != nil {
				return
			}
		}
	}
}

func compareWith(t *testing.T, s Summary, want proof) {
	t.Helper()
	if s.Count != want.Count || s.Errors != want.Errors || s.Cold.Count != want.Cold {
		t.Errorf("%d rows, %d errors, %d cold; want %d, %d, %d", s.Count, s.Errors, s.Cold.Count, want.Count,
			want.Errors, want.Cold)
	}
	for _, v := range []struct {
		name string
		got  Value
		want *float64
	}{
		{"mean", s.Mean, want.Mean}, {"sd", s.SD, want.SD}, {"min", s.Min, want.Min}, {"max", s.Max, want.Max},
		{"p25", s.P25, want.P25},
		{"p50", s.P50, want.P50}, {"p75", s.P75, want.P75}, {"p95", s.P95, want.P95}, {"p99", s.P99, want.P99},
		{"p99.9", s.P999, want.P999},
		{"TMR", s.TMR, want.TMR}, {"cold p50", s.Cold.P50, want.ColdP50}, {"cold p99", s.Cold.P99, want.ColdP99},
		{"warm p50", s.Warm.P50, want.WarmP50}, {"warm p99", s.Warm.P99, want.WarmP99},
	} {
		switch {
		case v.got.OK != (v.want != nil):
			t.Errorf("%s: %+v, want %v", v.name, v.got, v.want)
		case v.want != nil && math.Abs(v.got.V-*v.want) > 1e-9*math.Abs(*v.want):
			t.Errorf("%s: %v, want %v", v.name, v.got.V, *v.want)
		}
	}
	if want.Count < 2 || want.Count > 5000 {
		return
	}
	for _, v := range []struct {
		name string
		got  Interval
		want []float64
	}{{"p50", s.CI50, want.CI50}, {"p99", s.CI99, want.CI99}} {
		if v.got.OK() != (v.want != nil) || v.want != nil && (v.got.Low.V != v.want[0] || v.got.High.V != v.want[1]) {
			t.Errorf("interval of the %s: %+v, want %v", v.name, v.got, v.want)
		}
	}
}

// Ten million samples: mean and percentiles of a distribution that is known, within what its sampling allows, in
// bounded time.
func TestTenMillionSamples(t *testing.T) {
	if raceEnabled {
		t.Log("the race detector makes this ten times as long: a million samples are taken instead")
	}
	n := map[bool]int{true: 1_000_000, false: 10_000_000}[raceEnabled]
	rng := rand.New(rand.NewPCG(10, 7))
	rows := func(yield func(sample.Sample, error) bool) {
		s := sample.Empty()
		s.Cold = sample.No
		for i := range n {
			s.Burst, s.Latency = i/1000, time.Duration(-math.Log(1-rng.Float64())*100e6) // exponential, mean 100 ms
			if !yield(s, nil) {
				return
			}
		}
	}
	s, err := Summarize(rows, Options{})
	if err != nil || s.Count != n {
		t.Fatalf("%d samples, %v", s.Count, err)
	}
	for name, v := range map[string]struct{ got, want float64 }{
		"mean": {s.Mean.V, 100}, "sd": {s.SD.V, 100}, "p50": {s.P50.V, 100 * math.Ln2},
		"p99": {s.P99.V, 100 * math.Log(100)}, "p99.9": {s.P999.V, 100 * math.Log(1000)},
	} {
		if math.Abs(v.got-v.want) > 0.01*v.want {
			t.Errorf("%s is %v, the distribution's is %v", name, v.got, v.want)
		}
	}
	if !s.CI999.OK() || s.CI999.Low.V > 100*math.Log(1000) || s.CI999.High.V < 100*math.Log(1000)*0.995 {
		t.Errorf("interval of the p99.9: %+v", s.CI999)
	}
}
