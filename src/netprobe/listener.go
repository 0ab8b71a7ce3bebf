// Package netprobe is the driver's side of what measures networks and clocks: the exchange of datagrams with a
// function, its rows joined by sequence number, and the offset of a function's clock with its bound, over UDP or from
// the instants of HTTP requests.
//
// Functions cannot be reached from outside, so that the function sends first. A datagram is
// "<id> <sequence number> <kind>". The driver sends a ping back as it is, and answers a stop with a stop-ack. The
// function's rows come back in its answer to the request that began the exchange.
package netprobe

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// The kinds of datagrams.
const (
	pingKind    = "ping"
	stopKind    = "stop"
	stopAckKind = "stop-ack"
)

// maxDatagram is more than any datagram of an exchange has.
const maxDatagram = 256

// Listener is a UDP port that functions reach the driver at. It serves any number of exchanges at once: each has an id
// of its own. Datagrams of no exchange are counted and never answered.
type Listener struct {
	conn *net.UDPConn

	mu        sync.Mutex
	exchanges map[string]*Exchange
	foreign   int // datagrams of no exchange
	malformed int
}

// Listen opens a port: "127.0.0.1:12000", or ":12000" for all addresses of the machine. Its goroutine ends with Close;
// a panic on it goes to the context's report (fail.Report). A port that is in use is an error of bad input.
func Listen(ctx context.Context, address string) (*Listener, error) {
	conn, err := (&net.ListenConfig{}).ListenPacket(ctx, "udp", address)
	if err != nil {
		return nil, fail.Input("listen on UDP port %s: %w", address, err).
			WithHint("choose another FirstPort, or end the program that has the port")
	}
	l := &Listener{conn: conn.(*net.UDPConn), exchanges: map[string]*Exchange{}}
	fail.Go(fail.Report(ctx), l.serve)
	return l, nil
}

// Port is the port that is listened on.
func (l *Listener) Port() int { return l.conn.LocalAddr().(*net.UDPAddr).Port }

// Close ends the listener. Exchanges get no datagrams any more.
func (l *Listener) Close() error {
	if err := l.conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close UDP port %d: %w", l.Port(), err)
	}
	return nil
}

// Strays are how many datagrams belonged to no exchange, and how many were none of ours in their form.
func (l *Listener) Strays() (foreign, malformed int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.foreign, l.malformed
}

// serve answers datagrams until the port is closed. The instants are taken directly around the system calls.
func (l *Listener) serve() {
	in := make([]byte, maxDatagram+1)
	for {
		n, from, err := l.conn.ReadFromUDPAddrPort(in)
		came := time.Now()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // of one datagram: the kernel reports what became of an answer
		}
		x, number, kind := l.match(in[:n])
		if x == nil {
			continue
		}
		out := in[:n]
		if kind == stopKind {
			out = fmt.Appendf(nil, "%s %d %s", x.ID, number, stopAckKind)
		}
		l.answer(x, number, kind, out, from, came)
	}
}

// answer sends a datagram of an exchange back, unless one of its number was.
func (l *Listener) answer(x *Exchange, number int, kind string, out []byte, from netip.AddrPort, came time.Time) {
	x.sending.Lock()
	defer x.sending.Unlock()
	if !x.take(number, kind, came) {
		return
	}
	sent := time.Now()
	if _, err := l.conn.WriteToUDPAddrPort(out, from); err == nil && kind == pingKind {
		x.answered(number, sent)
	}
}

// match reads a datagram and finds its exchange; nil: there is none.
func (l *Listener) match(in []byte) (x *Exchange, number int, kind string) {
	id, rest, spaced := bytes.Cut(in, []byte{' '})
	digits, name, named := bytes.Cut(rest, []byte{' '})
	number, err := strconv.Atoi(string(digits))
	l.mu.Lock()
	defer l.mu.Unlock()
	switch kind = string(name); {
	case len(in) > maxDatagram || !spaced || !named || err != nil || number < 0 || number > MaxRepetitions ||
		kind != pingKind && kind != stopKind:
		l.malformed++
		return nil, 0, ""
	case l.exchanges[string(id)] == nil:
		l.foreign++
		return nil, 0, ""
	}
	return l.exchanges[string(id)], number, kind
}

// Begin starts an exchange with an id that cannot be guessed. It waits for datagrams until End, however long the
// function takes to start.
func (l *Listener) Begin() *Exchange {
	id := make([]byte, 16)
	_, _ = rand.Read(id) // never fails (crypto/rand)
	x := &Exchange{ID: hex.EncodeToString(id), listener: l, base: time.Now(), stamps: map[int]*stamps{}}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.exchanges[x.ID] = x
	return x
}

func (l *Listener) forget(x *Exchange) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.exchanges, x.ID)
}
