package analyze

import (
	"cmp"
	"slices"
	"time"
)

// BurstGroup is one burst, or neighbours that are shown together.
type BurstGroup struct {
	First, Last int // numbers of its first and last burst
	Cold        int // successful requests, as the functions report
	Warm        int
	Unknown     int // the function did not say
	Errors      int
	Median, Max Value // ms, of the successful requests
}

// Grouped is at most so many groups of equally many bursts, in the order of their rows.
func (b Bursts) Grouped(most int) []BurstGroup {
	each := (b.count + most - 1) / most
	var out []BurstGroup
	var g BurstGroup
	var ms []float64
	at := 0
	for burst := range b.All() {
		if at%each == 0 {
			g, ms = BurstGroup{First: burst.Number}, ms[:0]
		}
		at++
		g.Last = burst.Number
		g.Cold, g.Warm, g.Unknown = g.Cold+burst.Cold, g.Warm+burst.Warm, g.Unknown+burst.Unknown
		g.Errors += burst.Errors
		ms = append(ms, burst.Latencies...)
		if at%each == 0 || at == b.count {
			slices.Sort(ms)
			g.Median = Median.Of(ms)
			if len(ms) > 0 {
				g.Max = Of(ms[len(ms)-1])
			}
			out = append(out, g)
		}
	}
	return out
}

// Level is how many instances were alive from an instant on.
type Level struct {
	At    time.Duration // since the first request of the first instance
	Alive int
}

// Levels is how many instances were alive over time, from the first request of each to its last response. Changes
// closer together than a part of the whole time are told with their peak, so that there are at most two levels for
// each of the parts, and a first and a last one.
func Levels(lives []Life, parts int) []Level {
	if len(lives) == 0 {
		return nil
	}
	type change struct {
		at time.Duration
		by int
	}
	began := slices.MinFunc(lives, func(a, b Life) int { return a.First.Compare(b.First) }).First
	changes := make([]change, 0, 2*len(lives))
	for _, l := range lives {
		changes = append(changes, change{l.First.Sub(began), 1}, change{l.Last.Sub(began), -1})
	}
	slices.SortFunc(changes, func(a, b change) int {
		// One that begins when another one ends lives beside it for a moment.
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(b.by, a.by))
	})
	width := max(changes[len(changes)-1].at/time.Duration(parts), 1)
	var out []Level
	alive := 0
	for i := 0; i < len(changes); {
		part, at, most := changes[i].at/width, changes[i].at, alive
		for ; i < len(changes) && changes[i].at/width == part; i++ {
			alive += changes[i].by
			most = max(most, alive)
		}
		if len(out) == 0 || out[len(out)-1].Alive != most {
			out = append(out, Level{at, most})
		}
		if most != alive {
			out = append(out, Level{changes[i-1].at, alive})
		}
	}
	return out
}
