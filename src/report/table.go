package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"stellar/src/analyze"
)

// Row is one sub-experiment in the summary at the end of a run.
type Row struct {
	Stats  analyze.Summary
	Missed []analyze.Missed // thresholds
	Note   string           // e.g. why it stopped early; one line, may be empty
	Dir    string           // its results, may be empty
}

// SummaryOptions says how the summary is written.
type SummaryOptions struct {
	JSON  bool // for scripts: one indented JSON object
	Width int  // columns of the terminal; 0: not limited
}

// Summary writes a run's summary: a table with aligned columns, lines of "name value" if the terminal is too narrow for
// it, or JSON. Times are in ms. A dash is a value that does not exist. The error is the writer's.
func Summary(w io.Writer, rows []Row, o SummaryOptions) error {
	if o.JSON {
		return writeJSON(w, rows)
	}
	out := bufio.NewWriter(w)
	lines := tableCells(rows)
	if widths, ok := fitWidths(lines, o.Width); ok {
		writeTable(out, lines, widths)
	} else {
		writePlain(out, lines)
	}
	writeNotes(out, rows)
	if err := out.Flush(); err != nil {
		return fmt.Errorf("writing the summary: %w", err)
	}
	return nil
}

const (
	titleColumn = 1
	minTitle    = 16 // a shorter title says nothing; the plain form is better then
	columnGap   = "  "
	noValue     = "–"
)

// tableCells returns the header and a line for each row. The title is the only text; the other cells align to the
// right. The client's own effects and costs have columns only if there is something to show.
func tableCells(rows []Row) [][]string {
	lines := [][]string{{"#", "sub-experiment", "n", "errors", "cold", "cold p50", "warm p50", "p50", "p99", "TMR"}}
	var further []column
	for _, c := range furtherColumns() {
		if slices.ContainsFunc(rows, func(r Row) bool { return c.cell(r.Stats) != noValue }) {
			further = append(further, c)
			lines[0] = append(lines[0], c.name)
		}
	}
	for _, r := range rows {
		s := r.Stats
		title := printable(s.Title)
		if title == "" {
			title = noValue
		}
		line := []string{
			strconv.Itoa(s.Index), title, strconv.Itoa(s.Count), strconv.Itoa(s.Errors), coldCount(s),
			duration(s.Cold.P50), duration(s.Warm.P50), duration(s.P50), duration(s.P99), ratio(s.TMR),
		}
		for _, c := range further {
			line = append(line, c.cell(s))
		}
		lines = append(lines, line)
	}
	return lines
}

// column is a column that not every table has; its cell is a dash if it has no value.
type column struct {
	name string
	cell func(analyze.Summary) string
}

// furtherColumns are the median spread of bursts of two requests or more, requests that left late with their whole
// burst, are suspect, opened a connection although kept ones were asked for, or were never sent, and what a million
// requests cost.
func furtherColumns() []column {
	count := func(n int) string {
		if n == 0 {
			return noValue
		}
		return strconv.Itoa(n)
	}
	return []column{
		{"spread", func(s analyze.Summary) string { return duration(s.Client.Spread50) }},
		{"late", func(s analyze.Summary) string { return count(s.Client.Behind) }},
		{"suspect", func(s analyze.Summary) string { return count(s.Client.Suspects) }},
		{"new", func(s analyze.Summary) string { return count(int(s.Client.NewConns.V)) }},
		{"unsent", func(s analyze.Summary) string { return count(s.Client.Unsent) }},
		{"USD/1M", func(s analyze.Summary) string { return money(s.CostPerMillion) }},
	}
}

// coldCount is a dash if no function reported anything, because 0 would be a claim.
func coldCount(s analyze.Summary) string {
	if s.Cold.Count+s.Warm.Count == 0 {
		return noValue
	}
	return strconv.Itoa(s.Cold.Count)
}

func ratio(v analyze.Value) string {
	if !v.OK {
		return noValue
	}
	return short2(v.V)
}

// short2 is short with two decimals at most: ratios are not more exact.
func short2(v float64) string {
	if v < 9.995 {
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return short(v)
}

// fitWidths returns each column's width within a terminal of the given width; it shortens titles if necessary.
func fitWidths(lines [][]string, width int) ([]int, bool) {
	widths := make([]int, len(lines[0]))
	for _, line := range lines {
		for i, cell := range line {
			widths[i] = max(widths[i], columnsOf(cell))
		}
	}
	total := len(columnGap) * (len(widths) - 1)
	for _, w := range widths {
		total += w
	}
	if width <= 0 || total <= width {
		return widths, true
	}
	widths[titleColumn] -= total - width
	return widths, widths[titleColumn] >= minTitle
}

func writeTable(w *bufio.Writer, lines [][]string, widths []int) {
	for n, line := range lines {
		var b strings.Builder
		for i, cell := range line {
			if i > 0 {
				b.WriteString(columnGap)
			}
			if i == titleColumn {
				cell = cut(cell, widths[i])
				b.WriteString(cell + strings.Repeat(" ", widths[i]-columnsOf(cell)))
				continue
			}
			b.WriteString(strings.Repeat(" ", widths[i]-columnsOf(cell)) + cell)
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
		if n == 0 {
			rules := make([]string, len(widths))
			for i, width := range widths {
				rules[i] = strings.Repeat("─", width)
			}
			fmt.Fprintln(w, strings.Join(rules, columnGap))
		}
	}
}

// writePlain writes each row as a block: the title, then a value a line.
func writePlain(w *bufio.Writer, lines [][]string) {
	for n, line := range lines[1:] {
		if n > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s %s\n", line[0], line[titleColumn])
		for i := titleColumn + 1; i < len(line); i++ {
			fmt.Fprintf(w, "  %s %s\n", lines[0][i], line[i])
		}
	}
}

// writeNotes writes the notes on single rows below the table.
func writeNotes(w *bufio.Writer, rows []Row) {
	for _, r := range rows {
		name := fmt.Sprintf("%d %s", r.Stats.Index, printable(r.Stats.Title))
		if r.Note != "" {
			fmt.Fprintf(w, "%s: %s\n", name, printable(r.Note))
		}
		for _, finding := range r.Stats.Findings {
			fmt.Fprintf(w, "%s: %s\n", name, printable(finding))
		}
		for _, m := range r.Missed {
			fmt.Fprintf(w, "%s: threshold missed: %s\n", name, printable(m.Reason))
		}
	}
}
