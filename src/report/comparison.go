package report

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"stellar/src/analyze"
)

// Comparison files, within the folder of their run.
const ComparisonFile = "comparison.csv"

// ComparisonPlot is the name of one axis's plot.
func ComparisonPlot(axis string) string { return "comparison-" + axis + ".png" }

// WriteComparisonCSV writes every point of every comparison, a row each. Times are in ms with three decimals; a value
// that does not exist is an empty cell.
func WriteComparisonCSV(w io.Writer, all []analyze.Comparison) error {
	out := csv.NewWriter(w)
	lines := [][]string{{"Axis", "Value", "Unit", "Line", "Sub-experiment", "Part", "Count", "Cold Count", "Errors",
		"50%ile", "50%ile CI Low", "50%ile CI High", "99%ile", "99%ile CI Low", "99%ile CI High", "Warm 50%ile",
		"Warm 50%ile CI Low", "Warm 50%ile CI High"}}
	ms := func(values ...analyze.Value) (cells []string) {
		for _, v := range values {
			cells = append(cells, v.Format(3))
		}
		return cells
	}
	for _, c := range all {
		for _, l := range c.Lines {
			for _, p := range l.Points {
				line := []string{c.Axis.Key, p.Label, c.Axis.Unit, l.Name, strconv.Itoa(p.Sub), c.Part,
					strconv.Itoa(p.Count), strconv.Itoa(p.Cold), strconv.Itoa(p.Errors)}
				for _, e := range []analyze.Estimate{p.MainP50, p.MainP99, p.WarmP50} {
					line = append(line, ms(e.Value, e.Low, e.High)...)
				}
				lines = append(lines, line)
			}
		}
	}
	if err := out.WriteAll(lines); err != nil {
		return fmt.Errorf("writing the comparison: %w", err)
	}
	return nil
}

// Comparisons writes the tables: for each axis a row for each of its values and lines, then what that means: the slope
// along a numeric axis, the second of two values against the first. The error is the writer's.
func Comparisons(w io.Writer, all []analyze.Comparison) error {
	out := bufio.NewWriter(w)
	for _, c := range all {
		fmt.Fprintf(out, "\n%s latency by %s, 95 %% intervals over whole bursts\n", c.Part, c.Axis.Key)
		lines := comparisonCells(c)
		widths, _ := fitWidths(lines, 0)
		writeTable(out, lines, widths)
		for _, l := range c.Lines {
			if l.Slope != nil {
				fmt.Fprintf(out, "%s\n", slopeWords(c, l))
			}
		}
		for _, p := range c.Pairs {
			fmt.Fprintf(out, "%s\n", pairWords(c, p))
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("writing the comparison: %w", err)
	}
	return nil
}

func comparisonCells(c analyze.Comparison) [][]string {
	name := c.Axis.Key
	if c.Axis.Unit != "" {
		name += " (" + c.Axis.Unit + ")"
	}
	head := []string{name, "of", "n", c.Part + " p50", "95 %", c.Part + " p99", "95 %"}
	if c.Part == "cold" {
		head = append(head, "warm p50")
	}
	lines := [][]string{head}
	for _, l := range c.Lines {
		for _, p := range l.Points {
			n := p.Count
			if c.Part == "cold" {
				n = p.Cold
			}
			line := []string{printable(p.Label), printable(named(l.Name)), strconv.Itoa(n), duration(p.MainP50.Value),
				interval(p.MainP50, n, analyze.Median),
				duration(p.MainP99.Value), interval(p.MainP99, n, analyze.P99)}
			if c.Part == "cold" {
				line = append(line, duration(p.WarmP50.Value))
			}
			lines = append(lines, line)
		}
	}
	return lines
}

func named(line string) string {
	if line == "" {
		return noValue
	}
	return line
}

// interval writes the bounds, or why the sample has none.
func interval(e analyze.Estimate, n int, q analyze.Quantile) string {
	if !e.Low.OK || !e.High.OK {
		if need := analyze.MinSamples(q); e.Value.OK && n < need {
			return fmt.Sprintf("n<%d", need)
		}
		return noValue
	}
	return short(e.Low.V) + "…" + short(e.High.V)
}

// perUnits is the number of units for which a slope is printed: the number for one MiB would have many zeros.
const perUnits = 10

func slopeWords(c analyze.Comparison, l analyze.Line) string {
	s := *l.Slope
	what := "each " + strconv.Itoa(perUnits) + " " + c.Axis.Unit
	if c.Axis.Unit == "" {
		what = "each " + strconv.Itoa(perUnits) + " of " + c.Axis.Key
	}
	text := fmt.Sprintf("%s: %s adds %s ms to the median", named(l.Name), what, signed(s.Value.V*perUnits))
	if l.Name == "" {
		text = fmt.Sprintf("%s adds %s ms to the median", what, signed(s.Value.V*perUnits))
	}
	if !s.Low.OK || !s.High.OK {
		return text
	}
	text += fmt.Sprintf(" (95 %%: %s … %s)", signed(s.Low.V*perUnits), signed(s.High.V*perUnits))
	if s.Low.V <= 0 && s.High.V >= 0 {
		text += ", which is no significant difference"
	}
	return text
}

// signed writes a number with three significant digits, and from 1000 on with all its whole ones.
func signed(v float64) string {
	if math.Abs(v) >= 999.5 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

func pairWords(c analyze.Comparison, p analyze.Pair) string {
	text := fmt.Sprintf("%s against %s: %s times the median, %s ms more", p.Second, p.First, signed(p.Ratio.Value.V),
		signed(p.Difference.Value.V))
	if p.Difference.Value.V < 0 {
		text = fmt.Sprintf("%s against %s: %s times the median, %s ms less", p.Second, p.First, signed(p.Ratio.Value.V),
			signed(-p.Difference.Value.V))
	}
	if p.Line != "" {
		text = p.Line + ": " + text
	}
	if d := p.Difference; d.Low.OK && d.High.OK {
		text += fmt.Sprintf(" (95 %%: %s … %s ms)", signed(d.Low.V), signed(d.High.V))
		if d.Low.V <= 0 && d.High.V >= 0 {
			text += ", which is no significant difference"
		}
	}
	return strings.TrimSpace(text)
}
