package probe

import (
	"math"
	"slices"
	"time"
)

// anchor is an instant on the wall clock and on the engine's clock, which is monotonic and starts at its base.
type anchor struct {
	wall time.Time
	at   time.Duration
}

// readAnchor reads both clocks; within is the time between whose ends they were read. A thread that is interrupted
// between them reads them again.
func readAnchor(base time.Time) (a anchor, within time.Duration) {
	const tries, enough = 5, 20 * time.Microsecond
	within = math.MaxInt64
	for range tries {
		before := time.Since(base)
		wall := time.Now()
		at := time.Since(base)
		if took := at - before; took < within {
			a, within = anchor{wall.Round(0).UTC(), before + took/2}, took
		}
		if within < enough {
			break
		}
	}
	return a, within
}

// time converts an instant of the engine's clock to the wall clock as it was at the anchor.
func (a anchor) time(at time.Duration) time.Time { return a.wall.Add(at - a.at) }

// wallClock converts instants of the engine's clock to the wall clock during a sustained load, whose wall clock may be
// disciplined or set. The conversion is the same for all requests, continuous and ascending: it follows the wall clock
// by another rate and never jumps. A wall clock that is set forward is caught up with in about readingPause after the
// next reading, one that is set back by d in about d.
type wallClock struct {
	pieces []piece // ascending
	last   anchor  // what the last piece follows
	drift  float64 // of the wall clock against the engine's, in seconds for each second
}

// piece is a part of the conversion that begins at an instant of the engine's clock and ends where the next one begins.
type piece struct {
	at   time.Duration
	wall time.Time // at at
	rate float64   // of the wall clock in excess of the engine's
}

const (
	readingPause = time.Second // at least, between two readings that are followed; a difference is made up for in it
	// smallDifference is about the error of a reading: less than it is not followed.
	smallDifference = 20 * time.Microsecond
	// driftMost is over what clock discipline applies (adjtime(3): 500 ppm). What is more has been set.
	driftMost = 1e-3
	slowest   = -0.9 // least rate: the converted time always proceeds
)

func newWallClock(a anchor) *wallClock {
	return &wallClock{pieces: []piece{{at: a.at, wall: a.wall}}, last: a}
}

// at is an instant on both clocks.
func (c *wallClock) at(at time.Duration) anchor {
	i, found := slices.BinarySearchFunc(c.pieces, at, func(p piece, at time.Duration) int { return int(p.at - at) })
	if !found && i > 0 {
		i--
	}
	p := c.pieces[i]
	since := at - p.at
	return anchor{p.wall.Add(since + time.Duration(p.rate*float64(since))), at}
}

// follow adjusts the conversion of later instants to a reading; earlier ones are converted as they were. A piece begins
// in which the difference is made up for, and another one after it that keeps the drift.
func (c *wallClock) follow(a anchor, within time.Duration) {
	now, since := c.at(a.at), a.at-c.last.at
	difference := a.wall.Sub(now.wall)
	if since < readingPause || difference.Abs() < max(within, smallDifference) {
		return
	}
	if drift := (a.wall.Sub(c.last.wall) - since).Seconds() / since.Seconds(); math.Abs(drift) < driftMost {
		c.drift = drift
	}
	c.last = a
	rate := max(c.drift+difference.Seconds()/readingPause.Seconds(), slowest)
	c.pieces = append(c.pieces, piece{now.at, now.wall, rate})
	then := c.at(now.at + readingPause)
	c.pieces = append(c.pieces, piece{then.at, then.wall, c.drift})
}
