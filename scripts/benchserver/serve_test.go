//go:build linux

package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Requests come in pieces and several at a time, as TCP likes it.
func TestRequestsInPieces(t *testing.T) {
	text := "GET /f?delay=7 HTTP/1.1\r\nHost: a\r\n\r\nGET /f HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
	for size := 1; size <= len(text); size++ {
		var got []string
		c := &conn{proto: http1}
		for rest := text; rest != ""; {
			n := min(size, len(rest))
			if !c.consume(
				[]byte(rest[:n]),
				func(_ uint32, d time.Duration, last bool) { got = append(got, fmt.Sprint(d, last)) },
			) {
				t.Fatalf("pieces of %d: refused", size)
			}
			rest = rest[n:]
		}
		if want := "7ms false|-1ns true"; strings.Join(got, "|") != want {
			t.Errorf("pieces of %d: got %q, want %q", size, strings.Join(got, "|"), want)
		}
	}
}

func TestFramesInPieces(t *testing.T) {
	text := preface + string(appendFrame(nil, frameSettings, 0, 0, nil)) +
		string(appendFrame(nil, frameHeaders, flagEndHeaders|flagEndStream, 1, []byte("x"))) +
		string(appendFrame(nil, frameHeaders, flagEndHeaders, 3, []byte("x"))) +
		string(appendFrame(nil, frameData, flagEndStream, 3, []byte("body"))) +
		string(appendFrame(nil, frameHeaders, flagEndStream, 5, []byte("x"))) +
		string(appendFrame(nil, frameContinuation, flagEndHeaders, 5, []byte("x")))
	for size := 1; size <= len(text); size++ {
		var got []uint32
		c := &conn{proto: http2}
		for rest := text; rest != ""; {
			n := min(size, len(rest))
			if !c.consume(
				[]byte(rest[:n]),
				func(stream uint32, _ time.Duration, _ bool) { got = append(got, stream) },
			) {
				t.Fatalf("pieces of %d: refused", size)
			}
			rest = rest[n:]
		}
		if fmt.Sprint(got) != "[1 3 5]" {
			t.Errorf("pieces of %d: streams %v, want [1 3 5]", size, got)
		}
	}
	if (&conn{proto: http2}).consume([]byte("GET / HTTP/1.1\r\n"), nil) {
		t.Error("HTTP/1.1 was taken for HTTP/2")
	}
}

// An answer that the connection's window has no room for waits for a WINDOW_UPDATE.
func TestWindow(t *testing.T) {
	c := &conn{proto: http2, window: 10}
	c.reply(answer{seq: 4, stream: 1})
	if len(c.out) != 0 || len(c.owed) != 0 {
		t.Fatalf("%d bytes were sent into a window of 10", len(c.out))
	}
	c.frame(frameWindowUpdate, 0, 0, []byte{0, 1, 0, 0})
	if len(c.owed) != 1 || !strings.Contains(string(c.out), `"RequestID":"4"`) {
		t.Errorf("after the update: %q", c.out)
	}
}

// Go's own client gets its answers over every protocol, no sooner than they are due, and each has its row.
func TestServes(t *testing.T) {
	const n, delay = 40, 20 * time.Millisecond
	dir := t.TempDir()
	book, ids := newLedger(), &atomic.Int32{}
	loop, err := newLoop(book, delay, ids)
	if err != nil {
		t.Fatal(err)
	}
	plain, h2c := listen(t, loop, http1), listen(t, loop, http2)
	go func() { _ = loop.run() }()
	cert, err := certificate(dir)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := tls.Listen("tcp", "127.0.0.1:0", tlsConfig(cert, []string{"h2", "http/1.1"}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() { _ = (&secure{book, delay, ids}).serve(ln) }()
	for _, c := range []struct {
		name, url string
		protocol  func(*http.Protocols)
	}{
		{"http1", "http://" + plain, func(p *http.Protocols) { p.SetHTTP1(true) }},
		{"h2c", "http://" + h2c, func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) }},
		{"tls", "https://" + ln.Addr().String(), func(p *http.Protocols) { p.SetHTTP1(true) }},
		{"h2", "https://" + ln.Addr().String(), func(p *http.Protocols) { p.SetHTTP2(true) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			book.reset()
			client := client(t, dir, c.protocol)
			var all sync.WaitGroup
			for range n {
				all.Go(func() { ask(t, client, c.url, delay) })
			}
			all.Wait()
			// The stamp of an answer follows its write, so the last ones may lag behind the client a little.
			for deadline := time.Now().Add(10 * time.Second); book.stats().Answered < n && time.Now().
				Before(deadline); {
				time.Sleep(time.Millisecond)
			}
			got := book.stats()
			if got.Count != n || got.Answered != n || got.Min < int64(delay) {
				t.Errorf("the server saw %+v, want %d answered after %v", got, n, delay)
			}
		})
	}
}

func listen(t *testing.T, l *loop, p protocol) string {
	t.Helper()
	port, err := l.listen(p)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint("127.0.0.1:", port)
}

func client(t *testing.T, dir string, protocol func(*http.Protocols)) *http.Client {
	t.Helper()
	pem, err := os.ReadFile(filepath.Join(dir, "cert.pem"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatal("cert.pem has no certificate")
	}
	transport := &http.Transport{
		Protocols: new(http.Protocols), TLSClientConfig: &tls.Config{RootCAs: pool},
		DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
	}
	protocol(transport.Protocols)
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 30 * time.Second}
}

func ask(t *testing.T, client *http.Client, url string, delay time.Duration) {
	start := time.Now()
	resp, err := client.Get(url)
	if err != nil {
		t.Error(err)
		return
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil || !strings.HasPrefix(string(body), `{"RequestID":"`) || time.Since(start) < delay {
		t.Errorf("answer %q after %v, %v", body, time.Since(start), err)
	}
	if resp.TLS != nil && resp.TLS.CurveID != tls.X25519 {
		t.Errorf("the key exchange was %s", resp.TLS.CurveID)
	}
}
