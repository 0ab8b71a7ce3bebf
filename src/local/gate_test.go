package local

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// gate holds the requests of functions (?gate) or their init (INIT=gate) until it is opened, so that a test decides by
// what has happened, and not by a time, when they go on.
type gate struct {
	server *httptest.Server
	seen   atomic.Int32
	opened chan struct{}
	once   sync.Once
}

func newGate(t *testing.T) *gate {
	t.Helper()
	g := &gate{opened: make(chan struct{})}
	g.server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		g.seen.Add(1)
		select {
		case <-g.opened:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(func() {
		g.open()
		g.server.Close()
	})
	return g
}

// query has a request wait at the gate.
func (g *gate) query() string { return "gate=" + url.QueryEscape(g.server.URL) }

// await waits until so many have come to the gate.
func (g *gate) await(t *testing.T, n int) {
	t.Helper()
	eventually(t, "they are at the gate", func() bool { return g.seen.Load() >= int32(n) })
}

// open lets all pass, from now on.
func (g *gate) open() { g.once.Do(func() { close(g.opened) }) }

// allHave returns how many requests service s has: those that wait for a place, and those that have one.
func allHave(p *Platform) int {
	n := queued(p)
	for _, in := range p.everyInstance() {
		in.fn.mu.Lock()
		n += in.active
		in.fn.mu.Unlock()
	}
	return n
}

// setTimeout changes the timeout of the functions of service s. The clocks of their instances look at it now.
func setTimeout(p *Platform, d time.Duration) {
	setNextTimeout(p, d)
	for _, in := range p.everyInstance() {
		in.expire()
	}
}

// setNextTimeout changes the timeout of the functions of service s for requests to come. The clocks of their instances
// look at it when the time of the requests that they have is up.
func setNextTimeout(p *Platform, d time.Duration) {
	for _, in := range p.everyInstance() {
		_ = working(in) // what has read the timeout has had this lock since
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.services["s"].functions {
		f.mu.Lock()
		f.timeout = d
		f.mu.Unlock()
	}
}

// working is how many requests an instance's function works on.
func working(in *instance) int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.inflight)
}

// timeOut has the timeout of a request that a function works on end now.
func timeOut(p *Platform, id string) {
	for _, in := range p.everyInstance() {
		timeOutIn(in, id)
	}
}

// timeOutIn does so in one instance.
func timeOutIn(in *instance, id string) {
	in.mu.Lock()
	if inv := in.inflight[id]; inv != nil {
		inv.taken = inv.taken.Add(-in.fn.timeout)
	}
	in.mu.Unlock()
	in.expire()
}
