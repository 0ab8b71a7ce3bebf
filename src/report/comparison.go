package report

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
)

// ComparisonFile is the table of all comparisons, within the folder of their run.
const ComparisonFile = "comparison.csv"

// ComparisonPlot is the name of a comparison's plot, by the comparison's name.
func ComparisonPlot(name string) string { return "comparison-" + name + ".png" }

// WriteComparisonCSV writes every point of every comparison, a row each. Times are in ms with three decimals; a value
// that does not exist is an empty cell.
func WriteComparisonCSV(w io.Writer, all []analyze.Comparison) error {
	out := csv.NewWriter(w)
	lines := [][]string{comparisonHead()}
	for _, c := range all {
		for _, l := range c.Lines {
			for _, p := range l.Points {
				lines = append(lines, comparisonLine(c, l, p))
			}
		}
	}
	if err := out.WriteAll(lines); err != nil {
		return fmt.Errorf("writing the comparison: %w", err)
	}
	return nil
}

// comparisonHead are the columns of comparison.csv. New ones are appended.
func comparisonHead() []string {
	return []string{"Axis", "Value", "Unit", "Line", "Sub-experiment", "Part", "Count", "Cold Count", "Errors",
		"50%ile", "50%ile CI Low", "50%ile CI High", "99%ile", "99%ile CI Low", "99%ile CI High", "Warm 50%ile",
		"Warm 50%ile CI Low", "Warm 50%ile CI High", "Group", "Part Count", "Finding", "Fastest", "Times Fastest",
		"Times Fastest CI Low", "Times Fastest CI High", "Holm p-value", "Slope (ms per unit)",
		"Slope CI Low (ms per unit)", "Slope CI High (ms per unit)", "Lack-of-fit p-value"}
}

// ratioDecimals are those of ratios, slopes and probabilities.
const ratioDecimals = 6

// comparisonLine is a point's row of comparison.csv.
func comparisonLine(c analyze.Comparison, l analyze.Line, p analyze.Point) []string {
	line := []string{c.Axis.Key, p.Label, c.Axis.Unit, l.Name, strconv.Itoa(p.Sub), c.Part,
		strconv.Itoa(p.Count), p.Cold.Format(0), strconv.Itoa(p.Errors)}
	add := func(decimals int, e analyze.Estimate) {
		for _, v := range []analyze.Value{e.Value, e.Low, e.High} {
			line = append(line, v.Format(decimals))
		}
	}
	for _, e := range []analyze.Estimate{p.MainP50, p.MainP99, p.WarmP50} {
		add(3, e)
	}
	fastest := ""
	if len(l.Fastest) > 0 {
		fastest = l.Points[l.Fastest[0]].Label
	}
	line = append(line, c.Axis.Group, strconv.Itoa(p.N), l.Finding, fastest)
	var ratio, slope analyze.Estimate
	var probability analyze.Value
	for _, pair := range c.Pairs {
		if pair.Line == l.Name && pair.Sub == p.Sub {
			ratio, probability = pair.Ratio, pair.P
		}
	}
	if l.Slope != nil {
		slope = *l.Slope
	}
	add(ratioDecimals, ratio)
	line = append(line, probability.Format(ratioDecimals))
	add(ratioDecimals, slope)
	return append(line, l.FitP.Format(ratioDecimals))
}

// Comparisons writes for each comparison a table of its values, and what that means in words. The error is the
// writer's.
func Comparisons(w io.Writer, all []analyze.Comparison, o SummaryOptions) error {
	out := bufio.NewWriter(w)
	var without []string
	for _, c := range all {
		fmt.Fprintln(out)
		o.sentence(out, o.bold(comparisonTitle(c))+", 95 % intervals over whole bursts")
		t := comparisonTable(c)
		if dropped := t.write(out, o); len(dropped) == 0 {
			without = append(without, withoutInterval(t)...)
		}
		for _, text := range ComparisonWords(c) {
			o.sentence(out, text)
		}
	}
	slices.Sort(without)
	if texts := append(comparisonTests(all), slices.Compact(without)...); len(texts) > 0 {
		fmt.Fprintln(out)
		for _, text := range texts {
			o.sentence(out, text)
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("writing the comparison: %w", err)
	}
	return nil
}

// withoutInterval explains the cells of a table that have no interval because the sample is too small.
func withoutInterval(t Table) (out []string) {
	for _, q := range []analyze.Quantile{analyze.Median, analyze.P99} {
		cell := tooFew(q)
		if slices.ContainsFunc(t.Columns, func(c Column) bool { return slices.Contains(c.Cells, cell) }) {
			out = append(out, fmt.Sprintf("%s: fewer than the %d latencies that an interval of the p%g needs", cell,
				analyze.MinSamples(q), float64(q)/10))
		}
	}
	return out
}

// tooFew is the cell of an interval that takes more samples.
func tooFew(q analyze.Quantile) string { return fmt.Sprintf("n<%d", analyze.MinSamples(q)) }

// comparisonTests says how differences are found, and what they leave out.
func comparisonTests(all []analyze.Comparison) (out []string) {
	if len(all) == 0 || all[0].Tests == 0 {
		return nil
	}
	tests, blocks, apart := all[0].Tests, 0, false
	for _, c := range all {
		for _, l := range c.Lines {
			blocks = max(blocks, l.Blocks)
			apart = apart || l.Blocks == 0 && l.Finding != analyze.FindingLittle
		}
	}
	name := rankSumName
	if blocks > 0 {
		name = fmt.Sprintf("signed-rank test over %d blocks", blocks)
	}
	out = append(out, testWords(name, tests))
	if text := driftWords(all[0].Order); apart && text != "" {
		out = append(out, text)
	}
	return out
}

// rankSumName is the test of what was not measured in blocks.
const rankSumName = "rank-sum test over whole bursts"

// testWords says how so many differences are found.
func testWords(name string, tests int) string {
	if tests == 1 {
		return "differences: " + name + ", at 5 %"
	}
	return fmt.Sprintf("differences: %s, at 5 %% over all %d comparisons (Holm)",
		strings.Replace(name, " test ", " tests ", 1), tests)
}

// driftWords says what an order of the sub-experiments leaves in their differences; empty: nothing that is known.
func driftWords(order string) string {
	switch order {
	case analyze.Sequential:
		return "sub-experiments ran one after the other: a drift of the platform is in these differences; Order " +
			"interleaved avoids that"
	case analyze.Parallel:
		return "sub-experiments ran side by side: what they do to each other is in these differences, and a drift is " +
			"not separated; Order interleaved avoids both"
	}
	return ""
}

// comparisonTitle says what is compared.
func comparisonTitle(c analyze.Comparison) string {
	text := "latency by " + printable(c.Axis.Key)
	if c.Part != analyze.All.String() {
		text = c.Part + " " + text
	}
	if c.Axis.Group != "" {
		text = printable(c.Axis.Group) + ": " + text
	}
	if len(c.Axis.With) > 0 {
		text += " (" + printable(strings.Join(c.Axis.With, ", ")) + " differs with it)"
	}
	return text
}

// comparisonTable has a row for each point. The lines' names are its titles where there are several lines.
func comparisonTable(c analyze.Comparison) Table {
	part := c.Part + " "
	if c.Part == analyze.All.String() {
		part = ""
	}
	value := Column{Name: printable(c.Axis.ShortKey()), Left: c.Axis.Values == nil}
	of := Column{Name: "where", Left: true}
	n, p50, p99 := Column{Name: "n"}, Column{Name: part + "p50"}, Column{Name: part + "p99", Drop: 2}
	around50, around99 := Column{Name: "95 %"}, Column{Name: "95 %", Drop: 1}
	named := false
	for _, l := range c.Lines {
		named = named || l.Name != ""
		for _, p := range l.Points {
			main, tail := p.MainP50, p.MainP99
			if p.N < analyze.MinSamples(analyze.Median) {
				main, tail = analyze.Estimate{}, analyze.Estimate{}
			}
			value.Cells = append(value.Cells, labelled(c.Axis, p.Label))
			of.Cells = append(of.Cells, printable(l.Name))
			n.Cells = append(n.Cells, strconv.Itoa(p.N))
			p50.Cells = append(p50.Cells, duration(main.Value))
			around50.Cells = append(around50.Cells, interval(main, p.N, analyze.Median))
			p99.Cells = append(p99.Cells, duration(tail.Value))
			around99.Cells = append(around99.Cells, interval(tail, p.N, analyze.P99))
		}
	}
	t := Table{Columns: []Column{value, n, p50, around50, p99, around99}, Title: -1}
	if named {
		t.Columns, t.Title = append([]Column{of}, t.Columns...), 0
	}
	return t
}

// labelled is a value of an axis, with its unit.
func labelled(a analyze.Axis, label string) string {
	if a.Values == nil || a.Unit == "" || strings.HasSuffix(label, a.Unit) || strings.HasSuffix(label, "s") {
		return printable(label) // durations say their units
	}
	return printable(label) + " " + a.Unit
}

// interval writes the bounds, or why the sample has none.
func interval(e analyze.Estimate, n int, q analyze.Quantile) string {
	if !e.Low.OK || !e.High.OK {
		if n > 0 && n < analyze.MinSamples(q) {
			return tooFew(q)
		}
		return noValue
	}
	return short(e.Low.V) + "…" + short(e.High.V)
}
