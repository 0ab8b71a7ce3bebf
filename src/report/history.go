package report

import (
	"bufio"
	"fmt"
	"io"
	"strconv"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/analyze/history"
)

// History writes what a history shows: how many runs it has, and a row for each change. The error is the writer's.
func History(w io.Writer, h history.History, o SummaryOptions) error {
	out := bufio.NewWriter(w)
	failed := 0
	for _, r := range h.Runs {
		if r.Failed != "" {
			failed++
		}
	}
	first, last := h.Runs[0], h.Runs[len(h.Runs)-1]
	fmt.Fprintf(out, "runs        %d, %d failed; %s to %s\n", len(h.Runs), failed, Day(first), Day(last))
	if t := changesTable(h); len(t.Columns[0].Cells) > 0 {
		fmt.Fprintln(out)
		t.write(out, o)
	} else {
		fmt.Fprintln(out, "changes     none")
	}
	for _, sentence := range HistoryWords(h) {
		o.sentence(out, sentence)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("writing the history: %w", err)
	}
	return nil
}

// Day is the day on which a run started, in UTC.
func Day(r history.Run) string { return r.Started.UTC().Format("2006-01-02") }

func changesTable(h history.History) Table {
	t := Table{Title: 0, Columns: []Column{{Name: "sub-experiment", Left: true}, {Name: "of", Left: true},
		{Name: "", Left: true}, {Name: "since run", Left: true}, {Name: "before"}, {Name: "after"}, {Name: "change"},
		{Name: "p", Drop: 1}, {Name: "", Left: true}}}
	for _, s := range h.Series {
		for _, c := range s.Changes {
			for i, text := range []string{printable(s.Title), s.Part, s.Metric, printable(c.Since),
				duration(analyze.Of(c.From)), duration(analyze.Of(c.To)), ChangeShare(c), ChangeP(c),
				ChangeState(c)} {
				t.Columns[i].Cells = append(t.Columns[i].Cells, printable(text))
			}
		}
	}
	return t
}

// ChangeShare is the size of a change in percent, with its sign.
func ChangeShare(c history.Change) string { return fmt.Sprintf("%+.1f %%", 100*c.Share()) }

// ChangeP is the p-value of a change.
func ChangeP(c history.Change) string { return strconv.FormatFloat(c.P, 'g', 2, 64) }

// ChangeState is what is to be thought of a change.
func ChangeState(c history.Change) string {
	switch {
	case !c.Worse:
		return "better"
	case c.Acknowledged != "":
		return "known: " + c.Acknowledged
	case c.Recovered:
		return "worse, and gone again"
	}
	return "worse"
}

// HistoryWords are sentences on how changes are found, and on what cannot be said.
func HistoryWords(h history.History) []string {
	if h.Tests == 0 {
		return []string{"no run has a latency, so there is nothing to look for"}
	}
	if n := h.Short(); n > 0 {
		return []string{fmt.Sprintf("too few runs: %d more with latencies are needed before a change can be found "+
			"in %s", n, countedSeries(h.Tests))}
	}
	return []string{fmt.Sprintf("change points by binary segmentation with rank tests (Pettitt), false ones with a "+
		"probability of at most 5 %% over %s together; at the end of the history a step shows after %d runs; changes "+
		"of under %s %% are not told", countedSeries(h.Tests), h.Delay, trimmed(100*h.Smallest))}
}

func countedSeries(n int) string {
	if n == 1 {
		return "one series"
	}
	return fmt.Sprintf("%d series", n)
}

// HistoryCheckWords say what a check of a history found: the changes that it fails for, then what limits it.
func HistoryCheckWords(h history.History) []string {
	var out []string
	for _, s := range h.Open() {
		c := s.Changes[0]
		out = append(out, fmt.Sprintf("%s: %s %s is %s since %s: %s before, %s after", printable(s.Title), s.Part,
			s.Metric, ChangeShare(c), printable(c.Since), duration(analyze.Of(c.From)), duration(analyze.Of(c.To))))
	}
	if len(out) == 0 {
		out = append(out, "no change to the worse that the newest run is past and that was not acknowledged")
	}
	if newest := h.Newest(); newest != nil && newest.Failed != "" {
		out = append(out, fmt.Sprintf("the newest run, %s, has no latencies: %s", printable(newest.ID),
			printable(newest.Failed)))
	}
	return out
}
