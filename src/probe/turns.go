package probe

import (
	"context"
	"time"
)

// Turns decides when rounds of a closed schedule may begin, where several probes take turns, and whether the plan is
// sent again. Rounds and repetitions count from 0. The methods are called by one goroutine, for each round in its
// order.
type Turns interface {
	// Begin waits until a round may begin, and gives its number in rows. Its error ends Run, before the round.
	Begin(ctx context.Context, repetition, round int) (number int, err error)
	// End says that a round is over: its responses are in, and its rows have gone to Sink.
	End(repetition, round int)
	// Again reports, after the last round of a repetition, whether the plan is sent once more. Its error ends Run.
	Again(ctx context.Context, repetition int) (bool, error)
}

// beginRound waits for the turn of a round; false where the run is over.
func (e *engine) beginRound(ctx context.Context, round int) bool {
	e.shift = 0
	if e.cfg.Turns == nil {
		return true
	}
	number, err := e.cfg.Turns.Begin(ctx, e.repetition, round)
	if err != nil {
		e.stop(err)
		return false
	}
	e.shift = number - round
	return ctx.Err() == nil
}

func (e *engine) endRound(round int) {
	if e.cfg.Turns != nil {
		e.cfg.Turns.End(e.repetition, round)
	}
}

// again reports whether the plan is sent once more, and draws the waits of its rounds.
func (e *engine) again(ctx context.Context) bool {
	if e.cfg.Turns == nil {
		return false
	}
	e.undecided = true
	more, err := e.cfg.Turns.Again(ctx, e.repetition)
	if err == nil && more {
		arrivals := e.cfg.Arrivals
		arrivals.Repetition = e.repetition + 1
		e.gaps, err = arrivals.Gaps(e.cfg.rounds())
	}
	if err != nil {
		e.stop(err)
		return false
	}
	e.undecided = false
	if more {
		e.repetition++
		e.rec.repeat(e.repetition, e.gaps)
	}
	return more && ctx.Err() == nil
}

// repeat begins the count of a further repetition.
func (r *recorder) repeat(repetition int, gaps []time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.repetition, r.gaps = repetition, gaps
}

// planned is the number of bursts of all repetitions that are known to be sent.
func (r *recorder) planned() int { return r.cfg.Bursts * max(r.repetition+1, r.cfg.Repetitions) }

// rounds is the number of rounds, the last of which may not reach every target.
func (cfg Config) rounds() int {
	return (cfg.Bursts + len(cfg.Targets) - 1) / len(cfg.Targets)
}
