// Package turns lets the probes of a run take turns: one sends the rounds of its turn while the others wait, in the
// order of a schedule.Turns. It also holds them together between repetitions of the plan.
package turns

import (
	"context"
	"errors"
	"iter"
	"sync"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/probe/schedule"
)

// ErrOver is the error of Seat.Begin after Config.Deadline.
var ErrOver = errors.New("the time for repetitions is over")

// Config is who takes turns, and how often.
type Config struct {
	schedule.Turns
	// Free says that there are no turns: rounds begin when they are due, and only repetitions begin together.
	Free bool
	// Deadline ends the run: no turn begins after it, interleaved no block. Zero: there is none.
	Deadline time.Time
	// Again reports, after each repetition, whether the plan is sent once more; present are the places that still take
	// part. It is called by one goroutine at a time, while no probe sends.
	Again func(ctx context.Context, repetition int, present []int) (bool, error)
}

// Turns is shared by the probes of a run.
type Turns struct {
	cfg Config

	mu         sync.Mutex
	changed    chan struct{} // closed and replaced whenever one of the following changes
	left       []bool        // by place: takes no part any more
	waiting    []bool        // by place: has sent its repetition
	repetition int
	ended      bool // no further repetition
	deciding   bool // Again is being asked
	over       bool // the deadline has passed
	block      int  // that has begun, interleaved; -1: none
	head       schedule.Turn
	rest       func() (schedule.Turn, bool) // the turns after head
	stop       func()
	none       bool // the repetition has no turn left
}

// New starts with the first turn.
func New(cfg Config) *Turns {
	t := &Turns{cfg: cfg, changed: make(chan struct{}), left: make([]bool, len(cfg.Rounds)),
		waiting: make([]bool, len(cfg.Rounds)), block: -1}
	t.draw()
	return t
}

// Close gives up the schedule.
func (t *Turns) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stop()
}

// draw starts the turns of the repetition.
func (t *Turns) draw() {
	if t.stop != nil {
		t.stop()
	}
	t.rest, t.stop = iter.Pull(t.cfg.Of(t.repetition))
	t.none = false
	t.advance()
}

// advance goes to the next turn of one that still takes part.
func (t *Turns) advance() {
	for {
		head, ok := t.rest()
		if t.head, t.none = head, !ok; !ok || !t.left[head.Place] {
			return
		}
	}
}

// notify wakes all that wait.
func (t *Turns) notify() {
	close(t.changed)
	t.changed = make(chan struct{})
}

// Repetitions is how many repetitions all that took part in them have completed.
func (t *Turns) Repetitions() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return t.repetition + 1
	}
	return t.repetition
}

// Seat is the part of one probe; it implements the probe's Turns.
type Seat struct {
	turns *Turns
	place int
}

// Seat is that of the sub-experiment at a place of schedule.Turns.Rounds.
func (t *Turns) Seat(place int) *Seat { return &Seat{t, place} }

// Begin waits until it is the round's turn. Its error is the context's cause, or ErrOver.
func (s *Seat) Begin(ctx context.Context, repetition, round int) (number int, err error) {
	t := s.turns
	number = repetition*t.cfg.Blocks() + round
	return number, t.wait(ctx, func() (bool, error) {
		mine := t.cfg.Free || !t.none && t.head.Place == s.place && t.head.From <= round && round < t.head.To
		if !mine {
			return t.over, t.overError()
		}
		begun := t.cfg.Interleaved && t.block == number
		if !begun && !t.over && !t.cfg.Deadline.IsZero() && time.Now().After(t.cfg.Deadline) {
			t.over = true
			t.notify()
		}
		if t.over {
			return true, ErrOver
		}
		t.block = number
		return true, nil
	})
}

func (t *Turns) overError() error {
	if t.over {
		return ErrOver
	}
	return nil
}

// End gives the turn to the next one where the round was its last.
func (s *Seat) End(_, round int) {
	t := s.turns
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.cfg.Free && !t.none && t.head.Place == s.place && round+1 >= t.head.To {
		t.advance()
		t.notify()
	}
}

// Leave ends the part of the probe in the run: its turns are left out.
func (s *Seat) Leave() {
	t := s.turns
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.left[s.place] {
		return
	}
	t.left[s.place] = true
	if !t.none && t.head.Place == s.place {
		t.advance()
	}
	t.notify()
}

// Again waits until all that take part have sent the repetition, and reports whether there is another one.
func (s *Seat) Again(ctx context.Context, repetition int) (bool, error) {
	t := s.turns
	t.mu.Lock()
	t.waiting[s.place] = true
	t.notify()
	t.mu.Unlock()
	decide := false
	err := t.wait(ctx, func() (bool, error) {
		if t.ended || t.repetition > repetition {
			return true, nil
		}
		if t.over {
			return true, ErrOver
		}
		if t.deciding || len(t.present()) > len(t.sent()) {
			return false, nil
		}
		decide, t.deciding = true, true
		return true, nil
	})
	if err == nil && decide {
		err = t.decide(ctx, repetition)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return err == nil && !t.ended, err
}

// decide asks whether there is another repetition, and begins it.
func (t *Turns) decide(ctx context.Context, repetition int) error {
	t.mu.Lock()
	present := t.present()
	t.mu.Unlock()
	more, err := t.cfg.Again(ctx, repetition, present)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.deciding = false
	if err != nil || !more {
		t.ended = true
	} else {
		clear(t.waiting)
		t.repetition, t.block = repetition+1, -1
		t.draw()
	}
	t.notify()
	return err
}

// present are the places that take part.
func (t *Turns) present() (out []int) {
	for place, left := range t.left {
		if !left {
			out = append(out, place)
		}
	}
	return out
}

// sent are those of them that have sent the repetition.
func (t *Turns) sent() (out []int) {
	for _, place := range t.present() {
		if t.waiting[place] {
			out = append(out, place)
		}
	}
	return out
}

// wait asks, whenever something has changed, until the answer is true; it gives the error of that answer, or the
// context's cause.
func (t *Turns) wait(ctx context.Context, ask func() (bool, error)) error {
	for {
		t.mu.Lock()
		if ctx.Err() != nil {
			t.mu.Unlock()
			return context.Cause(ctx)
		}
		yes, err := ask()
		changed := t.changed
		t.mu.Unlock()
		if yes {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}
