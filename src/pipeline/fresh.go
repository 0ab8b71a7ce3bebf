package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/deploy"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// Freshness says when the tag stellar-expires of functions in use is renewed: `stellar clean --all` of other users
// removes what has expired.
type Freshness struct {
	Every time.Duration // between two checks; default 10 minutes
	Left  time.Duration // the tag is renewed when less time than this is left; default 12 hours
	Span  time.Duration // how far beyond the planned end the new tag is; default 24 hours
}

func (f Freshness) defaults() Freshness {
	const every, left, span = 10 * time.Minute, 12 * time.Hour, 24 * time.Hour
	return Freshness{cmp.Or(f.Every, every), cmp.Or(f.Left, left), cmp.Or(f.Span, span)}
}

// renewer renews the tag stellar-expires of functions in use.
type renewer struct {
	config Config
	held   *heldRuns
}

// keep renews the tags of all units that the run uses, its own and those of the runs that it holds: now, and on a
// goroutine until stop is called. stop gives the error of a panic on that goroutine.
func (n renewer) keep(ctx context.Context, r *run.Run) (stop func() error) {
	f := n.config.Fresh.defaults()
	n.renew(ctx, r, f, 2*r.Experiment.LongestRun())
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	fail.Go(func(err error) { done <- err }, func() {
		tick := time.NewTicker(f.Every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				n.renew(ctx, r, f, 0)
			}
		}
	}, func() { close(done) })
	return func() error {
		cancel()
		return <-done
	}
}

// renew renews what expires soon. A failure is logged and stops no measurement.
func (n renewer) renew(ctx context.Context, r *run.Run, f Freshness, planned time.Duration) {
	now := time.Now()
	for _, of := range append([]*run.Run{r}, n.held.runs...) {
		if of.Experiment == nil || now.Add(planned+f.Left).Before(of.Expires()) {
			continue
		}
		until := now.Add(planned + f.Span)
		renewed, err := n.renewRun(ctx, of, until)
		if err != nil && ctx.Err() == nil {
			n.config.Log.Warnf("the functions of run %s carry the tag %s %s: from then on `stellar clean --all` of "+
				"others removes them, although they are in use: %v",
				of.ID, tagExpires, of.Expires().Format(time.RFC3339), err)
		}
		if !renewed || err != nil {
			continue
		}
		n.config.Log.Infof("the functions of run %s now have a later tag %s, %s", of.ID, tagExpires,
			until.UTC().Format(time.RFC3339))
		if err := of.Renewed(until); err != nil {
			n.config.Log.Warnf("%v", err)
		}
	}
}

const tagExpires = "stellar-expires"

// renewRun renews the tags of a run's units in an account, and returns whether there are any.
func (n renewer) renewRun(ctx context.Context, of *run.Run, until time.Time) (renewed bool, err error) {
	other := NewJob(n.config, nil)
	var errs []error
	for _, res := range of.Journal.Pending() {
		kind := res.Attrs["provider"]
		if res.Kind != deploy.KindService || onThisMachine(kind) { // the runs of one machine see each other's locks
			continue
		}
		own, err := other.own(of, res)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		conn, err := other.connectUnit(of, own)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		to, ok := conn.(provider.Renewer)
		if !ok {
			return false, fmt.Errorf("on %s a later tag would end all instances", kind)
		}
		errs = append(errs, to.Renew(ctx, provider.UnitOf(own.Attrs, confirmed(of, own)), until))
		renewed = true
	}
	return renewed, errors.Join(errs...)
}
