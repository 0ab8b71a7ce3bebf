package page

import (
	"cmp"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/report"
)

// view is what the template shows.
type view struct {
	frame
	Runs               []runView
	Several            bool // runs
	Summary            table
	LeftOut            int // sub-experiments that there was no room for
	Thresholds         table
	Missed             int
	Comparisons        []comparisonView
	Warnings, Findings []note
	Timeline, Load     bool
	Bursts, Instances  bool
	Known              bool   // functions said of requests whether they were cold
	Few                string // curves that are not drawn, because they are of a few requests
	Parts              table
	Files              []link
}

// runView is a run as its section shows it.
type runView struct {
	Run
	Stages, Functions table
	Deployed          bool // functions by stellar, rather than addresses that were there
	Cut               bool // Experiment was too long
}

type comparisonView struct {
	Title     string
	Chart     int // index of its chart; under 0: it has none
	Sentences []string
	Test      string // how differences are found
	Table     table
}

// note is a sentence on a sub-experiment or a run.
type note struct{ Of, Text string }

type link struct{ Text, Href string }

// table is a table that sorts and copies.
type table struct {
	Name string
	Head []heading
	Rows [][]cell
	More string // where rows are that there was no room for; empty: all are here
}

// moreIn says that rows of a table are only in a file.
func moreIn(rows int, file string) string {
	switch {
	case rows <= 0:
		return ""
	case rows == 1:
		return "One more row is in " + file + "."
	}
	return fmt.Sprintf("%d more rows are in %s.", rows, file)
}

type heading struct {
	Text    string
	Meaning string // what the number is
	Number  bool
}

// cell has a text, and for numbers the value that is sorted by and copied.
type cell struct {
	Text, Value string
	Number      bool
	Mark        string // class: met, missed
	Href        string // address of a file beside the page; empty: it is no link
}

const (
	mostNotes     = 200
	mostText      = 100_000 // bytes of all experiments
	mostFunctions = 200
	mostPointRows = 200 // rows of a comparison's table
	noValue       = "–"
)

func newView(p Page) view {
	v := view{frame: frame{Version: p.Version, Title: "stellar report"}, Several: len(p.Runs) > 1}
	if len(p.Runs) == 1 {
		v.Title = p.Runs[0].Name
	}
	shown, chart := 0, 0
	var subs []named
	for _, r := range p.Runs {
		v.addRun(r, mostText/len(p.Runs))
		for _, s := range r.Subs {
			if shown++; shown > mostSubs {
				v.LeftOut++
				v.Missed += missed(s.Thresholds)
				continue
			}
			subs = append(subs, named{nameOf(p, r, s), r, s})
		}
		for _, c := range r.Comparisons {
			v.Comparisons = append(v.Comparisons, newComparisonView(p, r, c, chart))
			chart++
		}
	}
	drawn := newCharts(Page{Runs: withoutSubs(p.Runs)}).Comparisons
	for i := range v.Comparisons {
		if i >= len(drawn) || !slices.ContainsFunc(drawn[i].Lines, comparisonLine.drawn) {
			v.Comparisons[i].Chart = -1
		}
	}
	v.Summary = summaryTable(subs, v.Several)
	v.addThresholds(subs)
	v.addNotes(subs)
	for _, s := range subs {
		t := s.Stats.Timeline
		v.Timeline = v.Timeline || t != nil
		v.Load = v.Load || t != nil && t.Sustained
		v.Bursts = v.Bursts || len(s.Bursts) > 0
		v.Instances = v.Instances || len(s.Levels) > 0
		v.Known = v.Known || s.Stats.Reported()
	}
	v.Few = fewRequests(subs)
	v.Parts = partsTable(subs)
	return v
}

// fewRequests says which parts of sub-experiments have no curve, because they are of under six requests.
func fewRequests(subs []named) string {
	const most = 12
	var out []string
	for _, s := range subs {
		for _, part := range partsOf(s.Stats) {
			if !part.few() {
				continue
			}
			name := s.name
			if part.part != "all" {
				name += ", " + part.part
			}
			out = append(out, fmt.Sprintf("%s (%d)", name, part.cdf.Len()))
		}
	}
	if n := len(out) - most; n > 0 {
		out = append(out[:most], fmt.Sprintf("%d more", n))
	}
	return strings.Join(out, "; ")
}

// named is a sub-experiment with its name on the page.
type named struct {
	name string
	run  Run
	Sub
}

func withoutSubs(runs []Run) []Run {
	out := make([]Run, len(runs))
	for i, r := range runs {
		out[i] = Run{Name: r.Name, Comparisons: r.Comparisons}
	}
	return out
}

// addRun adds a run, of whose experiment there is room for so many bytes.
func (v *view) addRun(r Run, text int) {
	one := runView{Run: r}
	if len(one.Experiment) > text {
		one.Experiment, one.Cut = strings.ToValidUTF8(one.Experiment[:text], ""), true
	}
	one.Stages = table{Name: "stages", Head: []heading{{Text: "stage"}, {Text: "seconds", Number: true},
		{Text: "note"}}}
	for _, s := range r.Stages {
		one.Stages.Rows = append(one.Stages.Rows, []cell{{Text: s.Name}, number3(s.Seconds), {Text: s.Note}})
	}
	one.Functions = table{Name: "functions", Head: []heading{{Text: "function"}, {Text: "runtime"}, {Text: "package"},
		{Text: "memory (MB)", Number: true}, {Text: "package (bytes)", Number: true}, {Text: "address"}}}
	one.Deployed = slices.ContainsFunc(r.Functions, func(f Function) bool { return f.Package != "" })
	if !one.Deployed {
		one.Functions = table{Name: "addresses", Head: []heading{{Text: "endpoint"}, {Text: "address"}}}
	}
	for _, f := range r.Functions[:min(len(r.Functions), mostFunctions)] {
		if !one.Deployed {
			one.Functions.Rows = append(one.Functions.Rows, []cell{{Text: f.Name}, {Text: f.URL}})
			continue
		}
		one.Functions.Rows = append(one.Functions.Rows, []cell{{Text: f.Name}, {Text: f.Runtime}, {Text: f.Package},
			whole0(f.MemoryMB), whole0(int(f.PackageBytes)), {Text: f.URL}})
	}
	one.Functions.More = moreIn(len(r.Functions)-mostFunctions, "run.json")
	v.Runs = append(v.Runs, one)
	for _, name := range r.Files {
		v.Files = append(v.Files, link{name, href(r.Folder, name)})
	}
	for i, s := range r.Subs {
		if i == mostSubs {
			break
		}
		for _, name := range s.Files {
			v.Files = append(v.Files, link{s.Folder + "/" + name, href(r.Folder, s.Folder, name)})
		}
	}
}

// href is the address of a file beside the page. It begins with ./ or ../, so that no part of it is read as a scheme.
func href(parts ...string) string {
	var out []string
	for _, part := range strings.Split(path.Join(parts...), "/") {
		out = append(out, url.PathEscape(part))
	}
	if out[0] == ".." {
		return strings.Join(out, "/")
	}
	return "./" + strings.Join(out, "/")
}

func (v *view) addThresholds(subs []named) {
	v.Thresholds = table{Name: "thresholds", Head: []heading{{Text: "sub-experiment"}, {Text: "metric"},
		{Text: "limit", Number: true}, {Text: "measured", Number: true}, {Text: "result"}}}
	for _, s := range subs {
		v.Missed += missed(s.Thresholds)
		for _, c := range s.Thresholds {
			result := cell{Text: "met", Mark: "met"}
			if !c.Met {
				result = cell{Text: "missed: " + c.Reason, Mark: "missed"}
			}
			v.Thresholds.Rows = append(v.Thresholds.Rows, []cell{{Text: s.name}, {Text: c.Metric},
				plain(analyze.Of(c.Limit)), plain(c.Value), result})
		}
	}
}

func missed(all []analyze.Checked) (n int) {
	for _, c := range all {
		if !c.Met {
			n++
		}
	}
	return n
}

func (v *view) addNotes(subs []named) {
	for _, r := range v.Runs {
		of := ""
		if v.Several {
			of = r.Name
		}
		if r.Error != "" {
			v.Warnings = append(v.Warnings, note{of, r.Error})
		}
		for _, w := range r.Warnings {
			v.Warnings = append(v.Warnings, note{of, w})
		}
	}
	for _, s := range subs {
		for _, w := range s.Warnings {
			v.Warnings = append(v.Warnings, note{s.name, w})
		}
		for _, f := range s.Stats.Findings {
			v.Findings = append(v.Findings, note{s.name, f})
		}
	}
	v.Warnings, v.Findings = cut(v.Warnings), cut(v.Findings)
}

func cut(notes []note) []note {
	if len(notes) <= mostNotes {
		return notes
	}
	return append(notes[:mostNotes:mostNotes], note{Text: fmt.Sprintf("and %d more", len(notes)-mostNotes)})
}

func newComparisonView(p Page, r Run, c Comparison, chart int) comparisonView {
	key := c.Axis.Key
	if c.Axis.Unit != "" {
		key += " (" + c.Axis.Unit + ")"
	}
	out := comparisonView{Title: comparisonTitle(p, r, c), Chart: chart, Sentences: c.Sentences}
	out.Test = strings.Join(report.TestWords(c.Comparison), "; ")
	out.Table = table{Name: out.Title, Head: []heading{{Text: key, Number: c.Axis.Values != nil},
		{Text: "of"}, {Text: "requests", Number: true}, {Text: "p50 (ms)", Number: true},
		{Text: "from", Number: true, Meaning: "95 % interval of p50, ms"},
		{Text: "to", Number: true, Meaning: "95 % interval of p50, ms"}, {Text: "p99 (ms)", Number: true}}}
	named := slices.ContainsFunc(c.Lines, func(l analyze.Line) bool { return l.Name != "" })
	if !named {
		out.Table.Head = slices.Delete(out.Table.Head, 1, 2)
	}
	rows := 0
	for _, l := range c.Lines {
		for _, pt := range l.Points {
			if rows++; rows > mostPointRows {
				continue
			}
			label := cell{Text: pt.Label}
			if c.Axis.Values != nil {
				label.Value, label.Number = strconv.FormatFloat(pt.X, 'f', -1, 64), true
			}
			if pt.N < analyze.MinSamples(analyze.Median) { // as on the terminal
				pt.MainP50, pt.MainP99 = analyze.Estimate{}, analyze.Estimate{}
			}
			row := []cell{label, {Text: cmp.Or(l.Name, noValue)}, whole0(pt.N), ms(pt.MainP50.Value),
				ms(pt.MainP50.Low), ms(pt.MainP50.High), ms(pt.MainP99.Value)}
			if !named {
				row = slices.Delete(row, 1, 2)
			}
			out.Table.Rows = append(out.Table.Rows, row)
		}
	}
	out.Table.More = moreIn(rows-mostPointRows, report.ComparisonFile)
	return out
}

func partsTable(subs []named) table {
	t := table{Name: "cold-starts", Head: []heading{{Text: "sub-experiment"}, {Text: "cold requests", Number: true},
		{Text: "network (ms)", Number: true}, {Text: "residual (ms)", Number: true}, {Text: "start (ms)", Number: true},
		{Text: "first request (ms)", Number: true}, {Text: "sum (ms)", Number: true}}}
	for _, s := range subs {
		parts := s.Stats.ColdParts
		if parts.Count == 0 {
			continue
		}
		row := []cell{{Text: s.name}, whole0(parts.Count)}
		for _, part := range parts.Each() {
			row = append(row, ms(part.MS))
		}
		t.Rows = append(t.Rows, append(row, ms(parts.Sum())))
	}
	return t
}

// ms is a time in ms: three digits to read, all of them to copy.
func ms(v analyze.Value) cell {
	if !v.OK {
		return cell{Text: noValue, Number: true}
	}
	return cell{Text: report.Short(v.V), Value: v.Format(3), Number: true}
}

// plain is a number as it is.
func plain(v analyze.Value) cell {
	if !v.OK {
		return cell{Text: noValue, Number: true}
	}
	text := strconv.FormatFloat(v.V, 'g', 6, 64)
	return cell{Text: text, Value: text, Number: true}
}

func number3(v float64) cell {
	return cell{Text: report.Short(v), Value: strconv.FormatFloat(v, 'f', 3, 64), Number: true}
}

// whole0 is a count; none is a dash.
func whole0(n int) cell {
	if n == 0 {
		return cell{Text: noValue, Number: true}
	}
	return count(n)
}

func count(n int) cell { return cell{Text: report.Grouped(n), Value: strconv.Itoa(n), Number: true} }
