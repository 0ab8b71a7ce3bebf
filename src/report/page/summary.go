package page

import (
	"slices"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
)

// summaryTable has a row for each sub-experiment. Columns without a value are left out.
func summaryTable(subs []named, several bool) table {
	t := table{Name: "summary"}
	var columns []summaryColumn
	for _, c := range summaryColumns() {
		if c.always || slices.ContainsFunc(subs, func(s named) bool { return c.cell(s.Stats).Value != "" }) {
			columns = append(columns, c)
		}
	}
	t.Head = []heading{{Text: "#", Number: true}, {Text: "sub-experiment"}}
	if several {
		t.Head = slices.Insert(t.Head, 0, heading{Text: "run"})
	}
	for _, c := range columns {
		t.Head = append(t.Head, heading{Text: c.name, Meaning: c.meaning, Number: true})
	}
	for _, s := range subs {
		title := s.Stats.Title
		if title == "" {
			title = noValue
		}
		row := []cell{count(s.Stats.Index), {Text: title}}
		if several {
			row = slices.Insert(row, 0, cell{Text: s.run.Name})
		}
		for _, c := range columns {
			row = append(row, c.cell(s.Stats))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

type summaryColumn struct {
	name, meaning string
	always        bool
	cell          func(analyze.Summary) cell
}

// mixed reports whether a sub-experiment has cold and warm requests: a percentile of both together depends on how many
// there happened to be of each.
func mixed(s analyze.Summary) bool { return s.Cold.Count > 0 && s.Warm.Count > 0 }

// joint is a cell of all requests; a dash where they are mixed.
func joint(of func(analyze.Summary) cell) func(analyze.Summary) cell {
	return func(s analyze.Summary) cell {
		if mixed(s) {
			return cell{Text: noValue, Number: true}
		}
		return of(s)
	}
}

// tail is the p99 of a part; of so few requests that their median has no interval, there is none.
func tail(s analyze.Split) cell {
	if s.Count < analyze.MinSamples(analyze.Median) {
		return cell{Text: noValue, Number: true}
	}
	return ms(s.P99)
}

// ofEnough is a value that says nothing of a few requests, and is empty for them.
func ofEnough(s analyze.Summary, v analyze.Value) analyze.Value {
	if s.Count < analyze.MinSamples(analyze.Median) {
		return analyze.Value{}
	}
	return v
}

func summaryColumns() []summaryColumn {
	return slices.Concat(latencyColumns(), clientColumns())
}

func latencyColumns() []summaryColumn {
	known := func(s analyze.Summary, n int) cell {
		if !s.Reported() {
			return cell{Text: noValue, Number: true} // no function said anything: 0 would be a claim
		}
		return count(n)
	}
	return []summaryColumn{
		{"requests", "successful requests, warm-up left out", true,
			func(s analyze.Summary) cell { return count(s.Count) }},
		{"errors", "failed requests", true, func(s analyze.Summary) cell { return count(s.Errors) }},
		{"cold", "requests that were the first of their instance, as the function reports", false,
			func(s analyze.Summary) cell { return known(s, s.Cold.Count) }},
		{"cold p50 (ms)", "median of the cold requests", false,
			func(s analyze.Summary) cell { return ms(s.Cold.P50) }},
		{"cold p99 (ms)", "99th percentile of the cold requests; of a few there is none", false,
			func(s analyze.Summary) cell { return tail(s.Cold) }},
		{"warm p50 (ms)", "median of the warm requests", false,
			func(s analyze.Summary) cell { return ms(s.Warm.P50) }},
		{"warm p99 (ms)", "99th percentile of the warm requests; of a few there is none", false,
			func(s analyze.Summary) cell { return tail(s.Warm) }},
		{"p50 (ms)", "median; none where cold and warm requests are mixed", false,
			joint(func(s analyze.Summary) cell { return ms(s.P50) })},
		{"from (ms)", "lower end of the 95 % interval of p50, as if requests were independent; comparisons " +
			"take whole bursts, and their intervals are wider where requests of a burst are alike", false,
			joint(func(s analyze.Summary) cell { return ms(s.CI50.Low) })},
		{"to (ms)", "upper end of the 95 % interval of p50", false,
			joint(func(s analyze.Summary) cell { return ms(s.CI50.High) })},
		{"p99 (ms)", "99th percentile; none where cold and warm requests are mixed, or of a few requests", false,
			joint(func(s analyze.Summary) cell { return ms(ofEnough(s, s.P99)) })},
		{"TMR", "p99 divided by the median", false,
			joint(func(s analyze.Summary) cell { return ms(ofEnough(s, s.TMR)) })},
		{"max (ms)", "the longest latency", false, func(s analyze.Summary) cell { return ms(s.Max) }},
	}
}

func clientColumns() []summaryColumn {
	return []summaryColumn{
		{"spread (ms)", "median, over the bursts, of the time from the first request's first byte to the last one's",
			false, func(s analyze.Summary) cell { return ms(s.Client.Spread50) }},
		{"late", "requests that left over 1 ms late with their whole burst", false,
			func(s analyze.Summary) cell { return whole0(s.Client.Behind) }},
		{"suspect", "requests whose latency the client may have caused", false,
			func(s analyze.Summary) cell { return whole0(s.Client.Suspects) }},
		{"new", "requests that opened a connection although kept ones were asked for", false,
			func(s analyze.Summary) cell { return whole0(int(s.Client.NewConns.V)) }},
		{"unsent", "requests that were due and never sent", false,
			func(s analyze.Summary) cell { return whole0(s.Client.Unsent) }},
		{"instances", "different instances that answered", false,
			func(s analyze.Summary) cell { return whole0(int(s.Instances.Count.V)) }},
		{"USD/1M", "price of a million requests like these", false,
			func(s analyze.Summary) cell { return plain(s.CostPerMillion) }},
		{"USD", "price of these requests", false, func(s analyze.Summary) cell { return plain(s.Cost) }},
	}
}
