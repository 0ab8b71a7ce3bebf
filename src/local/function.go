package local

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/local/client"
	"github.com/vhive-serverless/STeLLAR/src/local/container"
	"github.com/vhive-serverless/STeLLAR/src/local/sandbox"
)

// function is one version of a deployed function: its instances and the requests that wait for them.
type function struct {
	platform  *Platform
	service   string
	spec      client.FunctionSpec
	pkg       *pkg             // nil for an image
	launch    *launch          // likewise
	view      *sandbox.View    // likewise: what its instances see
	holder    atomic.Int32     // likewise: see sandbox.HoldsConnection
	image     *container.Image // nil for a ZIP package
	log       *logFile         // shared with the versions before and after it
	timeout   time.Duration
	deployed  time.Time
	revision  string // an id of this version
	keepAlive *keepAlive

	mu        sync.Mutex
	live      map[*instance]bool // those that may take requests
	available []*instance        // ready, with room for a request; the last one used is at the end
	starting  []*instance        // shared mode: not ready yet, with room
	waiting   []*waiter
	all       map[*instance]bool // every instance with something left, retired ones too
	requests  int                // requests that hold this version
	draining  bool               // replaced or removed: ends once it has no requests
	removed   bool               // removed: refuses further requests
	concluded bool               // its end has begun
	ended     chan struct{}      // closed when it is drained and its package is given up
	left      leftovers          // what could not be removed
}

// waiter is a request in the queue.
type waiter struct {
	got   chan grant
	timer *time.Timer // of the longest wait
}

// grant is a request's place in an instance.
type grant struct {
	in  *instance
	own bool
	at  time.Time
	err error
}

func newFunction(p *Platform, service string, spec client.FunctionSpec) *function {
	return &function{
		platform: p, service: service, spec: spec,
		timeout:  time.Duration(spec.TimeoutSeconds) * time.Second,
		deployed: time.Now(), revision: newRequestID(),
		keepAlive: newKeepAlive(&spec),
		live:      map[*instance]bool{}, all: map[*instance]bool{}, ended: make(chan struct{}),
	}
}

// Errors of acquire.
var (
	errThrottled    = errors.New("every instance is busy and no more may be started")
	errQueueTimeout = errors.New("no instance became free within the function's timeout")
	errRemoved      = errors.New("the function was removed")
)

// enter holds this version; false: it has ended, and the route must be looked up again.
func (f *function) enter() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.concluded || f.removed {
		return false
	}
	f.requests++
	return true
}

// exit releases the version.
func (f *function) exit() {
	f.mu.Lock()
	f.requests--
	last := f.drained()
	f.mu.Unlock()
	if last {
		f.giveUpCode()
	}
}

// acquire returns a place in an instance, by the function's queueing mode.
func (f *function) acquire(ctx context.Context) (grant, error) {
	g, w, err := f.place()
	switch {
	case err != nil:
		return grant{}, err
	case w != nil:
		return f.wait(ctx, w)
	}
	f.begin(g)
	return g, nil
}

// place returns a place in an instance, which the caller begins, or else one in the queue.
func (f *function) place() (g grant, w *waiter, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.removed {
		return grant{}, nil, errRemoved
	}
	// Whoever waits was first.
	if len(f.waiting) == 0 {
		if g, ok := f.findInstance(); ok {
			return g, nil, nil
		}
	}
	if f.spec.Queueing == client.QueueingSpawn {
		return grant{}, nil, errThrottled
	}
	w = &waiter{got: make(chan grant, 1), timer: time.NewTimer(f.timeout)}
	f.waiting = append(f.waiting, w)
	return grant{}, w, nil
}

// wait waits in the queue for a place, at most for the function's timeout.
func (f *function) wait(ctx context.Context, w *waiter) (grant, error) {
	defer w.timer.Stop()
	var why error
	select {
	case g := <-w.got:
		f.begin(g)
		return g, g.err
	case <-w.timer.C:
		why = errQueueTimeout
	case <-ctx.Done():
		why = ctx.Err()
	}
	f.mu.Lock()
	i := slices.Index(f.waiting, w)
	if i >= 0 {
		f.waiting = slices.Delete(f.waiting, i, i+1)
	}
	f.mu.Unlock()
	if i < 0 { // the grant came in the same moment
		g := <-w.got
		f.begin(g)
		if g.err != nil || ctx.Err() == nil {
			return g, g.err
		}
		f.release(g.in)
	}
	return grant{}, why
}

// begin starts the instance if the grant brought a new one.
func (f *function) begin(g grant) {
	if g.own {
		g.in.start()
	}
}

// findInstance finds a place: in an instance that is ready, in shared mode in one that is starting, else in a new one.
// The caller holds f.mu and starts the instance if the grant says so.
func (f *function) findInstance() (grant, bool) {
	now := time.Now()
	for len(f.available) > 0 {
		in := f.available[len(f.available)-1]
		if in.active == 0 && now.Sub(in.idleSince) >= in.idleLimit {
			f.retire(in, result{kind: kindUndelivered, msg: "its keep-alive was over"})
			continue
		}
		in.active++
		if in.active == f.spec.Concurrency {
			f.available = f.available[:len(f.available)-1]
			in.available = false
		}
		return grant{in: in, at: now}, true
	}
	if n := len(f.starting); f.spec.Queueing == client.QueueingShared && n > 0 {
		in := f.starting[n-1]
		in.active++
		if in.active == f.spec.Concurrency {
			f.starting = f.starting[:n-1]
		}
		return grant{in: in, at: now}, true
	}
	if f.spec.MaxInstances > 0 && len(f.live) >= f.spec.MaxInstances || !f.platform.admit() {
		return grant{}, false
	}
	in := newInstance(f)
	in.active = 1
	f.live[in], f.all[in] = true, true
	if f.spec.Concurrency > 1 {
		f.starting = append(f.starting, in)
	}
	return grant{in: in, own: true, at: now}, true
}

// serveQueue gives places to waiting requests. The caller holds f.mu.
func (f *function) serveQueue() {
	for len(f.waiting) > 0 {
		g, ok := f.findInstance()
		if !ok {
			return
		}
		w := f.waiting[0]
		f.waiting = slices.Delete(f.waiting, 0, 1)
		w.got <- g
	}
}

// becameReady adds an instance to those that take requests.
func (f *function) becameReady(in *instance) {
	f.mu.Lock()
	defer f.mu.Unlock()
	in.isReady = true
	f.starting = without(f.starting, in)
	f.offer(in)
	f.serveQueue()
}

// offer makes an instance available if it has room. The caller holds f.mu.
func (f *function) offer(in *instance) {
	if in.isReady && !in.retired && !in.available && f.live[in] && in.active < f.spec.Concurrency {
		f.available = append(f.available, in)
		in.available = true
	}
}

// release returns a place. An instance without requests idles for the keep-alive, or ends.
func (f *function) release(in *instance) {
	f.mu.Lock()
	defer f.mu.Unlock()
	in.active--
	if in.active == 0 && f.live[in] {
		in.idleSince, in.idleLimit = time.Now(), f.keepAlive.next()
		switch {
		case in.idleLimit == 0, f.draining && len(f.waiting) == 0:
			f.retire(in, result{kind: kindUndelivered, msg: "it was retired"})
		default:
			f.expireAfter(in, in.idleLimit)
		}
	}
	if in.retired && in.active == 0 {
		fail.Go(f.platform.defect, func() { in.end(result{kind: kindUndelivered, msg: "it was retired"}) })
	}
	f.offer(in)
	f.serveQueue()
}

// expireAfter has the instance's timer run after that time, or earlier: one that is set already is not moved further
// away, because each setting may wake a thread. The caller holds f.mu.
func (f *function) expireAfter(in *instance, limit time.Duration) {
	due := time.Now().Add(limit)
	switch {
	case in.idle == nil:
		in.idle = time.AfterFunc(limit, fail.Caught(f.platform.defect, func() { f.expire(in) }))
	case in.idleDue.IsZero(), due.Before(in.idleDue):
		in.idle.Reset(limit)
	default:
		return
	}
	in.idleDue = due
}

// expire retires an instance whose keep-alive is over, unless it was used in the meantime.
func (f *function) expire(in *instance) {
	f.mu.Lock()
	defer f.mu.Unlock()
	in.idleDue = time.Time{}
	if in.active == 0 && f.live[in] {
		if left := in.idleLimit - time.Since(in.idleSince); left > 0 {
			f.expireAfter(in, left)
			return
		}
		f.retire(in, result{kind: kindUndelivered, msg: "its keep-alive was over"})
	}
}

// retire takes an instance out of service: an idle one ends now, a busy one when its last request is released. The
// caller holds f.mu.
func (f *function) retire(in *instance, why result) {
	f.drop(in)
	if in.retired {
		return
	}
	in.retired = true
	if in.active == 0 {
		fail.Go(f.platform.defect, func() { in.end(why) })
	}
}

// drop removes an instance from the lists that give places. The caller holds f.mu.
func (f *function) drop(in *instance) {
	delete(f.live, in)
	f.available = without(f.available, in)
	in.available = false
	f.starting = without(f.starting, in)
	if in.idle != nil {
		in.idle.Stop()
	}
}

func without(list []*instance, in *instance) []*instance {
	if n := len(list); n > 0 && list[n-1] == in { // the usual case
		return list[:n-1]
	}
	if i := slices.Index(list, in); i >= 0 {
		return slices.Delete(list, i, i+1)
	}
	return list
}

// retireInstance retires an instance that a request has left in an unknown state.
func (f *function) retireInstance(in *instance) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.retire(in, result{kind: kindUndelivered, msg: "it was retired"})
}

// instanceDied is called by an instance that is dead: its place is free for another.
func (f *function) instanceDied(in *instance) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drop(in)
	in.retired = true
	f.serveQueue()
}

// instanceRemoved is called by an instance of which nothing is left.
func (f *function) instanceRemoved(in *instance) {
	f.platform.instances.Add(-1)
	f.mu.Lock()
	delete(f.all, in)
	last := f.drained()
	f.mu.Unlock()
	if last {
		f.giveUpCode()
	}
}

// count is the number of instances, ending ones included.
func (f *function) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.all)
}
