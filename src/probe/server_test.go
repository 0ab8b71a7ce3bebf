package probe

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// patience bounds what a test waits for on a busy machine; no test expects to need it.
const patience = 30 * time.Second

// rawServer serves each connection with a function, and ends them all with the test.
type rawServer struct {
	url   string
	conns atomic.Int64 // accepted so far
	mu    sync.Mutex
	open  []net.Conn
}

func serveRaw(t *testing.T, handle func(c net.Conn, r *bufio.Reader)) *rawServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &rawServer{url: "http://" + l.Addr().String() + "/raw"}
	var serving sync.WaitGroup
	t.Cleanup(func() {
		_ = l.Close()
		s.closeAll()
		serving.Wait()
	})
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.conns.Add(1)
			s.mu.Lock()
			s.open = append(s.open, c)
			s.mu.Unlock()
			serving.Go(func() {
				defer func() { _ = c.Close() }()
				handle(c, bufio.NewReader(c))
			})
		}
	})
	return s
}

// closeAll closes every connection from the server's side.
func (s *rawServer) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.open {
		_ = c.Close()
	}
	s.open = nil
}

// readRequest reads a request's head.
func readRequest(r *bufio.Reader) (string, error) {
	var head strings.Builder
	for {
		line, err := r.ReadString('\n')
		head.WriteString(line)
		if err != nil || line == "\r\n" {
			return head.String(), err
		}
	}
}

// hello answers every request on a connection.
func hello(c net.Conn, r *bufio.Reader) {
	for {
		if _, err := readRequest(r); err != nil {
			return
		}
		if _, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"); err != nil {
			return
		}
	}
}

// serveHTTP runs a real HTTP server that counts its connections.
func serveHTTP(t *testing.T, secure bool, handle http.HandlerFunc) (*httptest.Server, *atomic.Int64) {
	t.Helper()
	conns := new(atomic.Int64)
	s := httptest.NewUnstartedServer(handle)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			conns.Add(1)
		}
	}
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // failed handshakes are what some tests are after
	if secure {
		s.TLS = certified(t)
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s, conns
}

// certified is a configuration with a new certificate. A server signs with an elliptic curve in a hundredth of the time
// that it needs with httptest's own key, so that many handshakes at once do not take all of a busy machine's time.
func certified(t *testing.T) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(24 * time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		DNSNames: []string{"example.com"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

func insecureTLS() *tls.Config { return &tls.Config{InsecureSkipVerify: true} }

// book gathers the rows that a run hands out.
type book struct{ rows []sample.Sample }

func (b *book) sink(rows []sample.Sample) error {
	b.rows = append(b.rows, rows...)
	return nil
}

func (b *book) classes() map[sample.Class]int {
	out := map[sample.Class]int{}
	for _, r := range b.rows {
		out[r.Err]++
	}
	return out
}

// checkRows states what holds for every row whatever happened.
func checkRows(t *testing.T, rows []sample.Sample) {
	t.Helper()
	for _, r := range rows {
		switch {
		case r.RequestID == "" || r.Host == "" || r.Endpoint == "":
			t.Errorf("no identity: %+v", r)
		case !r.PlannedAt.Add(r.Lateness).Equal(r.SentAt):
			t.Errorf("planned %s + lateness %s is not sent %s", r.PlannedAt, r.Lateness, r.SentAt)
		case (r.Err == sample.OK) != (r.Latency >= 0):
			t.Errorf("class %q with latency %s", r.Err, r.Latency)
		case r.Err == sample.OK && (r.ReceivedAt.Sub(r.SentAt) > r.Latency || r.ReceivedAt.Before(r.SentAt) ||
			r.FirstByte < 0 || r.FirstByte > r.Latency || r.Status < 200):
			t.Errorf("instants out of order: %+v", r)
		case r.SentAt.Location() != time.UTC:
			t.Errorf("sent at %s", r.SentAt)
		}
	}
}

// waitFor polls until the condition holds.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for !ok() {
		if ctx.Err() != nil {
			t.Fatalf("waited in vain for %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}
