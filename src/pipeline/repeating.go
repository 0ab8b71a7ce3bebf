package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/probe/schedule"
	"github.com/vhive-serverless/STeLLAR/src/probe/turns"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/sample"
	"github.com/vhive-serverless/STeLLAR/src/study"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// repeater lets the sub-experiments of a run take turns, and decides after each repetition whether there is another.
type repeater struct {
	stage   probeStage
	run     *run.Run
	subs    []int // by place
	table   *turns.Turns
	until   *experiment.Until     // nil: Repeat times
	keep    func(run.Repetitions) // writes the record
	looked  time.Duration         // at the last look, since the beginning; 0: there was none
	spent   float64               // of analyze.Alpha
	elapsed func() time.Duration  // since the beginning

	state run.Repetitions // changed by one goroutine at a time, which decides
}

// takeTurns starts the turns of a run; nil where its sub-experiments take none.
func (s probeStage) takeTurns(r *run.Run, subs []int, keep func(run.Repetitions)) *repeater {
	exp := r.Experiment
	if !exp.TakesTurns() {
		return nil
	}
	began := time.Now()
	p := &repeater{stage: s, run: r, subs: subs, until: exp.Until, keep: keep,
		elapsed: func() time.Duration { return time.Since(began) }}
	cfg := turns.Config{
		Turns: schedule.Turns{Seed: *exp.Seed, Rounds: exp.Turns(subs), Interleaved: exp.Interleaved()},
		Free:  exp.Ordering() == experiment.OrderParallel, Again: p.again,
	}
	if p.until != nil {
		cfg.Deadline = began.Add(p.until.Longest())
	}
	p.table = turns.New(cfg)
	return p
}

// seat is the part of the sub-experiment at a place; leave ends it.
func (p *repeater) seat(place int, env *study.Env) {
	if p == nil {
		return
	}
	env.Turns, env.Repetitions = p.table.Seat(place), p.run.Experiment.Repetitions()
}

func (p *repeater) leave(place int) {
	if p != nil {
		p.table.Seat(place).Leave()
	}
}

// end completes the record of a run that ended in the middle of a repetition: its time was over, the measurement was
// ended by MaxDuration, by the user or by a defect, or no sub-experiment takes part any more. requests is the context
// of the requests, which ends with the last of them; whole is the one of the measurement, from which it was made.
func (p *repeater) end(whole, requests context.Context) {
	if p == nil {
		return
	}
	p.table.Close()
	if p.state.Ended != "" || !p.run.Experiment.Repeats() {
		return
	}
	cause, during := context.Cause(requests), fmt.Sprintf("during repetition %d", p.state.Complete+1)
	switch {
	case p.until != nil && p.elapsed() >= p.until.Longest():
		p.finish(fmt.Sprintf("the %s were over %s", p.minutes(), during), nil)
	case errors.Is(cause, errTimeUp):
		p.finish(fmt.Sprintf("--max-duration %s was over %s", short(p.stage.MaxDuration), during), nil)
	case cause != nil && !errors.Is(cause, context.Canceled):
		p.finish(fmt.Sprintf("%v %s", cause, during), nil)
	case whole.Err() != nil:
		p.finish("interrupted "+during, nil)
	default:
		p.finish("all sub-experiments had stopped early, the last one "+during, nil)
	}
	p.keep(p.state)
}

// again decides after a repetition. Its error is that of reading the rows.
func (p *repeater) again(ctx context.Context, repetition int, present []int) (more bool, err error) {
	exp := p.run.Experiment
	if !exp.Repeats() {
		return false, nil // interleaved, once
	}
	p.state.Complete = repetition + 1
	switch {
	case p.state.Complete < exp.Repetitions():
		more = ctx.Err() == nil
	case p.until == nil:
		p.finish("", nil)
	default:
		if more, err = p.lookAgain(present); err != nil {
			return false, err
		}
	}
	p.keep(p.state)
	return more, nil
}

// lookAgain decides, where a look is due, whether the intervals are narrow enough.
func (p *repeater) lookAgain(present []int) (more bool, err error) {
	took := p.elapsed()
	last := took+took/time.Duration(p.state.Complete) > p.until.Longest() // another one would not fit
	if !last && p.looked > 0 && float64(took) < lookEvery*float64(p.looked) {
		return true, nil
	}
	look, narrow, err := p.look(took, last, present)
	switch {
	case err != nil:
		return false, err
	case narrow:
		p.finish("the interval of each median is narrow enough", look)
	case last:
		p.finish("another repetition does not fit into the time", look)
	}
	return !narrow && !last, nil
}

// lookEvery is how many times longer the run has taken than at a look when there is another one: fewer looks leave each
// more of the error probability.
const lookEvery = 1.25

// look measures how narrow the intervals are. The last one may spend all that is left of the error probability.
func (p *repeater) look(took time.Duration, last bool, present []int) (*run.Look, bool, error) {
	t := float64(took) / float64(p.until.Longest())
	if last {
		t = 1
	}
	alpha := analyze.Spent(t) - p.spent
	p.looked, p.spent = took, p.spent+alpha
	look := run.Look{After: p.state.Complete, Seconds: took.Seconds(), Level: 1 - alpha}
	narrow := true
	for _, place := range present {
		sub := p.subs[place]
		known, err := p.precision(sub, alpha)
		if err != nil {
			return nil, false, err
		}
		w := run.Width{SubExperiment: sub, Part: known.Part, Requests: known.N, Bursts: known.Bursts}
		if known.HalfWidth.OK && !math.IsInf(known.HalfWidth.V, 0) {
			w.HalfWidth = &known.HalfWidth.V
		}
		narrow = narrow && w.HalfWidth != nil && *w.HalfWidth <= p.until.Share()
		look.Widths = append(look.Widths, w)
	}
	p.state.Looks = append(p.state.Looks, look)
	p.stage.Log.Debugf("after %d repetitions: %s", look.After, p.widths(&look))
	return &look, narrow && len(look.Widths) > 0, nil
}

// precision reads the rows of a sub-experiment.
func (p *repeater) precision(sub int, alpha float64) (analyze.Precision, error) {
	c := analyze.NewCollector(analyze.Options{Identity: analyze.Identity{Index: sub},
		Resampling: &analyze.Resampling{Seed: uint64(p.run.Record.Seed)}})
	f, err := wholefile.Open(filepath.Join(Folder(p.run, sub), study.LatenciesFile))
	if errors.Is(err, fs.ErrNotExist) {
		return analyze.Precision{}, nil
	}
	if err != nil {
		return analyze.Precision{}, fmt.Errorf("read the recorded rows: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read from
	rows, err := sample.NewReader(f, f.Name())
	if err != nil {
		return analyze.Precision{}, err
	}
	rows.OmitRequestIDs()
	if err := rows.Each(c.Add); err != nil {
		return analyze.Precision{}, err
	}
	sum, err := c.Summary()
	return sum.Precision(alpha), err
}

// finish records why the run ends, and says it.
func (p *repeater) finish(why string, look *run.Look) {
	text := fmt.Sprintf("the plan was sent %s", counted(p.state.Complete, "time"))
	if p.until != nil {
		text = fmt.Sprintf("Until %s ended after %s: %s", p.until.P50CI, counted(p.state.Complete, "repetition"), why)
	}
	if p.until == nil && why != "" {
		text += "; " + why
	}
	if look != nil {
		text += "; " + p.widths(look)
	}
	p.state.Ended = text
	p.stage.Log.Infof("%s", text)
}

// widths are how narrow the intervals are, in words.
func (p *repeater) widths(look *run.Look) string {
	var parts []string
	for _, w := range look.Widths {
		title := p.run.Experiment.SubExperiments[w.SubExperiment].Title
		if w.HalfWidth == nil {
			parts = append(parts, fmt.Sprintf("%s: too few %s requests (%d in %s)", title, w.Part, w.Requests,
				counted(w.Bursts, "burst")))
			continue
		}
		parts = append(parts, fmt.Sprintf("%s ±%.2g %% (%s)", title, *w.HalfWidth*100, w.Part))
	}
	return fmt.Sprintf("half widths of the intervals at %.4g %%: %s", look.Level*100,
		strings.Join(parts, ", "))
}

func (p *repeater) minutes() string { return fmt.Sprintf("max_minutes %g", p.until.MaxMinutes) }

func counted(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// timeOver makes the end of a sub-experiment that the end of Until has stopped no failure: it was asked for.
func (p *repeater) timeOver(out *run.Result, done, of int) {
	if p == nil || p.until == nil || !errors.Is(out.Stopped, turns.ErrOver) {
		return
	}
	out.Stopped, out.Cut = nil, fmt.Sprintf("%s were over before it began", p.minutes())
	if done > 0 && of > 0 {
		out.Cut = fmt.Sprintf("%s: %d bursts of repetition %d", p.minutes(), done-(done-1)/of*of, (done-1)/of+1)
	}
}
