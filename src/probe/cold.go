package probe

import (
	"context"
	"fmt"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// Cold is how cold starts are forced, outside of all latencies.
type Cold struct {
	// Make makes targets cold, given by their places in Config.Targets, and returns when each is. It is called before
	// each round after warm-up with the round's targets, and before a burst is repeated with the burst's. Its error
	// ends Run.
	Make func(ctx context.Context, targets []int) error
	// Retries is how often a burst is sent again at most after an instance that was there before it has answered.
	Retries int
}

// makeCold makes targets cold and reports whether the run goes on. Without Config.Cold there is nothing to do.
func (e *engine) makeCold(ctx context.Context, targets []int) bool {
	if e.cfg.Cold == nil || ctx.Err() != nil {
		return ctx.Err() == nil
	}
	if err := e.cfg.Cold.Make(ctx, targets); err != nil {
		if ctx.Err() == nil {
			e.stop(fmt.Errorf("make the functions cold before burst %d: %w", e.rec.out.Bursts, err))
		}
		return false
	}
	return ctx.Err() == nil
}

// targetsFrom are the places of the targets that get a burst in the round that begins with burst n.
func (e *engine) targetsFrom(n int) []int {
	out := make([]int, min(len(e.targets), e.cfg.Bursts-n))
	for i := range out {
		out[i] = i
	}
	return out
}

// passed is a planned instant, or zero (at once) where it has passed: a burst that waited for cold functions is not
// late.
func passed(planned, now time.Time) time.Time {
	if planned.Before(now) {
		return time.Time{}
	}
	return planned
}

// sendUntilCold sends the n-th planned burst, and again where a cold start was forced and an instance of before has
// answered. It gives the last one that was sent, nil where the run is over. Burst numbers in rows count what is sent.
func (e *engine) sendUntilCold(ctx context.Context, n int, planned time.Time) *burst {
	for attempt := 0; ; attempt++ {
		if !pause(ctx, planned.Add(-lead)) {
			return nil
		}
		b := e.newBurst(n)
		b.n = e.rec.out.Bursts
		b.startFor(planned)
		if !e.runBurst(ctx, b, planned, time.Time{}) {
			return nil
		}
		if !b.missed {
			return b
		}
		at := n % len(e.targets)
		if attempt == e.cfg.Cold.Retries {
			e.rec.out.NotCold++
			e.cfg.Note("%s: burst %d was to meet cold functions and did not, at attempt %d (Cold Start %s)",
				e.targets[at].label, b.n, attempt+1, sample.Missed)
			return b
		}
		e.rec.repeats()
		if !e.makeCold(ctx, []int{at}) {
			return nil
		}
		planned = time.Time{}
	}
}

// repeats counts a burst that is sent again.
func (r *recorder) repeats() {
	r.mu.Lock()
	r.out.Repeated++
	r.mu.Unlock()
}

// markIdle records for cold rows whose cold start was not forced that the instance had ended by itself.
func markIdle(row *sample.Sample) {
	if row.Cold == sample.Yes {
		row.ColdStart = sample.Idle
	}
}

// markCold says of each cold row how it became cold. Where cold starts are forced it marks the rows that an instance of
// before the burst has answered, and reports whether there are any. An instance that has a cold row in the burst was
// started by it, so that its further rows are warm and not marked. A row that does not say whether it was cold is not
// marked either.
func (r *recorder) markCold(rows []sample.Sample) (missed bool) {
	if r.cfg.Cold == nil || len(rows) > 0 && rows[0].Warmup {
		for i := range rows {
			markIdle(&rows[i])
		}
		return false
	}
	fresh := map[string]bool{}
	for i := range rows {
		if rows[i].Cold == sample.Yes {
			rows[i].ColdStart = sample.Forced
			fresh[rows[i].InstanceID] = true
		}
	}
	for i := range rows {
		if rows[i].Cold == sample.No && !fresh[rows[i].InstanceID] {
			rows[i].ColdStart, missed = sample.Missed, true
			r.out.Missed++
		}
	}
	return missed
}
