package analyze

import (
	"fmt"
	"io"
	"slices"
	"strconv"
)

// Number describes one number that many requests have.
type Number struct {
	Name, Unit    string // Unit is "1" where it has none
	Description   Description
	Min, Max      Value
	P50, P95, P99 Value
}

// DescribeNumber describes a number by its values, in any order.
func DescribeNumber(name, unit string, values []float64) Number {
	sorted := slices.Sorted(slices.Values(values))
	n := Number{Name: name, Unit: unit, Description: Describe(sorted)}
	if len(sorted) > 0 {
		n.Min, n.Max = Of(sorted[0]), Of(sorted[len(sorted)-1])
		n.P50, n.P95, n.P99 = Median.Of(sorted), P95.Of(sorted), P99.Of(sorted)
	}
	return n
}

// Finding describes the number in a sentence, for the terminal.
func (n Number) Finding() string {
	unit := ""
	if n.Unit != "1" {
		unit = " " + n.Unit
	}
	return fmt.Sprintf("%s: mean %s, std %s, min %s, P50 %s, P95 %s, P99 %s, max %s%s, n = %d", n.Name,
		digits(n.Description.Mean), digits(n.Description.SD), digits(n.Min), digits(n.P50), digits(n.P95),
		digits(n.P99), digits(n.Max), unit, n.Description.Count)
}

// numberHeader is the first line of a file of numbers. without names the column of how many requests do not have the
// number.
func numberHeader(without string) []string {
	return []string{"number", "unit", "n", without, "mean", "std", "cv", "min", "p50", "p95", "p99", "max",
		"p50_ci95_low", "p50_ci95_high"}
}

// line is the number's line in a file. without is how many requests do not have it.
func (n Number) line(without int) []string {
	unit := n.Unit
	if unit == "1" {
		unit = ""
	}
	out := []string{n.Name, unit, strconv.Itoa(n.Description.Count), strconv.Itoa(without)}
	for _, v := range []Value{n.Description.Mean, n.Description.SD, n.Description.CV, n.Min, n.P50, n.P95, n.P99,
		n.Max} {
		out = append(out, v.Format(exactDecimals))
	}
	i := n.Description.Median95
	return append(out, i.exactCell(i.Low), i.exactCell(i.High))
}

// WriteNumbers writes a line for each number of so many requests: an empty cell where there is no value.
func WriteNumbers(w io.Writer, numbers []Number, requests int) error {
	lines := [][]string{numberHeader("missing")}
	for _, n := range numbers {
		lines = append(lines, n.line(requests-n.Description.Count))
	}
	return writeLines(w, lines)
}
