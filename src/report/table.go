package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
)

// Row is one sub-experiment in the summary at the end of a run.
type Row struct {
	Stats  analyze.Summary
	Missed []analyze.Missed // thresholds
	Note   string           // e.g. why it stopped early; one line, may be empty
	Dir    string           // its results, may be empty
}

// Summary writes a run's summary: a table, then notes on single rows, or JSON. Times are in ms. A dash is a value that
// does not exist. The error is the writer's.
func Summary(w io.Writer, rows []Row, o SummaryOptions) error {
	if o.JSON {
		return writeJSON(w, rows)
	}
	out := bufio.NewWriter(w)
	dropped := summaryTable(rows).write(out, o)
	if len(dropped) > 0 {
		o.sentence(out, "not shown here: "+strings.Join(dropped, ", ")+" (statistics.csv has all columns)")
	}
	writeNotes(out, rows, o)
	if err := out.Flush(); err != nil {
		return fmt.Errorf("writing the summary: %w", err)
	}
	return nil
}

// mixed reports whether a sub-experiment has cold and warm requests: a percentile over both says more of their mixture
// than of either.
func mixed(s analyze.Summary) bool { return s.Cold.Count > 0 && s.Warm.Count > 0 }

// summaryTable has a row for each sub-experiment. Where one of them has cold and warm requests, the columns are those
// of either kind, and joint ones are for rows of which nothing is known. The client's own effects and costs have
// columns only if there is something to show.
func summaryTable(rows []Row) Table {
	columns := []summaryColumn{
		{name: "#", cell: func(s analyze.Summary) string { return strconv.Itoa(s.Index) }},
		{name: "sub-experiment", left: true, cell: func(s analyze.Summary) string {
			return cmp.Or(printable(s.Title), noValue)
		}},
		{name: "n", cell: func(s analyze.Summary) string { return strconv.Itoa(s.Count) }},
		{name: "errors", alarm: true, cell: func(s analyze.Summary) string { return strconv.Itoa(s.Errors) }},
	}
	columns = append(columns, existing(rows, []summaryColumn{{name: "cold", cell: coldCount}})...)
	if slices.ContainsFunc(rows, func(r Row) bool { return mixed(r.Stats) }) {
		columns = append(columns, splitColumns()...)
		unreported := func(s analyze.Summary) bool { return !s.Reported() }
		columns = append(columns, existing(rows, jointColumns(unreported))...)
	} else {
		columns = append(columns, jointColumns(func(analyze.Summary) bool { return true })...)
	}
	columns = append(columns, existing(rows, furtherColumns())...)
	t := Table{Title: titleColumn}
	for _, c := range columns {
		column := Column{Name: c.name, Left: c.left, Drop: c.drop, Alarm: c.alarm}
		for _, r := range rows {
			column.Cells = append(column.Cells, c.cell(r.Stats))
		}
		t.Columns = append(t.Columns, column)
	}
	return t
}

const titleColumn = 1

// summaryColumn is a column of the summary; see Column.
type summaryColumn struct {
	name        string
	cell        func(analyze.Summary) string
	left, alarm bool
	drop        int
}

// existing are the columns that have a value in some row.
func existing(rows []Row, columns []summaryColumn) []summaryColumn {
	return slices.DeleteFunc(columns, func(c summaryColumn) bool {
		return !slices.ContainsFunc(rows, func(r Row) bool { return c.cell(r.Stats) != noValue })
	})
}

// splitColumns are the percentiles of cold and of warm requests.
func splitColumns() []summaryColumn {
	return []summaryColumn{
		{name: "cold p50", cell: func(s analyze.Summary) string { return duration(s.Cold.P50) }},
		{name: "cold p99", drop: 8, cell: func(s analyze.Summary) string { return tail(s.Cold) }},
		{name: "warm p50", cell: func(s analyze.Summary) string { return duration(s.Warm.P50) }},
		{name: "warm p99", drop: 9, cell: func(s analyze.Summary) string { return tail(s.Warm) }},
	}
}

// tail is the p99 of a part; of a few requests there is none.
func tail(s analyze.Split) string {
	if s.Count < analyze.MinSamples(analyze.Median) {
		return noValue
	}
	return duration(s.P99)
}

// ofEnough is a value that says nothing of a few requests, and is empty for them.
func ofEnough(s analyze.Summary, v analyze.Value) analyze.Value {
	if s.Count < analyze.MinSamples(analyze.Median) {
		return analyze.Value{}
	}
	return v
}

// jointColumns are the percentiles of all requests, for the rows that want them.
func jointColumns(wanted func(analyze.Summary) bool) []summaryColumn {
	joint := func(text func(analyze.Summary) string) func(analyze.Summary) string {
		return func(s analyze.Summary) string {
			if !wanted(s) {
				return noValue
			}
			return text(s)
		}
	}
	return []summaryColumn{
		{name: "p50", cell: joint(func(s analyze.Summary) string { return duration(s.P50) })},
		{name: "p99", drop: 10, cell: joint(func(s analyze.Summary) string { return duration(ofEnough(s, s.P99)) })},
		{name: "TMR", drop: 2, cell: joint(func(s analyze.Summary) string { return ratio(ofEnough(s, s.TMR)) })},
	}
}

// furtherColumns are the median spread of bursts of two requests or more, requests that left late with their whole
// burst, are suspect, opened a connection although kept ones were asked for, or were never sent, and what a million
// requests cost.
func furtherColumns() []summaryColumn {
	count := func(n int) string {
		if n == 0 {
			return noValue
		}
		return strconv.Itoa(n)
	}
	return []summaryColumn{
		{name: "spread", drop: 1, cell: func(s analyze.Summary) string { return duration(s.Client.Spread50) }},
		{name: "late", drop: 5, cell: func(s analyze.Summary) string { return count(s.Client.Behind) }},
		{name: "suspect", drop: 6, cell: func(s analyze.Summary) string { return count(s.Client.Suspects) }},
		{name: "new", drop: 3, cell: func(s analyze.Summary) string { return count(int(s.Client.NewConns.V)) }},
		{name: "unsent", drop: 7, alarm: true, cell: func(s analyze.Summary) string { return count(s.Client.Unsent) }},
		{name: "USD/1M", drop: 4, cell: func(s analyze.Summary) string { return money(s.CostPerMillion) }},
	}
}

// coldCount is a dash if no function reported anything, because 0 would be a claim.
func coldCount(s analyze.Summary) string {
	if !s.Reported() {
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

// writeNotes writes the notes on single rows below the table.
func writeNotes(w *bufio.Writer, rows []Row, o SummaryOptions) {
	for _, r := range rows {
		name := fmt.Sprintf("%d %s", r.Stats.Index, printable(r.Stats.Title))
		if r.Note != "" {
			o.sentence(w, fmt.Sprintf("%s: %s", name, o.red(printable(r.Note))))
		}
		for _, finding := range r.Stats.Findings {
			o.sentence(w, fmt.Sprintf("%s: %s", name, printable(finding)))
		}
		for _, m := range r.Missed {
			o.sentence(w, fmt.Sprintf("%s: %s: %s", name, o.red("threshold missed"), printable(m.Reason)))
		}
	}
}
