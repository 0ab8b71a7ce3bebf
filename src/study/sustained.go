package study

import (
	"math"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/probe"
	"github.com/vhive-serverless/STeLLAR/src/probe/schedule"
)

// sustained is the sub-experiment's sustained load, for so many targets, in the probe's terms.
func (e *Env) sustained(targets int) *probe.Load {
	tables := e.timetables()
	out := &probe.Load{
		MaxConnections: e.Sub.MaxConnections,
		Cycle:          max(len(e.Sub.DesiredServiceTimes), len(e.Increments), 1),
		Warm:           e.warm(tables, targets),
	}
	for _, t := range tables {
		out.Length = max(out.Length, t.Length())
	}
	if len(tables) == 1 {
		out.Instants = func() func() (time.Duration, int, bool) {
			next := tables[0].Instants()
			return func() (time.Duration, int, bool) {
				at, ok := next()
				return at, -1, ok
			}
		}
		return out
	}
	out.Instants = func() func() (time.Duration, int, bool) { return schedule.Merge(tables) }
	return out
}

// timetables are one for all targets, or one for each.
func (e *Env) timetables() []schedule.Timetable {
	table := schedule.Timetable{
		Kind: e.Sub.Arrivals, Rate: e.Sub.RatePerSecond, Duration: seconds(e.Sub.DurationSeconds),
		Seed: e.Seed, Sub: e.Index, Even: e.Sub.TraceSpacing == "even",
	}
	if len(e.Traces) == 0 {
		return []schedule.Timetable{table}
	}
	out := make([]schedule.Timetable, len(e.Traces))
	for i, trace := range e.Traces {
		out[i] = table
		out[i].Kind, out[i].Trace = schedule.Traced, trace
		out[i].Sub = e.Index + i<<16 // each target has draws of its own
	}
	return out
}

// warm is how many connections to each target are opened before the load begins: by Little's law as many as are in use
// at once at the mean rate, with 50 ms for what is not service time. More are opened beside the load where they are
// missing.
func (e *Env) warm(tables []schedule.Timetable, targets int) int {
	rate, longest := 0.0, time.Duration(0)
	for _, t := range tables {
		n, _ := t.Count()
		rate += float64(n) / max(t.Length().Seconds(), 1e-9)
	}
	for _, t := range e.serviceTimes() {
		longest = max(longest, t)
	}
	each := rate * (longest + 50*time.Millisecond).Seconds() / float64(targets)
	return max(1, min(int(math.Ceil(each)), e.Sub.MaxConnections/targets))
}
