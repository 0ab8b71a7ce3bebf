package page

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/analyze/history"
	"github.com/vhive-serverless/STeLLAR/src/report"
)

// History is the page of many runs of one experiment. It is one file as Page is, and as closed to the network.
type History struct {
	history.History // the pages of its runs are named from this page's folder, with slashes
	Provider        string
	Version         string // of stellar, which writes the page
	Written         time.Time
	LeftOut         []Fact // what was found and is not in it, and why
}

const (
	historyPoints = 25_000 // of all charts of a history
	mostHistories = 100    // sub-experiments with a chart
	historyRows   = 1_000  // of each table
)

// Write writes the page. The error is the writer's.
func (h History) Write(w io.Writer) error {
	h = h.printable()
	view := newHistoryView(h)
	return write(w, historyHTML, []string{chartJS, historyJS, pageJS}, newHistoryCharts(h), &view.frame, &view)
}

// printable is the history without the control characters that texts from elsewhere may have. What is markup is made
// text when it is written.
func (h History) printable() History {
	h.Runs, h.Series, h.LeftOut = slices.Clone(h.Runs), slices.Clone(h.Series), slices.Clone(h.LeftOut)
	for i := range h.Runs {
		r := &h.Runs[i]
		r.ID, r.Failed, r.Facts = report.Printable(r.ID), report.Printable(r.Failed), slices.Clone(r.Facts)
		for k := range r.Facts {
			r.Facts[k].Value = report.Printable(r.Facts[k].Value)
		}
		r.Subs = slices.Clone(r.Subs)
		for k := range r.Subs {
			r.Subs[k].Failed = report.Printable(r.Subs[k].Failed)
		}
	}
	for i := range h.Series {
		s := &h.Series[i]
		s.Title, s.Changes = report.Printable(s.Title), slices.Clone(s.Changes)
		for k := range s.Changes {
			c := &s.Changes[k]
			c.Since, c.Acknowledged = report.Printable(c.Since), report.Printable(c.Acknowledged)
			c.Beside = slices.Clone(c.Beside)
			for b := range c.Beside {
				c.Beside[b] = report.Printable(c.Beside[b])
			}
		}
	}
	for i, l := range h.LeftOut {
		h.LeftOut[i] = Fact{report.Printable(l.Name), report.Printable(l.Value)}
	}
	return h
}

// historyView is what the template shows.
type historyView struct {
	frame
	Facts         []Fact
	Open          int // changes
	NewestFailed  string
	Changes, Runs table
	Words         []string
	Method        string // of the intervals
	Subs          []historySub
	Cut           string
	LeftOut       table
	MoreRuns      int
	MoreLeftOut   int
}

type historySub struct {
	Title string
	At    int // index in the charts
}

func newHistoryView(h History) historyView {
	v := historyView{frame: frame{Version: h.Version, Title: "stellar history"}, Open: len(h.Open()),
		Words: report.HistoryWords(h.History), Method: intervalsMethod(h.History)}
	failed := 0
	for _, r := range h.Runs {
		if r.Failed != "" {
			failed++
		}
	}
	if newest := h.Newest(); newest != nil {
		v.NewestFailed = newest.Failed
		v.Facts = []Fact{{"provider", report.Printable(h.Provider)},
			{"runs", fmt.Sprintf("%d, %d of them failed", len(h.Runs), failed)},
			{"from", report.Day(h.Runs[0])}, {"to", report.Day(*newest)}, {"newest run", newest.ID}}
	}
	v.Facts = append(v.Facts, Fact{"written", h.Written.Format("2006-01-02 15:04:05 UTC")})
	v.Changes = historyChanges(h.History)
	v.addRuns(h)
	for i, sub := range newHistoryCharts(h).Subs {
		v.Subs = append(v.Subs, historySub{sub.Name, i})
	}
	if first := firstDrawn(h); first > 0 {
		v.Cut = fmt.Sprintf("The charts have room for the newest %d runs; changes were looked for in all.",
			len(h.Runs)-first)
	}
	v.LeftOut = table{Name: "left-out", Head: []heading{{Text: "path"}, {Text: "why"}}}
	for _, l := range h.LeftOut {
		if len(v.LeftOut.Rows) == historyRows {
			v.MoreLeftOut = len(h.LeftOut) - historyRows
			break
		}
		v.LeftOut.Rows = append(v.LeftOut.Rows, []cell{{Text: l.Name}, {Text: l.Value}})
	}
	return v
}

// historyChanges has a row for each change.
func historyChanges(h history.History) table {
	t := table{Name: "changes", Head: []heading{{Text: "sub-experiment"}, {Text: "of"}, {Text: "percentile"},
		{Text: "since", Meaning: "the first run of the new level"}, {Text: "day"},
		{Text: "before (ms)", Number: true, Meaning: "median of the runs since the change before"},
		{Text: "after (ms)", Number: true, Meaning: "median of the runs up to the next change"},
		{Text: "change (%)", Number: true, Meaning: "after, compared with before"},
		{Text: "p", Number: true, Meaning: "of the rank test, from permutations"},
		{Text: "verdict", Meaning: "worse: it takes longer; known: it was acknowledged"},
		{Text: "changed beside it", Meaning: "what the two runs were measured with"}}}
	for _, s := range h.Series {
		for _, c := range s.Changes {
			if len(t.Rows) == historyRows {
				return t
			}
			verdict := cell{Text: report.ChangeState(c)}
			if c.Open {
				verdict.Mark = "missed"
			}
			beside := ""
			for i, b := range c.Beside {
				beside += map[bool]string{true: "; "}[i > 0] + b
			}
			t.Rows = append(t.Rows, []cell{{Text: historyName(s)}, {Text: s.Part}, {Text: s.Metric}, {Text: c.Since},
				{Text: report.Day(h.Runs[c.Run])}, ms(analyze.Of(c.From)), ms(analyze.Of(c.To)),
				{Text: fmt.Sprintf("%+.1f", 100*c.Share()), Value: strconv.FormatFloat(100*c.Share(), 'f', 3, 64),
					Number: true},
				{Text: report.ChangeP(c), Value: strconv.FormatFloat(c.P, 'g', 6, 64), Number: true}, verdict,
				{Text: beside}})
		}
	}
	return t
}

// historyName is the name of a series' sub-experiment.
func historyName(s history.Series) string {
	if s.Title == "" {
		return "sub-experiment " + strconv.Itoa(s.Sub)
	}
	return s.Title
}

// addRuns adds the table of runs, the newest first.
func (v *historyView) addRuns(h History) {
	v.Runs = table{Name: "runs", Head: []heading{{Text: "run"}, {Text: "started"}, {Text: "latencies"}}}
	if len(h.Runs) == 0 {
		return
	}
	for _, f := range h.Newest().Facts {
		v.Runs.Head = append(v.Runs.Head, heading{Text: f.Name})
	}
	for i := len(h.Runs) - 1; i >= 0; i-- {
		if len(v.Runs.Rows) == historyRows {
			v.MoreRuns = i + 1
			return
		}
		r := h.Runs[i]
		state := cell{Text: "yes"}
		if r.Failed != "" {
			state = cell{Text: r.Failed, Mark: "missed"}
		}
		name := cell{Text: r.ID}
		if r.Page != "" {
			name.Href = href(r.Page)
		}
		row := []cell{name, {Text: r.Started.UTC().Format("2006-01-02 15:04")}, state}
		for _, f := range r.Facts {
			row = append(row, cell{Text: f.Value})
		}
		v.Runs.Rows = append(v.Runs.Rows, row)
	}
}

// historyCharts is what the script draws.
type historyCharts struct {
	Runs []historyRun       `json:"runs"`
	Subs []historySubCharts `json:"subs"`
}

type historyRun struct {
	ID     string `json:"id"`
	Day    string `json:"day"`
	Failed string `json:"failed"`
}

type historySubCharts struct {
	Name   string          `json:"name"`
	Failed map[int]string  `json:"failed"` // why it has no latencies although the run has, by run
	Series []historySeries `json:"series"`
}

type historySeries struct {
	Part    string          `json:"part"`
	Metric  string          `json:"metric"`
	Points  [][4]number     `json:"points"` // value, low, high, requests
	Changes []historyChange `json:"changes"`
}

type historyChange struct {
	Run  int    `json:"run"`
	Kind string `json:"kind"` // worse, known, better
	Text string `json:"text"`
}

// firstDrawn is the index of the first run that the charts have room for.
func firstDrawn(h History) int {
	return max(0, len(h.Runs)-max(50, historyPoints/max(1, len(h.Series))))
}

func newHistoryCharts(h History) historyCharts {
	out := historyCharts{Runs: []historyRun{}, Subs: []historySubCharts{}}
	first := firstDrawn(h)
	for _, r := range h.Runs[first:] {
		out.Runs = append(out.Runs, historyRun{r.ID, report.Day(r), r.Failed})
	}
	last := -1
	for _, s := range h.Series {
		if s.Sub != last {
			if len(out.Subs) == mostHistories {
				break
			}
			last = s.Sub
			out.Subs = append(out.Subs, historySubCharts{Name: historyName(s), Failed: failedSubs(h, s.Sub, first)})
		}
		sub := &out.Subs[len(out.Subs)-1]
		one := historySeries{Part: s.Part, Metric: s.Metric, Changes: []historyChange{}}
		for _, p := range s.Points[first:] {
			one.Points = append(one.Points, [4]number{value(p.Value), value(p.Low), value(p.High), number(p.Requests)})
		}
		for _, c := range s.Changes {
			kind := "worse"
			switch {
			case !c.Worse:
				kind = "better"
			case c.Acknowledged != "":
				kind = "known"
			}
			if c.Run >= first {
				one.Changes = append(one.Changes, historyChange{c.Run - first, kind, report.ChangeShare(c)})
			}
		}
		sub.Series = append(sub.Series, one)
	}
	return out
}

// failedSubs says why a sub-experiment has no latencies in runs that have some.
func failedSubs(h History, sub, first int) map[int]string {
	out := map[int]string{}
	for i, r := range h.Runs[first:] {
		if r.Failed == "" && sub < len(r.Subs) && r.Subs[sub].Failed != "" {
			out[i] = r.Subs[sub].Failed
		}
	}
	return out
}

// intervalsMethod says what the intervals of a history take as independent.
func intervalsMethod(h history.History) string {
	const bursts, requests = "take whole bursts as independent, as comparisons do", "are those of statistics.csv, " +
		"which take each request as independent: too narrow where requests of a burst are alike"
	byBurst, byRequest := 0, 0 // runs
	for i := range h.Runs {
		has := func(independent string) bool {
			return slices.ContainsFunc(h.Series, func(s history.Series) bool {
				return i < len(s.Points) && s.Points[i].Independent == independent
			})
		}
		if has(history.ByRequest) {
			byRequest++
		} else if has(history.ByBurst) {
			byBurst++
		}
	}
	switch {
	case byBurst+byRequest == 0:
		return ""
	case byRequest == 0:
		return "The intervals " + bursts + "."
	case byBurst == 0:
		return "The intervals " + requests + "."
	}
	return fmt.Sprintf("The intervals of %d runs %s. Those of the other %d, whose rows are not here or too many, %s.",
		byBurst, bursts, byRequest, requests)
}
