package report

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/analyze/change"
)

// Changed is the comparison of a run with another one, and what a reader must know of both.
type Changed struct {
	change.Result
	Differences []KeyDifference `json:"differences,omitempty"` // of their experiments
	Warnings    []string        `json:"warnings,omitempty"`
}

// KeyDifference is a key that two experiments have with different values.
type KeyDifference struct {
	Where string `json:"where,omitempty"` // title of the sub-experiment; empty: the key is the experiment's own
	Key   string `json:"key"`
	A     string `json:"a"`
	B     string `json:"b"`
}

// Changes writes for each comparison what differs in the experiments, a table of the metrics, and what was found. The
// error is the writer's.
func Changes(w io.Writer, all []Changed, o SummaryOptions) error {
	out := bufio.NewWriter(w)
	for i, c := range all {
		if i > 0 {
			fmt.Fprintln(out)
		}
		o.sentence(out, o.bold("A "+printable(c.A)+", B "+printable(c.B)))
		for _, line := range Remarks(c) {
			o.sentence(out, line)
		}
		writeKeys(out, c.Differences, o)
		fmt.Fprintln(out)
		changeTable(c).write(out, o)
		fmt.Fprintln(out)
		for _, line := range FoundWords(c) {
			o.sentence(out, line)
		}
	}
	if len(all) > 0 {
		o.sentence(out, ChangeMethod(all[0].Tests))
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("writing the comparison: %w", err)
	}
	return nil
}

// Remarks are the warnings, and the sub-experiments that are not compared.
func Remarks(c Changed) []string {
	var out []string
	for _, text := range c.Warnings {
		out = append(out, "warning: "+printable(text))
	}
	for _, only := range []struct {
		run    string
		titles []string
	}{{"A", c.OnlyA}, {"B", c.OnlyB}} {
		if len(only.titles) > 0 {
			out = append(out, "warning: only in "+only.run+", so not compared: "+
				printable(strings.Join(only.titles, ", ")))
		}
	}
	return out
}

// writeKeys writes the table of what differs in two experiments. A value that is the same in all sub-experiments is
// told once.
func writeKeys(w *bufio.Writer, all []KeyDifference, o SummaryOptions) {
	if len(all) == 0 {
		return
	}
	where, key := Column{Name: "sub-experiment", Left: true}, Column{Name: "key", Left: true}
	a, b := Column{Name: "A", Left: true}, Column{Name: "B", Left: true}
	for _, d := range all {
		where.Cells = append(where.Cells, printable(d.Where))
		key.Cells = append(key.Cells, printable(d.Key))
		a.Cells = append(a.Cells, cut(printable(d.A), longestValue))
		b.Cells = append(b.Cells, cut(printable(d.B), longestValue))
	}
	fmt.Fprintln(w)
	o.sentence(w, "the experiments differ:")
	Table{Columns: []Column{where, key, a, b}, Title: 0}.write(w, o)
}

// longestValue is the number of columns that a value of a key takes at most.
const longestValue = 40

// changeTable has a row for each metric of each sub-experiment.
func changeTable(c Changed) Table {
	title, metric := Column{Name: "sub-experiment", Left: true}, Column{Name: "metric", Left: true}
	a, b := Column{Name: "A"}, Column{Name: "B"}
	by, around := Column{Name: "change"}, Column{Name: "95 %", Drop: 2}
	p, verdict := Column{Name: "p", Drop: 1}, Column{Name: "verdict", Left: true}
	for _, sub := range c.Subs {
		for _, m := range sub.Changes {
			title.Cells = append(title.Cells, printable(sub.Title))
			metric.Cells = append(metric.Cells, metricWords(m.Metric))
			a.Cells, b.Cells = append(a.Cells, Measured(m, m.A.Value)), append(b.Cells, Measured(m, m.B.Value))
			value, bounds := ChangeWords(m)
			by.Cells, around.Cells = append(by.Cells, value), append(around.Cells, bounds)
			p.Cells = append(p.Cells, ProbabilityCell(m.P))
			verdict.Cells = append(verdict.Cells, VerdictWords(m))
		}
	}
	return Table{Columns: []Column{title, metric, a, b, by, around, p, verdict}, Title: 0}
}

// metricWords is a metric's name for a table: cold p50, error share.
func metricWords(name string) string {
	switch name {
	case "errors":
		return "error share"
	case "cost":
		return "USD/1M"
	}
	return strings.Replace(name, ".", " ", 1)
}

// Measured is a value of a metric with its unit.
func Measured(m change.Change, v analyze.Value) string {
	switch {
	case !v.OK:
		return noValue
	case m.Unit == change.MS:
		return duration(v)
	case m.Unit == change.Points:
		return trimmed(rounded(v.V)) + " %"
	}
	return money(v)
}

// rounded is a number with three significant digits, and at most two decimals.
func rounded(v float64) float64 {
	if v == 0 {
		return 0
	}
	digits := math.Pow10(min(2, 2-int(math.Floor(math.Log10(math.Abs(v))))))
	return math.Round(v*digits) / digits
}

// ChangeWords are the change and its interval: in percent of A, of shares in percentage points. A cost where A has none
// has no ratio, so that its difference is told.
func ChangeWords(m change.Change) (value, bounds string) {
	e, unit := m.Relative(), " %"
	if m.Unit == change.Points {
		unit = " pp"
	}
	if !e.Value.OK && m.Unit != change.Points { // A is 0
		e, unit = m.Difference, map[string]string{change.USD: " USD", change.MS: " ms"}[m.Unit]
	}
	if !e.Value.OK {
		return noValue, noValue
	}
	value, bounds = Plus(e.Value.V)+unit, noValue
	if e.Low.OK && e.High.OK {
		bounds = Plus(e.Low.V) + "…" + Plus(e.High.V)
	}
	return value, bounds
}

// Plus is a number with its sign.
func Plus(v float64) string {
	text := trimmed(rounded(v))
	switch {
	case text == "-0":
		return "0"
	case v > 0 && text != "0":
		return "+" + text
	}
	return text
}

// ProbabilityCell is a probability for a table.
func ProbabilityCell(v analyze.Value) string {
	switch {
	case !v.OK:
		return noValue
	case v.V < 0.001:
		return "<0.001"
	}
	return strconv.FormatFloat(v.V, 'f', 3, 64)
}

// VerdictWords is a verdict with what belongs to it: how large a difference may be that was not found, or how many more
// bursts are needed to say anything.
func VerdictWords(m change.Change) string {
	switch m.Verdict {
	case change.None:
		if m.Unit == change.Points && m.Smaller.OK {
			return fmt.Sprintf("%s (smaller than %s pp)", m.Verdict, upwards(m.Smaller.V))
		}
		return m.Verdict + smallerThan(m.Smaller)
	case change.TooFew:
		if m.MoreBursts > 0 {
			return fmt.Sprintf("%s (%s)", m.Verdict, counted(m.MoreBursts, "more burst"))
		}
	}
	return m.Verdict
}

// upwards is a number with two significant digits, rounded up.
func upwards(v float64) string {
	if v <= 0 {
		return "0"
	}
	digits := math.Pow10(1 - int(math.Floor(math.Log10(v))))
	return trimmed(math.Ceil(v*digits-1e-9) / digits)
}

// FoundWords say which metrics differ, and of how many nothing can be said.
func FoundWords(c Changed) []string {
	var out, apart []string
	few, metrics := 0, 0
	for _, sub := range c.Subs {
		var found []string
		for _, m := range sub.Changes {
			metrics++
			switch {
			case m.Claimed():
				value, bounds := ChangeWords(m)
				if bounds != noValue {
					value += " (95 %: " + bounds + ")"
				}
				found = append(found, fmt.Sprintf("%s is %s by %s", metricWords(m.Metric), m.Verdict,
					strings.TrimLeft(value, "+-")))
			case m.Verdict == change.TooFew, m.Verdict == change.NoData:
				few++
			case leavesOutZero(m) && !slices.Contains(apart, metricWords(m.Metric)):
				apart = append(apart, metricWords(m.Metric))
			}
		}
		if len(found) > 0 {
			out = append(out, printable(sub.Title)+": B's "+strings.Join(found, ", "))
		}
	}
	if len(out) == 0 && few < metrics {
		out = append(out, "no difference found")
	}
	if len(apart) > 0 {
		out = append(out, "of "+strings.Join(apart, ", ")+" the interval leaves out 0, but the test does not find a "+
			"difference: it takes both, and the test is corrected for how many are made")
	}
	if few > 0 {
		out = append(out, fmt.Sprintf("nothing can be said of %d of %s: there are too few samples, or none", few,
			counted(metrics, "metric")))
	}
	return out
}

// leavesOutZero reports whether the interval of a change has no 0 in it.
func leavesOutZero(m change.Change) bool {
	e := m.Relative()
	return e.Low.OK && e.High.OK && (e.Low.V > 0 || e.High.V < 0)
}

// ChangeMethod says how differences are found.
func ChangeMethod(tests int) string {
	if tests == 0 {
		return "Nothing could be tested."
	}
	text := "95 % intervals from whole bursts; " + testWords(rankSumName, tests) + "."
	return text + " The runs were made at different times: what drifted between them is in the differences."
}

// CheckWords say in a line whether a limit was met.
func CheckWords(c change.Check) string {
	text := c.Limit + " is " + c.State
	if c.Title != "" {
		text += ": " + c.Title + " of " + c.B + ", " + metricWords(c.Metric)
	}
	text += ": " + c.Reason
	if c.MoreBursts > 0 {
		text += "; about " + counted(c.MoreBursts, "more burst") + " would decide it"
	}
	return printable(text)
}

// Checks writes for each limit whether it was met. The error is the writer's.
func Checks(w io.Writer, all []change.Check, o SummaryOptions) error {
	out := bufio.NewWriter(w)
	if len(all) > 0 {
		fmt.Fprintln(out)
	}
	for _, c := range all {
		text := CheckWords(c)
		if c.State != change.Met {
			text = o.red(text)
		}
		o.sentence(out, text)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("writing the limits: %w", err)
	}
	return nil
}

// ChangesMarkdown writes the comparisons for a comment on a pull request: the limits, then for each what was found and
// the table. A comment that is too long is cut at its end. The error is the writer's.
func ChangesMarkdown(w io.Writer, all []Changed, checks []change.Check) error {
	out := bufio.NewWriter(w)
	if len(checks) > 0 {
		fmt.Fprint(out, "Limits:\n\n")
	}
	for _, c := range checks {
		text := markdownItem(CheckWords(c))
		if c.State != change.Met {
			text = "**" + text + "**"
		}
		fmt.Fprintf(out, "- %s\n", text)
	}
	for i, c := range all {
		if i > 0 || len(checks) > 0 {
			fmt.Fprintln(out)
		}
		fmt.Fprintf(out, "### %s compared with %s\n\n", Markdown(c.B), Markdown(c.A))
		for _, line := range FoundWords(c) {
			fmt.Fprintf(out, "- %s\n", markdownItem(line))
		}
		for _, line := range Remarks(c) {
			fmt.Fprintf(out, "- %s\n", markdownItem(line))
		}
		if len(c.Differences) > 0 {
			fmt.Fprint(out, "\nThe experiments differ:\n\n| sub-experiment | key | A | B |\n|---|---|---|---|\n")
			for _, d := range c.Differences {
				markdownRow(out, d.Where, d.Key, cut(printable(d.A), longestValue), cut(printable(d.B), longestValue))
			}
		}
		fmt.Fprint(out, "\n| sub-experiment | metric | A | B | change | 95 % | verdict |\n"+
			"|---|---|--:|--:|--:|--:|---|\n")
		for _, sub := range c.Subs {
			for _, m := range sub.Changes {
				value, bounds := ChangeWords(m)
				verdict := Markdown(VerdictWords(m))
				if m.Claimed() {
					verdict = "**" + verdict + "**"
				}
				fmt.Fprintf(out, "| %s | %s | %s | %s | %s | %s | %s |\n", Markdown(sub.Title),
					Markdown(metricWords(m.Metric)), Markdown(Measured(m, m.A.Value)), Markdown(Measured(m, m.B.Value)),
					Markdown(value), Markdown(bounds), verdict)
			}
		}
	}
	if len(all) > 0 {
		fmt.Fprintf(out, "\n<sub>%s</sub>\n", Markdown(ChangeMethod(all[0].Tests)))
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("writing the comparison: %w", err)
	}
	return nil
}

func markdownRow(w io.Writer, cells ...string) {
	for i, cell := range cells {
		cells[i] = Markdown(cell)
	}
	fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | "))
}
