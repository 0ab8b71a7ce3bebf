package analyze

// Quantile is a quantile in thousandths (990 is the 99th percentile). Thousandths keep ranks in integers: 0.07 × 100 is
// 7.000000000000001 in floating point and would select the eighth sample.
type Quantile int

// The quantiles that the tool reports.
const (
	P25    Quantile = 250
	Median Quantile = 500
	P75    Quantile = 750
	P90    Quantile = 900
	P95    Quantile = 950
	P99    Quantile = 990
	P999   Quantile = 999
)

// Rank is the quantile's nearest rank, from 1: the smallest r with r/n ≥ q. It is 0 if n is 0.
func (q Quantile) Rank(n int) int {
	if n <= 0 {
		return 0
	}
	r := (int64(n)*int64(q) + 999) / 1000
	return int(min(max(r, 1), int64(n)))
}

// Of is the quantile of a sample in ascending order: the nearest-rank element, without interpolation.
func (q Quantile) Of(sorted []float64) Value {
	if len(sorted) == 0 {
		return Value{}
	}
	return Of(sorted[q.Rank(len(sorted))-1])
}

func (q Quantile) fraction() float64 { return float64(q) / 1000 }
