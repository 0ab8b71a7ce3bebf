package pipeline

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/probe/turns"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/sample"
	"github.com/vhive-serverless/STeLLAR/src/study"
)

// lines is a logger that keeps what users see.
type lines struct{ info []string }

func (l *lines) Infof(format string, args ...any) {
	l.info = append(l.info, fmt.Sprintf(format, args...))
}
func (l *lines) Warnf(string, ...any)  {}
func (l *lines) Debugf(string, ...any) {}

// repeated is a repeater of two sub-experiments, and a function that lets each send a repetition of ten bursts whose
// latencies vary by so much.
func repeated(t *testing.T, text string) (*repeater, *lines, func(spread ...float64)) {
	t.Helper()
	exp := &experiment.Experiment{Order: experiment.OrderInterleaved, SubExperiments: []experiment.SubExperiment{
		{Title: "a", Bursts: 10, BurstSizes: []int{3}}, {Title: "b", Bursts: 10, BurstSizes: []int{3}}}}
	if share, repeat := "2%", 0; text != "" {
		if _, err := fmt.Sscanf(text, "%s %d", &share, &repeat); err != nil {
			t.Fatal(err)
		}
		exp.Repeat, exp.Until = repeat, &experiment.Until{P50CI: share, MaxMinutes: 1}
	}
	seed := int64(1)
	exp.Seed = &seed
	log := &lines{}
	stage := probeStage{}
	stage.Log = log
	r := &run.Run{Dir: t.TempDir(), Experiment: exp, Record: &run.Record{Seed: 1, Experiment: exp}}
	p := stage.takeTurns(r, []int{0, 1}, func(now run.Repetitions) { r.Record.Repetitions = &now })
	t.Cleanup(p.table.Close)
	var tables [2]*sample.Writer
	for sub := range tables {
		dir := Folder(r, sub)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if tables[sub], err = sample.Create(filepath.Join(dir, study.LatenciesFile)); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = tables[sub].Close() })
	}
	draw, burst := rand.New(rand.NewPCG(1, 1)), 0
	return p, log, func(spread ...float64) {
		for range 10 {
			for sub, table := range tables {
				for slot := range 3 {
					row := sample.Empty()
					row.Burst, row.Slot, row.BurstSize, row.Cold = burst, slot, 3, sample.No
					row.SentAt = time.Unix(int64(burst), 0)
					row.Latency = time.Duration(20e6 * math.Exp(spread[sub]*draw.NormFloat64()))
					table.AppendRow(&row)
				}
				if err := table.Flush(); err != nil {
					t.Fatal(err)
				}
			}
			burst++
		}
	}
}

// TestUntil: a run is repeated until the interval of every median is narrow enough, and it is said what was reached.
func TestUntil(t *testing.T) {
	p, log, send := repeated(t, "2% 2")
	for n := 0; ; n++ {
		send(0.1, 0.01)
		p.elapsed = func() time.Duration { return time.Duration(n+1) * 3 * time.Second }
		more, err := p.again(t.Context(), n, []int{0, 1})
		if err != nil || n > 18 {
			t.Fatalf("%d: %v, %+v", n, err, p.state)
		}
		if !more {
			break
		}
	}
	rec := p.run.Record.Repetitions
	last := rec.Looks[len(rec.Looks)-1]
	if rec.Looks[0].After != 2 || rec.Complete < 3 || last.After != rec.Complete || len(rec.Looks) < 2 ||
		len(rec.Looks) >= rec.Complete-1 && rec.Complete > 5 {
		t.Errorf("looks %+v after %d repetitions", rec.Looks, rec.Complete)
	}
	spent := 0.0
	for i, look := range rec.Looks {
		spent += 1 - look.Level
		narrow := true
		for _, w := range look.Widths {
			narrow = narrow && w.HalfWidth != nil && *w.HalfWidth <= 0.02
			if w.Part != "warm" || w.Requests != 30*look.After || w.Bursts != 10*look.After {
				t.Errorf("%+v", w)
			}
		}
		if narrow != (i == len(rec.Looks)-1) {
			t.Errorf("look %d: %+v", i, look)
		}
	}
	if !(spent > 0 && spent < 0.05) {
		t.Errorf("spent %v of the error probability", spent)
	}
	if said := strings.Join(log.info, "\n"); said != rec.Ended || !strings.Contains(said, "narrow enough") ||
		!strings.Contains(said, "b ±") {
		t.Errorf("said %q, recorded %q", said, rec.Ended)
	}
}

// TestUntilTheTimeIsOver: no repetition begins that would not fit; what was reached is said.
func TestUntilTheTimeIsOver(t *testing.T) {
	p, _, send := repeated(t, "1% 0")
	send(0.2, 0.2)
	p.elapsed = func() time.Duration { return 31 * time.Second } // of a minute
	more, err := p.again(t.Context(), 0, []int{0, 1})
	rec := p.run.Record.Repetitions
	if err != nil || more || len(rec.Looks) != 1 || math.Abs(rec.Looks[0].Level-0.95) > 1e-12 ||
		!strings.Contains(rec.Ended, "another repetition does not fit into the time; half widths") {
		t.Errorf("%v, %v, %+v", more, err, rec)
	}
	// The time ends within a repetition.
	p, _, _ = repeated(t, "1% 0")
	p.elapsed = func() time.Duration { return 61 * time.Second }
	p.end(t.Context(), t.Context())
	const over = "max_minutes 1 were over during repetition 1"
	if ended := p.run.Record.Repetitions.Ended; !strings.Contains(ended, over) {
		t.Errorf("ended: %s", ended)
	}
	out := run.Result{Stopped: fmt.Errorf("probe: %w", turns.ErrOver)}
	if p.timeOver(&out, 23, 10); out.Stopped != nil || out.Cut != "max_minutes 1: 3 bursts of repetition 3" {
		t.Errorf("%+v", out)
	}
	out = run.Result{Stopped: errors.New("other")}
	if p.timeOver(&out, 23, 10); out.Stopped == nil || out.Cut != "" {
		t.Errorf("%+v", out)
	}
}

// TestStoppedRepetitions: why a run ended in the middle of a repetition is recorded.
func TestStoppedRepetitions(t *testing.T) {
	for _, c := range []struct {
		text    string
		cause   error
		stopped bool // the whole measurement was ended, not only the requests
		want    string
	}{
		{"1% 0", errTimeUp, true, "Until 1% ended after 0 repetitions: --max-duration 2s was over during repetition 1"},
		{"1% 0", errors.New("broken"), false, "Until 1% ended after 0 repetitions: broken during repetition 1"},
		{"1% 0", nil, true, "Until 1% ended after 0 repetitions: interrupted during repetition 1"},
		{"1% 0", nil, false, "Until 1% ended after 0 repetitions: all sub-experiments had stopped early, the last one " +
			"during repetition 1"},
		{"", errTimeUp, true, "the plan was sent 0 times; --max-duration 2s was over during repetition 1"},
	} {
		p, _, _ := repeated(t, c.text)
		p.stage.MaxDuration = 2 * time.Second
		p.elapsed = func() time.Duration { return time.Second }
		if c.text == "" {
			p.run.Experiment.Repeat = 2
		}
		whole, stop := context.WithCancelCause(t.Context())
		requests, cancel := context.WithCancelCause(whole)
		if c.stopped {
			stop(c.cause)
		}
		cancel(c.cause)
		p.end(whole, requests)
		stop(nil)
		ended := ""
		if rec := p.run.Record.Repetitions; rec != nil {
			ended = rec.Ended
		}
		if ended != c.want {
			t.Errorf("%q: %q, want %q", c.text, ended, c.want)
		}
	}
}

// TestRepeat: without Until, a plan is sent so often as Repeat says.
func TestRepeat(t *testing.T) {
	p, log, _ := repeated(t, "")
	if more, err := p.again(t.Context(), 0, []int{0, 1}); more || err != nil || p.run.Record.Repetitions != nil {
		t.Errorf("once: %v, %v", more, err)
	}
	p.run.Experiment.Repeat = 2
	for n, want := range []bool{true, false} {
		if more, err := p.again(t.Context(), n, []int{0, 1}); more != want || err != nil {
			t.Errorf("repetition %d: %v, %v", n, more, err)
		}
	}
	said := strings.Join(log.info, "\n")
	if said != "the plan was sent 2 times" || p.run.Record.Repetitions.Complete != 2 {
		t.Errorf("said %q", said)
	}
}
