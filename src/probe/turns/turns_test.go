package turns

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/probe/schedule"
)

// play has each place send its rounds as the probe does, and gives the rounds in the order in which they were sent.
// leaves is after how many rounds a place fails; 0: never.
func play(ctx context.Context, t *testing.T, cfg Config, leaves map[int]int) (order []string, errs []error) {
	t.Helper()
	table := New(cfg)
	defer table.Close()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for place, rounds := range cfg.Rounds {
		wg.Go(func() {
			seat := table.Seat(place)
			defer seat.Leave()
			sent := 0
			for repetition, more := 0, true; more; repetition++ {
				for round := range rounds {
					number, err := seat.Begin(ctx, repetition, round)
					mu.Lock()
					if err != nil {
						errs = append(errs, err)
						mu.Unlock()
						return
					}
					order = append(order, fmt.Sprintf("%d:%d", place, number))
					mu.Unlock()
					if sent++; sent == leaves[place] {
						return // before End, as a probe that stops
					}
					seat.End(repetition, round)
				}
				var err error
				if more, err = seat.Again(ctx, repetition); err != nil {
					mu.Lock()
					errs = append(errs, err)
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return order, errs
}

// times repeats a plan so often.
func times(n int, asked *[][]int) func(context.Context, int, []int) (bool, error) {
	return func(_ context.Context, repetition int, present []int) (bool, error) {
		*asked = append(*asked, present)
		return repetition+1 < n, nil
	}
}

func TestTurns(t *testing.T) {
	for _, interleaved := range []bool{true, false} {
		plan := schedule.Turns{Seed: 3, Rounds: []int{5, 3, 5}, Interleaved: interleaved}
		var want []string
		for repetition := range 2 {
			for turn := range plan.Of(repetition) {
				for round := turn.From; round < turn.To; round++ {
					want = append(want, fmt.Sprintf("%d:%d", turn.Place, repetition*5+round))
				}
			}
		}
		var asked [][]int
		got, errs := play(t.Context(), t, Config{Turns: plan, Again: times(2, &asked)}, nil)
		if !slices.Equal(got, want) || len(errs) > 0 || fmt.Sprint(asked) != "[[0 1 2] [0 1 2]]" {
			t.Errorf("interleaved %v: sent %v, want %v; errors %v, asked %v", interleaved, got, want, errs, asked)
		}
		// One that stops leaves its turns.
		asked = nil
		got, errs = play(t.Context(), t, Config{Turns: plan, Again: times(2, &asked)}, map[int]int{0: 3})
		kept, n := want[:0:0], 0
		for _, turn := range want {
			if strings.HasPrefix(turn, "0:") {
				if n++; n > 3 {
					continue
				}
			}
			kept = append(kept, turn)
		}
		if !slices.Equal(got, kept) || len(errs) > 0 || fmt.Sprint(asked) != "[[1 2] [1 2]]" {
			t.Errorf("interleaved %v: sent %v, want %v; errors %v, asked %v", interleaved, got, kept, errs, asked)
		}
	}
}

// TestFree: where nobody waits for a turn, a repetition still begins after the last one has ended.
func TestFree(t *testing.T) {
	var asked [][]int
	order, errs := play(t.Context(), t, Config{Turns: schedule.Turns{Rounds: []int{4, 2}}, Free: true,
		Again: times(3, &asked)}, nil)
	if len(order) != 18 || len(errs) > 0 || len(asked) != 3 {
		t.Fatalf("sent %v, errors %v, asked %v", order, errs, asked)
	}
	for i, turn := range order {
		var place, number int
		if _, err := fmt.Sscanf(turn, "%d:%d", &place, &number); err != nil || number/4 != i/6 {
			t.Errorf("place %d of the order is %s: %v", i, turn, order)
		}
	}
}

func TestTurnsEnd(t *testing.T) {
	plan := schedule.Turns{Rounds: []int{3, 3}, Interleaved: true}
	// the time is over: nothing is sent, and all say so
	order, errs := play(t.Context(), t, Config{Turns: plan, Deadline: time.Now().Add(-1)}, nil)
	if len(order) != 0 || len(errs) != 2 || !errors.Is(errs[0], ErrOver) || !errors.Is(errs[1], ErrOver) {
		t.Errorf("sent %v, errors %v", order, errs)
	}
	// a decision fails: one says so, the others end
	bad := errors.New("disk")
	order, errs = play(t.Context(), t, Config{Turns: plan, Again: func(context.Context, int, []int) (bool, error) {
		return true, bad
	}}, nil)
	if len(order) != 6 || len(errs) != 1 || !errors.Is(errs[0], bad) {
		t.Errorf("sent %v, errors %v", order, errs)
	}
	// an interruption wakes those that wait
	stopped := errors.New("stopped")
	ctx, stop := context.WithCancelCause(t.Context())
	table := New(Config{Turns: plan})
	defer table.Close()
	waiting := 1 - table.head.Place
	done := make(chan error)
	go func() {
		_, err := table.Seat(waiting).Begin(ctx, 0, 0)
		done <- err
	}()
	stop(stopped)
	if err := <-done; !errors.Is(err, stopped) || table.Repetitions() != 0 {
		t.Errorf("error %v, %d repetitions", err, table.Repetitions())
	}
}

// TestBlockIsCompleted: a block that has begun before the time was over is sent as a whole.
func TestBlockIsCompleted(t *testing.T) {
	plan := schedule.Turns{Rounds: []int{2, 2}, Interleaved: true}
	table := New(Config{Turns: plan, Deadline: time.Now().Add(time.Hour)})
	defer table.Close()
	for i := range 3 {
		if i == 1 {
			table.cfg.Deadline = time.Now().Add(-1)
		}
		place, round := table.head.Place, table.head.From
		_, err := table.Seat(place).Begin(t.Context(), 0, round)
		table.Seat(place).End(0, round)
		if over := errors.Is(err, ErrOver); over != (i == 2) {
			t.Errorf("turn %d: %v", i, err)
		}
	}
}
