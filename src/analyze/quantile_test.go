package analyze

import (
	"encoding/json"
	"math"
	"testing"
)

func TestRank(t *testing.T) {
	for _, c := range []struct {
		q       Quantile
		n, want int
	}{
		{Median, 0, 0}, {Median, -1, 0}, {Median, 1, 1}, {Median, 2, 1}, {Median, 3, 2}, {Median, 100, 50},
		{Median, 101, 51},
		{P99, 1, 1}, {P99, 99, 99}, {P99, 100, 99}, {P99, 101, 100}, {P99, 1000, 990},
		{P999, 999, 999}, {P999, 1000, 999}, {P999, 1001, 1000}, {P25, 4, 1}, {P25, 5, 2},
		{70, 100, 7}, // 0.07 × 100 is 7.000000000000001
		{0, 10, 1}, {1000, 10, 10},
		{P99, math.MaxInt32, 2126008811}, // ⌈0.99 × (2³¹ − 1)⌉: no overflow on the way
	} {
		if got := c.q.Rank(c.n); got != c.want {
			t.Errorf("rank of %d in %d samples: %d, want %d", c.q, c.n, got, c.want)
		}
	}
	if Median.Of(nil).OK {
		t.Error("the median of nothing exists")
	}
}

func TestValue(t *testing.T) {
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		if got := Of(v); got != (Value{}) || got.Format(3) != "" {
			t.Errorf("Of(%v) = %+v", v, got)
		}
	}
	for name, v := range map[string]Value{"over zero": Ratio(Of(1), Of(0)), "zero over zero": Ratio(Of(0), Of(0)),
		"of nothing": Ratio(Value{}, Of(1)), "over nothing": Ratio(Of(1), Value{})} {
		if v.OK {
			t.Errorf("ratio %s is %v", name, v.V)
		}
	}
	data, err := json.Marshal(map[string]Value{"a": Of(1.5), "b": {}})
	if err != nil || string(data) != `{"a":1.5,"b":null}` {
		t.Errorf("%s, %v", data, err)
	}
	var back map[string]Value
	if err := json.Unmarshal(data, &back); err != nil || back["a"] != Of(1.5) || back["b"].OK {
		t.Errorf("read back: %v, %v", back, err)
	}
	if err := json.Unmarshal([]byte(`{"a":"x"}`), &back); err == nil {
		t.Error("a string was read as a value")
	}
}

func TestBins(t *testing.T) {
	if h := Bins(nil, 100); len(h.Counts) != 0 {
		t.Errorf("bins of nothing: %+v", h)
	}
	if h := Bins([]float64{1, math.Inf(1)}, 100); len(h.Counts) != 0 {
		t.Errorf("bins of an infinity: %+v", h)
	}
	if h := Bins([]float64{20, 20, 20}, 100); len(h.Counts) != 1 || h.Counts[0] != 3 || h.Edges[0] != 19 ||
		h.Edges[1] != 21 {
		t.Errorf("bins of equal values: %+v", h)
	}
	if h := Bins([]float64{0}, 100); h.Edges[0] != -0.5 || h.Edges[1] != 0.5 {
		t.Errorf("bins of a zero: %+v", h)
	}
	uniform := make([]float64, 1000)
	for i := range uniform {
		uniform[i] = float64(i)
	}
	// IQR 500, so the width is 2·500/10 = 100 and 999/100 makes ten bins.
	if h := Bins(uniform, 100); len(h.Counts) != 10 {
		t.Errorf("%d bins, want 10 by Freedman and Diaconis", len(h.Counts))
	}
	outlier := append(uniform[:999:999], 1e12)
	h := Bins(outlier, 100)
	if len(h.Counts) != 100 || h.Counts[0] != 999 || h.Counts[99] != 1 {
		t.Errorf("an outlier: %d bins, first %d", len(h.Counts), h.Counts[0])
	}
	// A value on an edge belongs to the bin above it: 0 to 4 and 5 to 10.
	if h := Bins([]float64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 100); len(h.Counts) != 2 || h.Counts[0] != 5 ||
		h.Counts[1] != 6 {
		t.Errorf("a value on an edge: %+v", h)
	}
	// Equal quartiles: Sturges' rule, 1 + log₂ 16 = 5 bins.
	flat := []float64{0, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 10}
	if h := Bins(flat, 100); len(h.Counts) != 5 || h.Counts[2] != 14 {
		t.Errorf("equal quartiles: %+v", h)
	}
	for name, xs := range map[string][]float64{"uniform": uniform, "outlier": outlier, "flat": flat} {
		total := 0
		for _, c := range Bins(xs, 37).Counts {
			total += c
		}
		if total != len(xs) {
			t.Errorf("%s: %d of %d values are in a bin", name, total, len(xs))
		}
	}
}
