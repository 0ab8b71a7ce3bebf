package probe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/probe/schedule"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// script is a Turns that notes what it is asked.
type script struct {
	asked   []string
	again   int         // repetitions after the first
	refused error       // of Begin, from repetition 1 on
	failed  error       // of Again
	stop    func(error) // called by Again; nil: nothing is
}

func (s *script) Begin(_ context.Context, repetition, round int) (int, error) {
	s.asked = append(s.asked, fmt.Sprintf("begin %d.%d", repetition, round))
	if repetition > 0 && s.refused != nil {
		return 0, s.refused
	}
	return 10*repetition + round, nil
}

func (s *script) End(repetition, round int) {
	s.asked = append(s.asked, fmt.Sprintf("end %d.%d", repetition, round))
}

func (s *script) Again(_ context.Context, repetition int) (bool, error) {
	s.asked = append(s.asked, fmt.Sprintf("again %d", repetition))
	if s.stop != nil {
		s.stop(s.failed)
	}
	return repetition < s.again, s.failed
}

// TestRepetitions: a plan is sent again with bursts that go on, rounds as they are numbered, its sizes from the first
// one on, and its IAT between repetitions, too.
func TestRepetitions(t *testing.T) {
	s, _ := serveHTTP(t, false, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) })
	var b book
	var told []Progress
	turns := &script{again: 1}
	const iat = 30 * time.Millisecond
	cfg := config(&b, s.URL)
	cfg.Targets = append(cfg.Targets, Target{Name: "g", URL: s.URL})
	cfg.BurstSize = func(round int) int { return 1 + round }
	cfg.Arrivals = schedule.Arrivals{Type: schedule.Deterministic, IAT: iat}
	cfg.Turns, cfg.Repetitions, cfg.Warmup = turns, 2, 1
	cfg.Progress = func(p Progress) { told = append(told, p) }
	out, err := Run(t.Context(), cfg)
	if err != nil || out.Bursts != 6 || out.Requests != 8 {
		t.Fatalf("%+v, %v", out, err)
	}
	if got, want := strings.Join(turns.asked, ", "), "begin 0.0, end 0.0, begin 0.1, end 0.1, again 0, "+
		"begin 1.0, end 1.0, begin 1.1, end 1.1, again 1"; got != want {
		t.Errorf("asked %s", got)
	}
	var rows []string
	received := map[int]time.Time{}
	for _, r := range b.rows {
		rows = append(rows, fmt.Sprintf("%s b%d r%d %d/%d %v", r.Endpoint, r.Burst, r.Round, r.Slot, r.BurstSize,
			r.Warmup))
		received[r.Round] = r.ReceivedAt
		for before, round := range map[int]int{0: 1, 1: 10, 10: 11} {
			if at := received[before]; r.Round == round && r.SentAt.Sub(at) < iat-time.Millisecond {
				t.Errorf("round %d left %s after round %d", round, r.SentAt.Sub(at), before)
			}
		}
	}
	want := []string{"f b0 r0 0/1 true", "g b1 r0 0/1 true", "f b2 r1 0/2 false", "f b2 r1 1/2 false",
		"f b3 r10 0/1 true", "g b4 r10 0/1 true", "f b5 r11 0/2 false", "f b5 r11 1/2 false"}
	if !slices.Equal(rows, want) {
		t.Errorf("rows %q", rows)
	}
	if p := told[1]; len(told) != 6 || p.Bursts != 6 || p.Left < 3*iat || told[5].Left > told[0].Left/2 {
		t.Errorf("progress %+v", told)
	}
}

// TestTurnsEndARun: what Turns says ends a run, with all rows of before.
func TestTurnsEndARun(t *testing.T) {
	s, _ := serveHTTP(t, false, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) })
	over := errors.New("over")
	for _, turns := range []*script{{again: 3, refused: over}, {again: 3, failed: over}} {
		var b book
		cfg := config(&b, s.URL)
		cfg.Turns = turns
		out, err := Run(t.Context(), cfg)
		if !errors.Is(err, over) || out.Requests != 12 || len(b.rows) != 12 {
			t.Errorf("%+v: %+v, %v", turns, out, err)
		}
	}
	// An interruption between two repetitions, when all that was asked for so far is sent.
	ctx, stop := context.WithCancelCause(t.Context())
	cfg := config(&book{}, s.URL)
	cfg.Turns = &script{again: 3, failed: over, stop: stop}
	if out, err := Run(ctx, cfg); !errors.Is(err, over) || out.Requests != 12 {
		t.Errorf("interrupted: %+v, %v", out, err)
	}
	cfg = config(&book{}, s.URL)
	cfg.Turns, cfg.Schedule, cfg.Arrivals = &script{}, Open, schedule.Arrivals{IAT: time.Second}
	cfg.Sink = func([]sample.Sample) error { return nil }
	if _, err := Run(t.Context(), cfg); fail.Code(err) != fail.CodeInput {
		t.Errorf("an open schedule: %v", err)
	}
}
