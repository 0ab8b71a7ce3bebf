package fidelity

import (
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// weather is what a relay does to the datagrams of one direction.
type weather struct {
	delay  time.Duration // of every datagram
	jitter time.Duration // more delay, uniform from 0 to this; datagrams may overtake each other
	loss   float64       // part of the datagrams that vanishes, 0 to 1
	twice  float64       // part of the others that comes twice, the copy with a jitter of its own
}

// fate is what becomes of one datagram: how long each copy is held up. None: it is lost.
type fate []time.Duration

// draw decides about the next datagram of a direction. Every datagram takes the same number of draws, so that the fates
// of a seed do not depend on one another.
func (w weather) draw(from *rand.Rand) fate {
	lost, twice := from.Float64() < w.loss, from.Float64() < w.twice
	first := w.delay + time.Duration(from.Float64()*float64(w.jitter))
	second := w.delay + time.Duration(from.Float64()*float64(w.jitter))
	switch {
	case lost:
		return nil
	case twice:
		return fate{first, second}
	}
	return fate{first}
}

// passed is a datagram as the relay saw it.
type passed struct {
	text string
	came time.Time
	fate fate
}

// lane is one direction of a relay. Fates are drawn in the order in which datagrams come.
type lane struct {
	weather
	draws *rand.Rand
	log   []passed
}

// udpRelay passes datagrams between clients and one server, as the weather has it. It works like an address
// translation: the server sees a port of the relay's for each client and can answer to it for as long as the relay
// lives.
type udpRelay struct {
	addr     netip.AddrPort // where clients send to
	upstream *net.UDPAddr
	front    *net.UDPConn

	mu      sync.Mutex
	up      lane // from clients to the server
	down    lane
	clients map[netip.AddrPort]*net.UDPConn
	timers  []*time.Timer
	closed  bool
	running sync.WaitGroup
}

// relayUDP starts a relay to a server. Equal seeds, weathers and orders of datagrams give equal fates. It ends with the
// test.
func relayUDP(t *testing.T, server netip.AddrPort, seed uint64, up, down weather) *udpRelay {
	t.Helper()
	front, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	r := &udpRelay{
		addr: front.LocalAddr().(*net.UDPAddr).AddrPort(), upstream: net.UDPAddrFromAddrPort(server), front: front,
		up:      lane{weather: up, draws: rand.New(rand.NewPCG(seed, 0))},
		down:    lane{weather: down, draws: rand.New(rand.NewPCG(seed, 1))},
		clients: map[netip.AddrPort]*net.UDPConn{},
	}
	t.Cleanup(r.close)
	r.running.Go(func() { r.read(t, front, nil) })
	return r
}

// read takes datagrams from a socket: the front's go up, each by its client's own socket; a client's socket's go down
// to it.
func (r *udpRelay) read(t *testing.T, from *net.UDPConn, client *netip.AddrPort) {
	buf := make([]byte, 64<<10)
	for {
		n, source, err := from.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		} else if err != nil {
			continue // an ICMP answer to an earlier datagram: nobody listens any more
		}
		text := string(buf[:n])
		if client != nil {
			r.pass(&r.down, text, func() { _, _ = r.front.WriteToUDPAddrPort([]byte(text), *client) })
		} else if to := r.socket(t, source); to != nil {
			r.pass(&r.up, text, func() { _, _ = to.Write([]byte(text)) })
		}
	}
}

// socket is the relay's socket for one client; nil once the relay is closed.
func (r *udpRelay) socket(t *testing.T, client netip.AddrPort) *net.UDPConn {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.clients[client]; c != nil || r.closed {
		return c
	}
	c, err := net.DialUDP("udp", nil, r.upstream)
	if err != nil {
		t.Errorf("relay: %v", err)
		return nil
	}
	r.clients[client] = c
	r.running.Go(func() { r.read(t, c, &client) })
	return c
}

// pass decides about a datagram and sends its copies when they are due.
func (r *udpRelay) pass(l *lane, text string, send func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := l.draw(l.draws)
	l.log = append(l.log, passed{text, time.Now(), f})
	for _, hold := range f {
		if hold == 0 {
			send() // without a timer nothing overtakes
		} else {
			r.timers = append(r.timers, time.AfterFunc(hold, send))
		}
	}
}

// logs are the datagrams that came so far, in the order in which they came.
func (r *udpRelay) logs() (up, down []passed) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]passed(nil), r.up.log...), append([]passed(nil), r.down.log...)
}

// close ends the relay: what is still held up is dropped.
func (r *udpRelay) close() {
	r.mu.Lock()
	r.closed = true
	for _, timer := range r.timers {
		timer.Stop()
	}
	_ = r.front.Close()
	for _, c := range r.clients {
		_ = c.Close()
	}
	r.mu.Unlock()
	r.running.Wait()
}
