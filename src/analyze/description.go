package analyze

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"

	"github.com/vhive-serverless/STeLLAR/src/analyze/distribution"
)

// Description is a sample of values in numbers.
type Description struct {
	Count              int
	Mean, Median       Value
	SD                 Value // of the sample
	CV                 Value // SD over the mean
	Mean95, Mean99     Interval
	Median95, Median99 Interval
}

// Describe describes values in any order.
func Describe(values []float64) Description {
	sorted := slices.Sorted(slices.Values(values))
	d := Description{Count: len(sorted), Median: Median.Of(sorted)}
	d.Mean, d.SD = moments(sorted)
	d.CV = Ratio(d.SD, d.Mean)
	d.Mean95, d.Mean99 = meanInterval(d, 0.05), meanInterval(d, 0.01)
	d.Median95, d.Median99 = MedianInterval(sorted, 0.05), MedianInterval(sorted, 0.01)
	return d
}

// meanInterval is Student's interval of the mean at the level 1 - alpha: mean ± t · SD / √n with n - 1 degrees of
// freedom. It holds for samples that are about normal or large.
func meanInterval(d Description, alpha float64) Interval {
	const need = 2
	if d.Count < need || !d.SD.OK {
		return Interval{Need: need}
	}
	n := float64(d.Count)
	half := distribution.StudentQuantile(1-alpha/2, n-1) * d.SD.V / math.Sqrt(n)
	return Interval{Low: Of(d.Mean.V - half), High: Of(d.Mean.V + half), Need: need}
}

// MedianInterval is the distribution-free interval of the median at the level 1 - alpha, from order statistics of an
// ascending sample: the narrowest pair of equal ranks from both ends with at most alpha/2 in each tail (Conover,
// Practical Nonparametric Statistics, §3.2).
func MedianInterval(sorted []float64, alpha float64) Interval {
	need := int(math.Ceil(math.Log2(2 / alpha)))
	n := len(sorted)
	if n < need {
		return Interval{Need: need}
	}
	rank := lowerRank(n, 0.5, alpha/2)
	return Interval{Low: Of(sorted[rank-1]), High: Of(sorted[n-rank]), Need: need}
}

// DescriptionRow is a line of a table of descriptions.
type DescriptionRow struct {
	MemoryMB int
	Type     string // of invocation
	Metric   string // with its unit
	Wanted   int    // values asked for
	Description
}

// WriteDescriptions writes the table: an empty cell where there is no value, `n<6` where an interval needs more.
func WriteDescriptions(w io.Writer, rows []DescriptionRow) error {
	lines := [][]string{{"memory", "type", "metric", "wanted", "n", "mean", "median", "std", "cv", "mean_ci95_low",
		"mean_ci95_high", "mean_ci99_low", "mean_ci99_high", "median_ci95_low", "median_ci95_high", "median_ci99_low",
		"median_ci99_high"}}
	for _, r := range rows {
		line := []string{strconv.Itoa(r.MemoryMB), r.Type, r.Metric, strconv.Itoa(r.Wanted), strconv.Itoa(r.Count)}
		for _, v := range []Value{r.Mean, r.Median, r.SD, r.CV} {
			line = append(line, v.Format(exactDecimals))
		}
		for _, i := range []Interval{r.Mean95, r.Mean99, r.Median95, r.Median99} {
			line = append(line, i.exactCell(i.Low), i.exactCell(i.High))
		}
		lines = append(lines, line)
	}
	if err := csv.NewWriter(w).WriteAll(lines); err != nil {
		return fmt.Errorf("writing statistics: %w", err)
	}
	return nil
}

// exactCell is cell with six decimals.
func (i Interval) exactCell(bound Value) string {
	if !i.OK() {
		return i.cell(bound)
	}
	return bound.Format(exactDecimals)
}
