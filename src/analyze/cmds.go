package analyze

import (
	"fmt"
	"io"
	"slices"
	"strconv"

	"stellar/src/sample"
)

// Cmds are the statistics of the micro-tests of a sub-experiment.
type Cmds struct {
	Numbers []CmdNumber
	Failed  []sample.CmdFailures // of every test, also those that never failed
}

// CmdNumber describes one number of the micro-tests.
type CmdNumber struct {
	Name, Unit    string
	Description   Description
	Min, Max      Value
	P50, P95, P99 Value
}

// DescribeCmds describes the numbers of micro-tests.
func DescribeCmds(numbers []sample.CmdNumbers, failed []sample.CmdFailures) *Cmds {
	c := &Cmds{Failed: failed}
	for _, n := range numbers {
		sorted := slices.Sorted(slices.Values(n.Values))
		d := CmdNumber{Name: n.Name, Unit: n.Unit, Description: Describe(sorted)}
		if len(sorted) > 0 {
			d.Min, d.Max = Of(sorted[0]), Of(sorted[len(sorted)-1])
			d.P50, d.P95, d.P99 = Median.Of(sorted), P95.Of(sorted), P99.Of(sorted)
		}
		c.Numbers = append(c.Numbers, d)
	}
	return c
}

// Findings says in sentences what was found, for the terminal.
func (c *Cmds) Findings() []string {
	var out []string
	for _, n := range c.Numbers {
		if n.Description.Count == 0 {
			continue
		}
		unit := n.Unit
		if unit == "1" {
			unit = ""
		} else {
			unit = " " + unit
		}
		out = append(out, fmt.Sprintf("%s: mean %s, std %s, min %s, P50 %s, P95 %s, P99 %s, max %s%s, n = %d", n.Name,
			digits(n.Description.Mean), digits(n.Description.SD), digits(n.Min), digits(n.P50), digits(n.P95),
			digits(n.P99), digits(n.Max), unit, n.Description.Count))
	}
	for _, f := range c.Failed {
		if f.Rows > 0 {
			out = append(out, fmt.Sprintf("%s failed in %d requests: %s", f.Test, f.Rows, f.Why))
		}
	}
	return out
}

// digits writes a number with four digits that count, without an exponent where it needs none.
func digits(v Value) string {
	if !v.OK {
		return "–"
	}
	const plain = 1e6
	if v.V >= plain {
		return strconv.FormatFloat(v.V, 'g', 4, 64)
	}
	if v.V >= 1000 {
		return strconv.FormatFloat(v.V, 'f', 0, 64)
	}
	return strconv.FormatFloat(v.V, 'g', 4, 64)
}

// Write writes a line for each number: an empty cell where there is no value.
func (c *Cmds) Write(w io.Writer) error {
	count := strconv.Itoa
	lines := [][]string{{"number", "unit", "n", "failed", "mean", "std", "cv", "min", "p50", "p95", "p99", "max",
		"p50_ci95_low", "p50_ci95_high"}}
	for _, n := range c.Numbers {
		unit, failed := n.Unit, 0
		if unit == "1" {
			unit = ""
		}
		for _, f := range c.Failed {
			if f.Test == testOf(n.Name) {
				failed = f.Rows
			}
		}
		line := []string{n.Name, unit, count(n.Description.Count), count(failed)}
		for _, v := range []Value{n.Description.Mean, n.Description.SD, n.Description.CV, n.Min, n.P50, n.P95, n.P99,
			n.Max} {
			line = append(line, v.Format(exactDecimals))
		}
		i := n.Description.Median95
		lines = append(lines, append(line, i.exactCell(i.Low), i.exactCell(i.High)))
	}
	return writeLines(w, lines)
}

// testOf is the micro-test that a number is of.
func testOf(name string) string {
	for i := range name {
		if name[i] == '.' {
			return name[:i]
		}
	}
	return name
}
