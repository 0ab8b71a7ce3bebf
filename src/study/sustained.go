package study

import (
	"math"
	"time"

	"stellar/src/probe"
	"stellar/src/probe/schedule"
)

// sustained says in the probe's terms what load the settings ask for.
func (s *Settings) sustained() *probe.Load {
	tables := s.timetables()
	out := &probe.Load{
		MaxConnections: s.Load.MaxConnections, Cycle: max(len(s.ServiceTimes), len(s.Increments), 1),
		Warm: s.warm(tables),
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

// timetables are one for all endpoints, or one for each.
func (s *Settings) timetables() []schedule.Timetable {
	table := schedule.Timetable{Kind: s.Load.Arrivals, Rate: s.Load.Rate, Duration: s.Load.Length, Seed: s.Seed, Sub: s.Index, Even: s.Load.Even}
	if len(s.Load.Traces) == 0 {
		return []schedule.Timetable{table}
	}
	out := make([]schedule.Timetable, len(s.Load.Traces))
	for i, trace := range s.Load.Traces {
		out[i] = table
		out[i].Trace = trace
		out[i].Sub = s.Index + i<<16 // each endpoint has draws of its own
	}
	return out
}

// warm is how many connections to each endpoint are opened before the load begins: by Little's law as many as are in use
// at once at the mean rate, with 50 ms for what is not service time. More are opened beside the load where they are missing.
func (s *Settings) warm(tables []schedule.Timetable) int {
	rate, longest := 0.0, time.Duration(0)
	for _, t := range tables {
		n, _ := t.Count()
		rate += float64(n) / max(t.Length().Seconds(), 1e-9)
	}
	for _, t := range s.ServiceTimes {
		longest = max(longest, t)
	}
	targets := len(s.Endpoints) / max(s.Chain, 1)
	each := rate * (longest + 50*time.Millisecond).Seconds() / float64(targets)
	return max(1, min(int(math.Ceil(each)), s.Load.MaxConnections/targets))
}
