package cloud

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/app"
)

// sweeper cleans on another machine when the first burst is over.
type sweeper struct {
	lab.Observer
	once  sync.Once
	clean func()
}

func (s *sweeper) Burst(app.Progress) { s.once.Do(s.clean) }

// renews tells of a provider whose tags can be renewed without a cold start.
func (k target) renews() bool { return slices.Contains([]string{"aws", "azure"}, k.name) }

// inUse: functions that are probed after their tag's time stay, although `clean --all` of another machine meets them,
// and the user hears where that is not so.
func inUse(r *row) {
	dir := r.keep(time.Now().Add(-10 * 24 * time.Hour))
	stood := len(r.left())
	elsewhere := func() (c *app.Cleaned) {
		c, err := r.app(map[string]string{"HOME": r.t.TempDir()}).Clean(context.Background(), true)
		if err != nil {
			r.t.Errorf("clean elsewhere: %s", lab.Story(err))
		}
		return c
	}
	w := r.app(nil)
	w.Fresh = app.Freshness{Every: 20 * time.Millisecond, Left: time.Hour, Span: 30 * time.Minute}
	during := &sweeper{clean: func() {
		if r.target.renews() {
			r.waitForTags(3)
			if c := elsewhere(); len(r.left()) != stood || len(c.Removed) > 0 {
				r.t.Errorf("left %d of %d, removed %v", len(r.left()), stood, c.Removed)
			}
		}
	}}
	w.Observer = during
	if out, err := w.Probe(context.Background(), dir); out == nil {
		r.t.Fatal(lab.Story(err))
	}
	during.once.Do(func() { r.t.Error("no burst was seen") })
	if !r.target.renews() {
		if !strings.Contains(r.log.String(), "although they are in use") {
			r.t.Errorf("nobody heard that the tags cannot be renewed:\n%s", r.log)
		}
		if _, err := r.app(nil).Remove(context.Background(), dir); err != nil {
			r.t.Error(lab.Story(err))
		}
		r.settled(dir)
		return
	}
	if c, err := r.app(nil).Clean(context.Background(), true); err != nil || !slices.Equal(c.Kept, []string{dir}) {
		r.t.Errorf("their own machine: %+v, %s", c, lab.Story(err))
	}
	if _, err := r.app(nil).Remove(context.Background(), dir); err != nil {
		r.t.Error(lab.Story(err))
	}
	r.settled(dir)
}

// waitForTags waits until the units' tags were renewed so often.
func (r *row) waitForTags(times int) {
	r.t.Helper()
	for end := time.Now().Add(lab.Patience); ; time.Sleep(10 * time.Millisecond) {
		unlock := r.store.lock()
		calls := r.store.calls()
		unlock()
		n := len(slices.DeleteFunc(calls, func(c call) bool { return c.Verb != "tag" }))
		if n >= times*r.target.units {
			return
		}
		if time.Now().After(end) {
			r.t.Errorf("tags were renewed %d times", n)
			return
		}
	}
}
