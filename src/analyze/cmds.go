package analyze

import (
	"fmt"
	"io"
	"strconv"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// Cmds are the statistics of the micro-tests of a sub-experiment.
type Cmds struct {
	Numbers []Number
	Failed  []sample.CmdFailures // of every test, also those that never failed
}

// DescribeCmds describes the numbers of micro-tests.
func DescribeCmds(numbers []sample.CmdNumbers, failed []sample.CmdFailures) *Cmds {
	c := &Cmds{Failed: failed}
	for _, n := range numbers {
		c.Numbers = append(c.Numbers, DescribeNumber(n.Name, n.Unit, n.Values))
	}
	return c
}

// Findings says in sentences what was found, for the terminal.
func (c *Cmds) Findings() []string {
	var out []string
	for _, n := range c.Numbers {
		if n.Description.Count > 0 {
			out = append(out, n.Finding())
		}
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
	lines := [][]string{numberHeader("failed")}
	for _, n := range c.Numbers {
		failed := 0
		for _, f := range c.Failed {
			if f.Test == testOf(n.Name) {
				failed = f.Rows
			}
		}
		lines = append(lines, n.line(failed))
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
