// Package fidelity holds the probe against servers and relays whose delays are known exactly: what it writes down must
// be what happened. It has tests only. Truth is what a server itself saw of each request, on the same clock; the probe
// is used as the tool uses it, through probe.Run.
package fidelity

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// script is what a server does, request by request. Requests are numbered from 0 in the order in which they are read.
type script struct {
	delays   []time.Duration // from having read a request to answering it, by its number; they start again at their end
	between  time.Duration   // then half of the answer's body, and the other half this much later; 0: in one piece
	statuses []int           // by the request's number, as delays; none: 200
	body     int             // least length of the answer's body
	stallAt  int             // the request that begins the stall
	stall    time.Duration   // whatever is due in it is answered at its end; 0: no stall

	secure bool
	// from a client's TLS greeting to the answer to it, by the connection's number, as delays
	handshakes []time.Duration

	protocol string // probe.H2, probe.H2C or probe.GRPC; empty: HTTP/1.1
	streams  int    // of HTTP/2: requests at once that it takes on a connection; 0: 250
	// of HTTP/2, by the request's number, as delays: its stream is reset where the answer's last piece was due
	resets []bool
}

// handled is one request as the server saw it.
type handled struct {
	number, conn int
	nominal      time.Duration // what the script says of read to wrote, without a stall
	status       int
	reset        bool
	accepted     time.Time // its connection
	read         time.Time // its head was in
	first, wrote time.Time // before the first and before the last piece of the answer was written; zero: never
}

// took is the server's own part of a request's latency: no client can have waited for less.
func (h *handled) took() time.Duration { return h.wrote.Sub(h.read) }

// server plays a script and writes down what it did.
type server struct {
	script
	addr string
	tls  *tls.Config

	mu        sync.Mutex
	conns     int
	log       []handled // by number
	stallEnds time.Time
	over      chan struct{}
}

// host is the name that the servers' certificate is for; probes resolve it by a Lookup of the tests' own.
const host = "known.test"

// play starts a server that ends with the test.
func play(t *testing.T, s script) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return playOn(t, s, l)
}

func playOn(t *testing.T, sc script, l net.Listener) *server {
	t.Helper()
	s := &server{script: sc, addr: l.Addr().String(), over: make(chan struct{})}
	if s.secure {
		s.tls = certificate(t)
		s.tls.GetConfigForClient = s.greet
	}
	if s.protocol != "" {
		s.playH2(t, l)
		return s
	}
	var serving sync.WaitGroup
	t.Cleanup(func() {
		close(s.over)
		_ = l.Close()
		serving.Wait()
	})
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			ctx := s.connected(context.Background(), c)
			serving.Go(func() { s.serve(ctx, c) })
		}
	})
	return s
}

// link is a connection that the server has accepted.
type link struct {
	number   int
	accepted time.Time
}

type linkKey struct{}

// connected numbers a connection and writes the number into its context.
func (s *server) connected(ctx context.Context, _ net.Conn) context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns++
	return context.WithValue(ctx, linkKey{}, link{s.conns - 1, time.Now()})
}

// linkOf is the connection of a context.
func linkOf(ctx context.Context) link { return ctx.Value(linkKey{}).(link) }

// greet lets a TLS handshake wait as the script says. The client's greeting is in: its handshake has begun.
func (s *server) greet(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	n := len(s.handshakes)
	if n > 0 && !s.pause(time.Now().Add(s.handshakes[linkOf(hello.Context()).number%n])) {
		return nil, net.ErrClosed
	}
	return nil, nil //nolint:nilnil // the configuration stays as it is
}

// serve answers the requests of one connection until either side ends it.
func (s *server) serve(ctx context.Context, raw net.Conn) {
	ended := make(chan struct{})
	defer close(ended)
	go func() { // a server that is over does not wait for its clients
		select {
		case <-s.over:
		case <-ended:
		}
		_ = raw.Close()
	}()
	c := raw
	if s.secure {
		seal := tls.Server(raw, s.tls)
		if seal.HandshakeContext(ctx) != nil {
			return
		}
		c = seal
	}
	r := bufio.NewReader(c)
	for {
		for line := ""; line != "\r\n"; {
			var err error
			if line, err = r.ReadString('\n'); err != nil {
				return
			}
		}
		if !s.answer(c, s.logRequest(linkOf(ctx))) {
			return
		}
	}
}

// logRequest adds a request that has just been read to the log.
func (s *server) logRequest(from link) handled {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := handled{number: len(s.log), conn: from.number, status: 200, accepted: from.accepted, read: time.Now()}
	if len(s.delays) > 0 {
		h.nominal = s.delays[h.number%len(s.delays)]
	}
	h.nominal += s.between
	if len(s.statuses) > 0 {
		h.status = s.statuses[h.number%len(s.statuses)]
	}
	h.reset = len(s.resets) > 0 && s.resets[h.number%len(s.resets)]
	if s.stall > 0 && h.number == s.stallAt {
		s.stallEnds = h.read.Add(s.stall)
	}
	s.log = append(s.log, h)
	return h
}

// answer waits as the script says and answers. It reports whether the connection can go on.
func (s *server) answer(c net.Conn, h handled) bool {
	body := fmt.Sprintf(`{"RequestID":"%d"}`, h.number)
	body += strings.Repeat(" ", max(s.body-len(body), 0))
	text := fmt.Sprintf(
		"HTTP/1.1 %d Known\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		h.status,
		len(body),
		body,
	)
	if !s.pause(s.due(&h)) {
		return false
	}
	h.first = time.Now()
	h.wrote = h.first
	if s.between > 0 {
		half := len(text) - len(body)/2
		if _, err := c.Write([]byte(text[:half])); err != nil || !s.pause(h.first.Add(s.between)) {
			return false
		}
		text = text[half:]
		h.wrote = time.Now()
	}
	s.enter(h)
	_, err := c.Write([]byte(text))
	return err == nil
}

// due is when the first piece of an answer is to be written.
func (s *server) due(h *handled) time.Time {
	due := h.read.Add(h.nominal - s.between)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stallEnds.After(due) {
		due = s.stallEnds
	}
	return due
}

// enter completes the entry of a request that is about to be answered.
func (s *server) enter(h handled) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log[h.number] = h
}

// pause waits until an instant; false: the server is over.
func (s *server) pause(until time.Time) bool {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.over:
		return false
	}
}

// requests are the requests read so far, by number.
func (s *server) requests() []handled {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]handled(nil), s.log...)
}

// accepted is how many connections were accepted so far.
func (s *server) accepted() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conns
}

// stalled is when the stall began and ended; zero times where none has begun.
func (s *server) stalled() (from, to time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stallEnds.IsZero() {
		return from, to
	}
	return s.stallEnds.Add(-s.stall), s.stallEnds
}

// certificate makes a TLS identity for host; its leaf is what a client has to trust.
func certificate(t *testing.T) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(
			-time.Hour,
		), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}},
	}
}

// trust is a client's TLS configuration that trusts the server.
func (s *server) trust() *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(s.tls.Certificates[0].Leaf)
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
}
