package change

import (
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
)

// golden is testdata/scipy.json, which scripts/compare-golden.py writes by SciPy.
type golden struct {
	Cases []struct {
		Name      string                `json:"name"`
		A         [][]float64           `json:"a"` // ms, by burst
		B         [][]float64           `json:"b"`
		Want      map[string]goldenWant `json:"want"`
		Bootstrap []float64             `json:"bootstrap_mean_ratio"`
	} `json:"cases"`
	Shares []struct {
		Failed, N int
		Low, High float64
	} `json:"shares"`
	Ties []struct {
		A, B []float64
		P    float64
	} `json:"ties"`
}

type goldenWant struct {
	A, B       float64
	Difference []float64  `json:"difference"` // none: too few samples
	Ratio      []float64  `json:"ratio"`
	P          *float64   `json:"p"`
	SciPyA     []*float64 `json:"scipy_a"` // SciPy's own interval, between whole order statistics
	SciPyB     []*float64 `json:"scipy_b"`
}

func readGolden(t *testing.T) golden {
	t.Helper()
	text, err := os.ReadFile("testdata/scipy.json")
	var g golden
	if err == nil {
		err = json.Unmarshal(text, &g)
	}
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func recorded(bursts [][]float64) Sub {
	var list []analyze.Burst
	for i, b := range bursts {
		list = append(list, analyze.Burst{Number: i, Latencies: b, Unknown: len(b)})
	}
	return Sub{Bursts: analyze.MakeBursts(list)}
}

func near(got analyze.Value, want, tolerance float64) bool {
	return got.OK && math.Abs(got.V-want) <= tolerance*math.Max(1, math.Abs(want))
}

// TestSciPy compares values, intervals and tests with those that NumPy and SciPy compute of the same rows.
func TestSciPy(t *testing.T) {
	for _, c := range readGolden(t).Cases {
		for _, got := range changes(recorded(c.A), recorded(c.B)) {
			name := c.Name + ": " + got.Metric
			want, ok := c.Want[got.Metric[len("all."):]]
			if got.Unit != MS || !ok {
				continue
			}
			delete(c.Want, got.Metric[len("all."):])
			if !near(got.A.Value, want.A, 1e-9) || !near(got.B.Value, want.B, 1e-9) {
				t.Errorf("%s: values %v and %v, want %v and %v", name, got.A.Value, got.B.Value, want.A, want.B)
			}
			if (want.Difference != nil) != got.Difference.Low.OK {
				t.Errorf("%s: difference %+v, want %v", name, got.Difference, want.Difference)
				continue
			}
			if want.Difference == nil {
				continue
			}
			const digits = 1e-7
			if !near(got.Difference.Low, want.Difference[0], digits) ||
				!near(got.Difference.High, want.Difference[1], digits) ||
				!near(got.Ratio.Low, want.Ratio[0], digits) || !near(got.Ratio.High, want.Ratio[1], digits) {
				t.Errorf("%s: difference %+v and ratio %+v, want %v and %v", name, got.Difference, got.Ratio,
					want.Difference, want.Ratio)
			}
			if want.P != nil && !near(got.P, *want.P, 1e-9) {
				t.Errorf("%s: p = %v, want %v", name, got.P, *want.P)
			}
			within(t, name, got.A, want.SciPyA)
			within(t, name, got.B, want.SciPyB)
			if got.Metric == "all.mean" && !strings.HasPrefix(c.Name, "neighbours alike") {
				similar(t, name, got.Ratio, c.Bootstrap)
			}
		}
		if len(c.Want) > 0 {
			t.Errorf("%s: not compared: %v", c.Name, c.Want)
		}
	}
}

// within checks that an interval is within SciPy's, which ends at whole order statistics further out.
func within(t *testing.T, name string, got analyze.Estimate, outer []*float64) {
	t.Helper()
	if len(outer) == 2 && (outer[0] != nil && got.Low.V < *outer[0] || outer[1] != nil && got.High.V > *outer[1]) {
		t.Errorf("%s: %+v goes beyond SciPy's interval from %v to %v", name, got, *outer[0], *outer[1])
	}
}

// similar checks that an interval is like that of another method, SciPy's bootstrap of whole bursts.
func similar(t *testing.T, name string, got analyze.Estimate, want []float64) {
	t.Helper()
	width := want[1] - want[0]
	if math.Abs(got.Low.V-want[0]) > 0.12*width || math.Abs(got.High.V-want[1]) > 0.12*width {
		t.Errorf("%s: %+v, and by the bootstrap %v", name, got, want)
	}
}

// TestShares compares Wilson's interval with SciPy's, for single requests.
func TestShares(t *testing.T) {
	for _, c := range readGolden(t).Shares {
		var of totals
		for i := range c.N {
			of.add(float64((i+1)*c.Failed/c.N-i*c.Failed/c.N), 1)
		}
		got := joined(of).share()
		if !near(got.Low, 100*c.Low, 1e-9) || !near(got.High, 100*c.High, 1e-9) {
			t.Errorf("%d of %d: %+v, want %v to %v", c.Failed, c.N, got.Estimate, 100*c.Low, 100*c.High)
		}
	}
}

// TestExactWithTies compares the rank-sum test of tied values with SciPy's count of all permutations.
func TestExactWithTies(t *testing.T) {
	for _, c := range readGolden(t).Ties {
		if p, _ := analyze.RankSum(c.A, c.B); math.Abs(p-c.P) > 1e-12 {
			t.Errorf("%v and %v: p = %v, want %v", c.A, c.B, p, c.P)
		}
	}
}
