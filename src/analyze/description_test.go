package analyze

import (
	"math"
	"strings"
	"testing"
)

// TestDescribe compares with values worked out by hand: mean 6, SD of the sample √(60/6), t(6) = 2.44691 and 3.70743.
func TestDescribe(t *testing.T) {
	d := Describe([]float64{10, 2, 4, 6, 3, 8, 9})
	sd := math.Sqrt(58.0 / 6)
	for name, c := range map[string]struct{ got, want float64 }{
		"mean": {d.Mean.V, 6}, "median": {d.Median.V, 6}, "SD": {d.SD.V, sd}, "CV": {d.CV.V, sd / 6},
		"mean 95 low":  {d.Mean95.Low.V, 6 - 2.446912*sd/math.Sqrt(7)},
		"mean 99 high": {d.Mean99.High.V, 6 + 3.707428*sd/math.Sqrt(7)},
		"median 95":    {d.Median95.Low.V, 2}, "median 95 high": {d.Median95.High.V, 10},
	} {
		if math.Abs(c.got-c.want) > 1e-5 {
			t.Errorf("%s: %g, want %g", name, c.got, c.want)
		}
	}
	if d.Median99.OK() || d.Median99.Need != 8 {
		t.Errorf("the median's interval at 99 %% of 7 values: %+v", d.Median99)
	}
	if one := Describe([]float64{5}); one.SD.OK || one.Mean95.OK() || one.Mean.V != 5 {
		t.Errorf("one value: %+v", one)
	}
	if none := Describe(nil); none.Mean.OK || none.Median.OK || none.Count != 0 {
		t.Errorf("no value: %+v", none)
	}
}

// TestMedianIntervalCovers compares ranks with published ones (Conover, table of the sign test) and with Ranks.
func TestMedianInterval(t *testing.T) {
	for n := 6; n <= 200; n++ {
		sorted := make([]float64, n)
		for i := range sorted {
			sorted[i] = float64(i + 1)
		}
		low, high, _ := Ranks(n, Median)
		if got := MedianInterval(sorted, 0.05); got.Low.V != float64(low) || got.High.V != float64(high) {
			t.Errorf("%d values: %+v, want ranks %d and %d", n, got, low, high)
		}
	}
	twenty := make([]float64, 20)
	for i := range twenty {
		twenty[i] = float64(i + 1)
	}
	if got := MedianInterval(twenty, 0.01); got.Low.V != 4 || got.High.V != 17 {
		t.Errorf("20 values at 99 %%: %+v, want ranks 4 and 17", got)
	}
}

func TestWriteDescriptions(t *testing.T) {
	var out strings.Builder
	err := WriteDescriptions(&out, []DescriptionRow{{MemoryMB: 128, Type: "cold", Metric: "client_time (ms)", Wanted: 3,
		Description: Describe([]float64{1, 2, 3})}, {MemoryMB: 256, Type: "warm", Metric: "billed_time_ms (ms)",
		Description: Describe(nil)}})
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	if want := "128,cold,client_time (ms),3,3,2.000000,2.000000,1.000000,0.500000,-0.484138,4.484138,"; len(lines) != 4 ||
		!strings.HasPrefix(lines[1], want) || !strings.HasSuffix(lines[1], ",n<6,n<6,n<8,n<8") {
		t.Errorf("%s", out.String())
	}
	if want := "256,warm,billed_time_ms (ms),0,0,,,,,n<2,n<2,n<2,n<2,n<6,n<6,n<8,n<8"; lines[2] != want {
		t.Errorf("got  %s\nwant %s", lines[2], want)
	}
}
