package analyze

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Missed is a limit that was exceeded, or could not be checked.
type Missed struct {
	Metric string  `json:"metric"`
	Limit  float64 `json:"limit"`
	Value  Value   `json:"value"`
	Reason string  `json:"reason"` // what to tell the user, one line
}

func (m Missed) String() string { return m.Reason }

type metric struct {
	name string
	of   func(Summary) Value
}

// metricTable is the list of names that a threshold may use, in the order of the messages.
func metricTable() []metric {
	return []metric{
		{"p50_ms", func(s Summary) Value { return s.P50 }},
		{"p90_ms", func(s Summary) Value { return s.P90 }},
		{"p95_ms", func(s Summary) Value { return s.P95 }},
		{"p99_ms", func(s Summary) Value { return s.P99 }},
		{"p999_ms", func(s Summary) Value { return s.P999 }},
		{"mean_ms", func(s Summary) Value { return s.Mean }},
		{"min_ms", func(s Summary) Value { return s.Min }},
		{"max_ms", func(s Summary) Value { return s.Max }},
		{"cold_p50_ms", func(s Summary) Value { return s.Cold.P50 }},
		{"cold_p99_ms", func(s Summary) Value { return s.Cold.P99 }},
		{"warm_p50_ms", func(s Summary) Value { return s.Warm.P50 }},
		{"warm_p99_ms", func(s Summary) Value { return s.Warm.P99 }},
		{"tmr", func(s Summary) Value { return s.TMR }},
		{"errors", func(s Summary) Value { return Value{V: float64(s.Errors), OK: s.Count+s.Errors > 0} }},
		{"error_ratio", func(s Summary) Value { return s.ErrorRatio }},
		{"late_count", func(s Summary) Value { return Value{V: float64(s.Client.Behind), OK: s.Rows() > 0} }},
		{"lateness_p99_ms", func(s Summary) Value { return s.Client.Lateness99 }},
		{"unsent", func(s Summary) Value {
			return Value{V: float64(s.Client.Unsent),
				OK: s.Rows()+s.Client.Unsent > 0}
		}},
	}
}

// Metrics lists the names that Thresholds accepts.
func Metrics() []string {
	var names []string
	for _, m := range metricTable() {
		names = append(names, m.name)
	}
	return names
}

// Checked is a limit and whether it was met.
type Checked struct {
	Missed
	Met bool
}

// Thresholds checks upper bounds by metric name and returns the missed ones, by name. A value equal to the limit is no
// miss. A metric without data is missed, because a threshold without a measurement proves nothing. An unknown name is
// missed as well.
func Thresholds(limits map[string]float64, s Summary) []Missed {
	var missed []Missed
	for _, c := range CheckThresholds(limits, s) {
		if !c.Met {
			missed = append(missed, c.Missed)
		}
	}
	return missed
}

// CheckThresholds is Thresholds with the limits that were met.
func CheckThresholds(limits map[string]float64, s Summary) []Checked {
	table := metricTable()
	var all []Checked
	for _, name := range slices.Sorted(maps.Keys(limits)) {
		c := Checked{Missed: Missed{Metric: name, Limit: limits[name]}}
		limit := strconv.FormatFloat(c.Limit, 'g', -1, 64)
		at := slices.IndexFunc(table, func(t metric) bool { return t.name == name })
		if at >= 0 {
			c.Value = table[at].of(s)
		}
		value := strconv.FormatFloat(c.Value.V, 'g', 6, 64)
		switch {
		case at < 0:
			c.Reason = fmt.Sprintf("%s is not a metric (limit %s): use one of %s", name, limit, strings.Join(Metrics(),
				", "))
		case !c.Value.OK:
			c.Reason = fmt.Sprintf("%s has no data (limit %s): no request that it is measured on succeeded", name,
				limit)
		case !(c.Value.V <= c.Limit): // so that a limit that is not a number is missed
			c.Reason = fmt.Sprintf("%s is %s, over the limit of %s", name, value, limit)
		default:
			c.Met = true
			c.Reason = fmt.Sprintf("%s is %s, within the limit of %s", name, value, limit)
		}
		all = append(all, c)
	}
	return all
}
