package page

import (
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/analyze/change"
	"github.com/vhive-serverless/STeLLAR/src/report"
)

// Changes is the page of comparisons of runs with a first one. It is one file as Page is, and as closed to the network.
type Changes struct {
	Version string // of stellar, which writes the page
	Runs    []report.Changed
	Checks  []change.Check
}

// changesView is what the template shows.
type changesView struct {
	frame
	Missed int // limits
	Method string
	Checks table
	Runs   []changedView
}

// changedView is one comparison.
type changedView struct {
	At             int
	Name           string
	Found, Remarks []string
	Charts         []intervalChart
	Changes        table
	Differences    table
}

// Write writes the page. The error is the writer's.
func (c Changes) Write(w io.Writer) error {
	v := changesView{frame: frame{Version: c.Version, Title: "stellar compare"}, Checks: checksTable(c.Checks)}
	for _, check := range c.Checks {
		if check.State == change.Missed {
			v.Missed++
		}
	}
	for i, run := range c.Runs {
		v.Method = report.ChangeMethod(run.Tests)
		one := changedView{At: i, Name: report.Printable(run.B) + " compared with " + report.Printable(run.A),
			Found: report.FoundWords(run), Remarks: report.Remarks(run), Changes: changesTable(i, run),
			Differences: differencesTable(i, run)}
		for _, sub := range run.Subs {
			if chart, ok := newIntervalChart(sub); ok {
				one.Charts = append(one.Charts, chart)
			}
		}
		v.Runs = append(v.Runs, one)
	}
	return write(w, changesHTML, []string{chartJS, pageJS}, struct{}{}, &v.frame, &v)
}

// Below is where the text below a line is written.
func (changesView) Below(y int) int { return y + 16 }

func checksTable(checks []change.Check) table {
	t := table{Name: "limits", Head: []heading{{Text: "limit"}, {Text: "B"}, {Text: "sub-experiment"},
		{Text: "metric"}, {Text: "state"}, {Text: "why"}, {Text: "more bursts", Number: true,
			Meaning: "about how many would decide it"}}}
	for _, c := range checks {
		state := cell{Text: c.State, Mark: map[string]string{change.Met: "met", change.Missed: "missed"}[c.State]}
		more := cell{Text: noValue, Number: true}
		if c.MoreBursts > 0 {
			more.Text = strconv.Itoa(c.MoreBursts)
		}
		t.Rows = append(t.Rows, []cell{{Text: c.Limit}, {Text: report.Printable(c.B)},
			{Text: report.Printable(c.Title)}, {Text: c.Metric}, state, {Text: c.Reason}, more})
	}
	return t
}

// changesTable has a row for each metric of each sub-experiment.
func changesTable(at int, run report.Changed) table {
	t := table{Name: fmt.Sprintf("changes-%d", at), Head: []heading{{Text: "sub-experiment"}, {Text: "metric"},
		{Text: "A", Number: true}, {Text: "B", Number: true},
		{Text: "change", Number: true, Meaning: "in percent of A; of shares in percentage points"},
		{Text: "95 %", Number: true, Meaning: "interval of the change"},
		{Text: "p", Number: true, Meaning: "rank-sum test over bursts, corrected by Holm's method"},
		{Text: "verdict"}}}
	for _, sub := range run.Subs {
		for _, m := range sub.Changes {
			by, around := report.ChangeWords(m)
			verdict := cell{Text: report.VerdictWords(m)}
			switch m.Verdict {
			case change.Slower, change.Higher:
				verdict.Mark = "missed"
			case change.Faster, change.Lower:
				verdict.Mark = "met"
			}
			t.Rows = append(t.Rows, []cell{{Text: report.Printable(sub.Title)}, {Text: m.Metric},
				{Text: report.Measured(m, m.A.Value), Value: m.A.Value.Format(6), Number: true},
				{Text: report.Measured(m, m.B.Value), Value: m.B.Value.Format(6), Number: true},
				{Text: by, Value: m.Relative().Value.Format(6), Number: true}, {Text: around, Number: true},
				{Text: report.ProbabilityCell(m.P), Value: m.P.Format(6), Number: true}, verdict})
		}
	}
	return t
}

func differencesTable(at int, run report.Changed) table {
	t := table{Name: fmt.Sprintf("differences-%d", at), Head: []heading{{Text: "sub-experiment"}, {Text: "key"},
		{Text: "A"}, {Text: "B"}}}
	for _, d := range run.Differences {
		t.Rows = append(t.Rows, []cell{{Text: report.Printable(d.Where)}, {Text: d.Key}, {Text: report.Printable(d.A)},
			{Text: report.Printable(d.B)}})
	}
	return t
}

// intervalChart shows the changes of a sub-experiment's latencies and costs with their intervals, in percent of A. It
// is drawn here, so that it needs no script.
type intervalChart struct {
	Title, Label   string
	Height, Bottom int
	Ticks          []tickMark
	Zero           string // x of no change
	Rows           []intervalRow
}

type tickMark struct{ X, Text string }

type intervalRow struct {
	Name, Class   string
	Y, TextY      int
	Low, High, At string // x
}

const (
	chartLeft, chartRight = 140.0, 630.0
	chartRow              = 22
)

// newIntervalChart draws the metrics that have an interval of their ratio; ok is false where none has.
func newIntervalChart(sub change.Pair) (chart intervalChart, ok bool) {
	low, high := 0.0, 0.0
	var drawn []change.Change
	for _, m := range sub.Changes {
		if e := m.Relative(); m.Unit != change.Points && e.Low.OK && e.High.OK {
			drawn = append(drawn, m)
			low, high = min(low, e.Low.V), max(high, e.High.V)
		}
	}
	if len(drawn) == 0 || low == high {
		return chart, false
	}
	margin := (high - low) / 20
	low, high = low-margin, high+margin
	x := func(v analyze.Value) string {
		return strconv.FormatFloat(chartLeft+(v.V-low)/(high-low)*(chartRight-chartLeft), 'f', 1, 64)
	}
	chart = intervalChart{Title: report.Printable(sub.Title), Bottom: chartRow*len(drawn) + 8, Zero: x(analyze.Of(0)),
		Label: "change of each metric in percent, with 95 % intervals: " + report.Printable(sub.Title)}
	chart.Height = chart.Bottom + 24
	step := math.Pow10(int(math.Floor(math.Log10((high - low) / 3))))
	for (high-low)/step > 8 {
		step *= 2
	}
	for i := math.Ceil(low / step); i*step <= high; i++ {
		tick := i*step + 0 // never -0
		chart.Ticks = append(chart.Ticks, tickMark{x(analyze.Of(tick)), report.Plus(tick) + " %"})
	}
	for i, m := range drawn {
		e, y := m.Relative(), chartRow*i+16
		class := "unknown"
		switch {
		case m.Verdict == change.Slower || m.Verdict == change.Higher:
			class = "s1"
		case m.Claimed():
			class = "s0"
		}
		chart.Rows = append(chart.Rows, intervalRow{Name: m.Metric, Class: class, Y: y, TextY: y + 4, Low: x(e.Low),
			High: x(e.High), At: x(e.Value)})
	}
	return chart, true
}
