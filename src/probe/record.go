package probe

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/probe/selfwatch"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// recorder turns finished bursts into rows and counts them.
type recorder struct {
	cfg  *Config
	gaps []time.Duration // of the repetition

	repetition int // of the plan, from 0

	base time.Time  // the engine's
	wall *wallClock // of a sustained load

	mu     sync.Mutex // bursts of an open schedule may end together
	rows   []sample.Sample
	out    Outcome
	spent  time.Duration // in bursts, for the estimate
	over   bool          // Sink failed: it is not asked again
	stop   func(error)
	judged bool            // too many requests have failed
	noted  map[string]bool // kinds of suspicion, classes of failures
	median roughMedian     // of the latencies
	window roughMedian     // of those whose rows are still to be written, of a sustained load
}

func (r *recorder) init(cfg *Config, gaps []time.Duration, base time.Time) {
	r.cfg, r.gaps, r.base = cfg, gaps, base
	r.out.Classes = map[sample.Class]int{}
	r.noted = map[string]bool{}
}

// record passes a burst's rows to the sink and judges the error ratio.
func (r *recorder) record(b *burst, w *selfwatch.Watch) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rows = r.rows[:0]
	for _, s := range b.slots {
		r.rows = append(r.rows, sample.Sample{})
		row := &r.rows[len(r.rows)-1]
		r.row(s, row)
		r.count(s, row)
	}
	b.missed = r.markCold(r.rows)
	if w != nil {
		b.mark.Later(b.written() - b.marked)
		r.suspect(r.rows, w.Since(b.mark, medianOf(r.rows)))
	}
	r.out.Bursts++
	r.spent += b.finished() - time.Duration(b.release.Load())
	if r.over {
		return nil
	}
	if err := r.cfg.Sink(r.rows); err != nil {
		r.over = true
		return err
	}
	if r.cfg.Progress != nil {
		r.cfg.Progress(r.progress(r.done(), r.planned(), r.left()))
	}
	return r.judge()
}

// row makes a slot's row, in its place because it is large, and gives its response to those who asked for it.
func (r *recorder) row(s *slot, row *sample.Sample) {
	s.sample(row)
	r.judgeAnswer(s, row)
	if r.cfg.Answer != nil && s.resp.whole {
		r.cfg.Answer(row, s.resp.body)
	}
}

// judgeAnswer gives the row of a complete answer the class that Expect decides. A function that failed itself has no
// answer.
func (r *recorder) judgeAnswer(s *slot, row *sample.Sample) {
	if r.cfg.Expect == nil || !s.resp.whole || s.err != nil || row.Err == sample.Function {
		return
	}
	row.Err, row.Latency = sample.OK, s.since(s.end)
	if s.err = r.cfg.Expect(row.Status, s.resp.body); s.err != nil {
		row.Err, row.Latency = sample.Unexpected, sample.None
		var judged interface{ Class() sample.Class }
		if errors.As(s.err, &judged) {
			row.Err = judged.Class()
		}
	}
}

// count adds a row to the outcome.
func (r *recorder) count(s *slot, row *sample.Sample) {
	r.note(s, row)
	r.out.Requests++
	r.out.MaxLateness = max(r.out.MaxLateness, row.Lateness)
	if row.Lateness > lateFrom {
		r.out.Late++
	}
	if s.resent {
		r.out.Resent++
		r.out.Suspect++
	}
	if row.NewConn && r.cfg.Connections != New {
		r.out.NewConns++
	}
	if row.Latency >= 0 && !row.Warmup {
		r.median.add(row.Latency)
	}
	if row.Err != sample.OK {
		r.out.Errors++
		r.out.Classes[row.Err]++
		if row.Err == sample.Timeout && s.b.cut.Load() {
			r.out.Cut++
		}
	}
}

// lateFrom is the lateness from which on a request counts as late.
const lateFrom = time.Millisecond

// suspect marks rows whose latency the client may have caused, as the watch saw; each word is logged once.
func (r *recorder) suspect(rows []sample.Sample, v selfwatch.Verdict) {
	words := v.String()
	if words == "" || len(rows) == 0 {
		return
	}
	for i := range rows {
		if rows[i].Suspect == "" {
			rows[i].Suspect = words
			r.out.Suspect++
			continue
		}
		all := append(strings.Split(rows[i].Suspect, "+"), v.Words()...)
		slices.Sort(all)
		rows[i].Suspect = strings.Join(all, "+")
	}
	fresh := false
	for _, word := range v.Words() {
		fresh = fresh || !r.noted[word]
		r.noted[word] = true
	}
	if fresh {
		r.cfg.Detail("burst %d: the client may have caused a part of its latencies: %s "+
			"(Suspect %s; further ones are not logged)",
			rows[0].Burst, v.Detail(), words)
	}
}

func (r *recorder) judge() error {
	if r.out.Requests < errorsFrom || float64(r.out.Errors) <= r.cfg.MaxErrorRatio*float64(r.out.Requests) {
		return nil
	}
	classes := make(map[sample.Class]int, len(r.out.Classes))
	for class, n := range r.out.Classes {
		classes[class] = n
	}
	return (&fail.Error{Code: fail.CodePartial, Err: &ErrorRatio{
		Requests: r.out.Requests, Errors: r.out.Errors, Limit: r.cfg.MaxErrorRatio, Classes: classes,
	}}).WithHint("look at the Error column of the rows that were kept; " +
		"with a higher MaxErrorRatio, the sub-experiment continues")
}

// done is how many of the planned bursts were sent.
func (r *recorder) done() int { return r.out.Bursts - r.out.Repeated }

// left is the planned time to the end: the IATs between the remaining rounds, and the bursts themselves. In an open
// schedule, the bursts are within the IATs.
func (r *recorder) left() time.Duration {
	targets := len(r.cfg.Targets)
	var left, all time.Duration
	for round, gap := range r.gaps {
		further := round+1 < r.cfg.rounds() || r.repetition+1 < r.cfg.Repetitions
		if all += gap; further && (round+1)*targets >= r.done()-r.repetition*r.cfg.Bursts {
			left += gap
		}
	}
	if further := r.cfg.Repetitions - r.repetition - 2; further >= 0 { // the last one has no pause behind it
		left += all*time.Duration(further) + all - r.gaps[len(r.gaps)-1]
	}
	mean := r.spent / time.Duration(r.out.Bursts)
	if r.cfg.Schedule == Open {
		return left + mean
	}
	return left + mean*time.Duration(r.planned()-r.done())
}

// note logs each kind of failure, a redirect, and a request that was sent again: the first one for the user, and the
// first of each further target in the log.
func (r *recorder) note(s *slot, row *sample.Sample) {
	t := s.b.target
	if s.resent && !t.noted[resentWord] {
		r.teller(t, resentWord)("%s: burst %d, slot %d was sent again: %v (Suspect %s; further ones are not shown)",
			t.label, row.Burst, row.Slot, s.refusal, resentWord)
	}
	kind := string(row.Err)
	redirect := row.Status >= 300 && row.Status < 400
	if redirect {
		kind = "redirect"
	}
	if kind == "" || t.noted[kind] {
		return
	}
	tell := r.teller(t, kind)
	more := "further ones of this class are not shown"
	if t.log != "" {
		more += "; more in " + t.log
	}
	switch {
	case redirect:
		tell("%s answers %d to burst %d: redirects are not followed, the latency is that of the redirect",
			t.label, row.Status, row.Burst)
	case s.err != nil:
		tell("%s: burst %d, slot %d: %s: %v%s (%s)", t.label, row.Burst, row.Slot, row.Err, s.err,
			t.unexpected(s, row), more)
	case t.proto.grpc && s.resp.reason() != "":
		tell("%s: burst %d, slot %d: status %d: %s (%s)", t.label, row.Burst, row.Slot, row.Status, s.resp.reason(),
			more)
	case row.Err == sample.Function:
		tell("%s: burst %d, slot %d: the function failed%s (%s; %s)", t.label, row.Burst, row.Slot,
			t.excerpt(s.resp.body), row.Err, more)
	default:
		tell("%s: burst %d, slot %d: answered status %d%s (%s; %s)", t.label, row.Burst, row.Slot, row.Status,
			t.excerpt(s.resp.body), row.Err, more)
	}
}

// unexpected is the body of an answer that is not what was expected.
func (t *target) unexpected(s *slot, row *sample.Sample) string {
	if row.Err != sample.Unexpected {
		return ""
	}
	return t.excerpt(s.resp.body)
}

// teller is where the first failure of a kind of a target goes.
func (r *recorder) teller(t *target, kind string) func(format string, args ...any) {
	t.noted[kind] = true
	key := "failure " + kind // apart from words of the watch
	if r.noted[key] {
		return r.cfg.Detail
	}
	r.noted[key] = true
	return r.cfg.Note
}
