package fidelity

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// line is a line of the table: what really happened, what the probe says of it, and how far the two may lie apart.
type line struct {
	scenario, nominal, truth, measured, bound string
	pass                                      bool
	machine                                   string // what the machine added; empty: it was not measured
}

// table is what the test command prints: durations are milliseconds, p50/p99.
func table(lines []line) string {
	rows := [][]string{{"scenario", "nominal", "truth p50/p99", "measured p50/p99", "bound", "machine", "pass"}}
	for _, l := range lines {
		pass := "FAILS"
		if l.pass {
			pass = "pass"
		}
		rows = append(rows, []string{l.scenario, l.nominal, l.truth, l.measured, l.bound, cmp.Or(l.machine, "-"), pass})
	}
	widths := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, cell := range r {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	var b strings.Builder
	for _, r := range rows {
		for i, cell := range r {
			fmt.Fprintf(&b, "| %-*s ", widths[i], cell)
		}
		b.WriteString("|\n")
	}
	return b.String()
}

// both gives p50/p99 in milliseconds.
func both(values []time.Duration) string {
	if len(values) == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f/%.2f", inMs(percentile(values, 50)), inMs(percentile(values, 99)))
}

func inMs(d time.Duration) float64 { return float64(d) / float64(ms) }

// bound says a claim's bounds as the table has them: around the middle of what the path adds.
func (c claim) bound() string {
	half := (c.path.most - c.path.least) / 2
	most := c.limits.plus(c.machine).plus(limits{half, half})
	return fmt.Sprintf("%.1f, %s", inMs(-half-slack), most)
}

// line makes the line of a scenario in which every request is answered.
func (c claim) line(name string, pairs []pair, v verdict) line {
	half := (c.path.most - c.path.least) / 2
	var nominal, truth, measured []time.Duration
	for _, p := range pairs {
		nominal = append(nominal, c.least(p)-p.truth.took()+p.truth.nominal+half)
		truth = append(truth, c.least(p)+half)
		measured = append(measured, p.row.Latency)
	}
	return line{name, both(nominal), both(truth), both(measured), c.bound(), v.good(), ""}
}
