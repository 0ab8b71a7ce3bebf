// Package relaytest is relays for tests: they pass datagrams, or the bytes of connections, on with a delay, lose some,
// and keep a log of what they did. It has free addresses for what tests start, too.
package relaytest

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// Way is one direction through a relay.
type Way struct {
	Delay  time.Duration // mean
	Jitter time.Duration // a delay is even between Delay - Jitter and Delay + Jitter
	Loss   float64       // share of datagrams that are not passed on
}

// Passage is a datagram that a relay got.
type Passage struct {
	Text    string
	Back    bool // to the function; else from it
	In, Out time.Time
	Lost    bool
}

// UDP is a relay of datagrams. What it does to a datagram follows from the seed, the direction and the sequence number
// alone.
type UDP struct {
	out, back Way
	seed      uint64
	front     *net.UDPConn
	target    string

	mu    sync.Mutex
	peers map[string]*net.UDPConn // by the sender's address
	log   []Passage
}

// StartUDP relays datagrams that come to an address to a target, and answers back. It ends with the test.
func StartUDP(t *testing.T, listen, target string, seed uint64, out, back Way) *UDP {
	t.Helper()
	conn, err := net.ListenPacket("udp", listen)
	if err != nil {
		t.Fatal(err)
	}
	r := &UDP{out: out, back: back, seed: seed, front: conn.(*net.UDPConn), target: target,
		peers: map[string]*net.UDPConn{}}
	t.Cleanup(r.close)
	fail.Go(fail.Report(t.Context()), r.serve)
	return r
}

func (r *UDP) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = r.front.Close()
	for _, c := range r.peers {
		_ = c.Close()
	}
}

// Address is where the relay listens.
func (r *UDP) Address() *net.UDPAddr { return r.front.LocalAddr().(*net.UDPAddr) }

// Log is what has passed so far.
func (r *UDP) Log() []Passage {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Passage(nil), r.log...)
}

func (r *UDP) serve() {
	buf := make([]byte, 2048)
	for {
		n, from, err := r.front.ReadFromUDP(buf)
		if err != nil {
			return
		}
		at := time.Now()
		peer, err := r.peer(from)
		if err != nil {
			return
		}
		r.pass(string(buf[:n]), at, r.out, false, func(b []byte) { _, _ = peer.Write(b) })
	}
}

// peer is the socket that stands for a sender towards the target.
func (r *UDP) peer(from *net.UDPAddr) (*net.UDPConn, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.peers[from.String()]; c != nil {
		return c, nil
	}
	conn, err := net.Dial("udp", r.target)
	if err != nil {
		return nil, err
	}
	c := conn.(*net.UDPConn)
	r.peers[from.String()] = c
	fail.Go(func(error) {}, func() {
		buf := make([]byte, 2048)
		for {
			n, err := c.Read(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				r.pass(string(buf[:n]), time.Now(), r.back, true, func(b []byte) { _, _ = r.front.WriteToUDP(b, from) })
			}
		}
	})
	return c, nil
}

// pass sends a datagram on when its delay is over, or loses it.
func (r *UDP) pass(text string, in time.Time, w Way, back bool, send func([]byte)) {
	var number int
	if fields := strings.Fields(text); len(fields) == 3 {
		number, _ = strconv.Atoi(fields[1])
	}
	way := uint64(number) << 1
	if back {
		way |= 1
	}
	draw := rand.New(rand.NewPCG(r.seed, way))
	lost := draw.Float64() < w.Loss && strings.HasSuffix(text, " ping")
	delay := w.Delay + time.Duration((2*draw.Float64()-1)*float64(w.Jitter))
	if lost {
		r.note(Passage{Text: text, Back: back, In: in, Lost: true})
		return
	}
	time.AfterFunc(time.Until(in.Add(delay)), fail.Caught(func(error) {}, func() {
		out := time.Now()
		send([]byte(text))
		r.note(Passage{Text: text, Back: back, In: in, Out: out})
	}))
}

func (r *UDP) note(p Passage) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log = append(r.log, p)
}

// StartTCP relays connections to a target, each piece of bytes with a delay. It ends with the test, and gives its
// address.
func StartTCP(t *testing.T, target string, seed uint64, out, back Way) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	t.Cleanup(func() { _ = l.Close() })
	fail.Go(fail.Report(ctx), func() {
		for n := uint64(0); ; n += 2 {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", target)
			if err != nil {
				_ = client.Close()
				return
			}
			closeBoth := func() { _ = errors.Join(client.Close(), server.Close()) }
			context.AfterFunc(ctx, fail.Caught(func(error) {}, closeBoth))
			fail.Go(fail.Report(ctx), func() { pipe(server, client, out, rand.New(rand.NewPCG(seed, n))) })
			fail.Go(fail.Report(ctx), func() { pipe(client, server, back, rand.New(rand.NewPCG(seed, n+1))) })
		}
	})
	return l.Addr().String()
}

// pipe copies one direction of a connection, piece by piece.
func pipe(to io.WriteCloser, from io.Reader, w Way, draw *rand.Rand) {
	type piece struct {
		data []byte
		due  time.Time
	}
	pieces := make(chan piece, 1024)
	fail.Go(func(error) {}, func() {
		defer close(pieces)
		buf := make([]byte, 64<<10)
		for {
			n, err := from.Read(buf)
			if err != nil {
				return
			}
			delay := w.Delay + time.Duration((2*draw.Float64()-1)*float64(w.Jitter))
			pieces <- piece{append([]byte(nil), buf[:n]...), time.Now().Add(delay)}
		}
	})
	for p := range pieces {
		time.Sleep(time.Until(p.due))
		if _, err := to.Write(p.data); err != nil {
			break
		}
	}
	_ = to.Close()
	for range pieces { //nolint:revive // until the reader has ended
	}
}
