package http1

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// echo answers with what it has read. A path tells what else it does.
type echo struct{ direct bool }

var _ Handler = echo{}

func (e echo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "no body", http.StatusBadRequest)
		return
	}
	status, header, text := reply(r, body)
	for name, values := range header {
		w.Header()[name] = values
	}
	if bodyAllowed(status) {
		w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	}
	w.WriteHeader(status)
	_, _ = w.Write(text)
}

func (e echo) Begin(x *Exchange) bool {
	if !e.direct || x.Request.URL.Path == "/rest" {
		return false
	}
	x.Answer(reply(x.Request, x.Body))
	return true
}

func reply(r *http.Request, body []byte) (int, http.Header, []byte) {
	header := http.Header{"X-Path": {r.URL.Path}, "Content-Type": {"text/plain"}}
	status := http.StatusOK
	switch r.URL.Path {
	case "/none":
		return http.StatusNoContent, http.Header{}, nil
	case "/typeless":
		return 299, http.Header{"X-Bad": {"a\nb"}, "Bad Name": {"x"}, "X-Two": {"1", " 2 "}}, []byte("<html>")
	case "/empty":
		return status, http.Header{}, nil
	case "/large":
		return status, header, bytes.Repeat([]byte("x"), 3*smallBody)
	case "/most":
		return status, header, bytes.Repeat([]byte("x"), smallBody)
	}
	text := fmt.Appendf(nil, "%s %s %d %q %v %s\n", r.Method, r.URL, r.ContentLength, body, r.Header, r.Host)
	return status, header, text
}

// smallBuffers has connections that soon take no more.
type smallBuffers struct{ net.Listener }

func (l smallBuffers) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		err = conn.(*net.TCPConn).SetWriteBuffer(64 << 10)
	}
	return conn, err
}

// heldBack accepts connections once it may.
type heldBack struct {
	net.Listener
	may chan struct{}
}

func (l heldBack) Accept() (net.Conn, error) {
	<-l.may
	return l.Listener.Accept()
}

// listen takes a free port.
func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// start serves until the test ends, and gives the address.
func start(t *testing.T, s *Server) string {
	t.Helper()
	return startOn(t, s, listen(t))
}

// startOn does so on a listener.
func startOn(t *testing.T, s *Server, l net.Listener) string {
	t.Helper()
	s.Defect = func(err error) { t.Error(err) }
	s.Rest.Protocols = new(http.Protocols)
	s.Rest.Protocols.SetHTTP1(true)
	s.Rest.Protocols.SetUnencryptedHTTP2(true)
	if s.FirstTime == 0 {
		s.FirstTime, s.IdleTime = time.Minute, time.Minute
	}
	served := make(chan error, 1)
	fail.Go(s.Defect, func() { served <- s.Serve(smallBuffers{l}) })
	t.Cleanup(func() {
		_ = s.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("served: %v", err)
		}
	})
	for !s.begun() { // Close may come at once
		time.Sleep(time.Millisecond)
	}
	return l.Addr().String()
}

func dial(t *testing.T, addr string) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	return conn.(*net.TCPConn)
}

// converse sends pieces, ends its side and gives all that is answered, without dates.
func converse(t *testing.T, addr string, pieces []string) string {
	t.Helper()
	conn := dial(t, addr)
	in := bufio.NewReader(conn)
	for i, p := range pieces {
		if _, err := io.WriteString(conn, p); err != nil {
			break // the server has closed the connection
		}
		if i+1 < len(pieces) {
			time.Sleep(2 * time.Millisecond) // so that the piece arrives alone, as a rule
		}
	}
	_ = conn.CloseWrite()
	var out strings.Builder
	for {
		line, err := in.ReadString('\n')
		if !strings.HasPrefix(line, "Date: ") {
			out.WriteString(line)
		}
		if err != nil {
			return out.String()
		}
	}
}

// TestAnswersAsNetHTTP has the same bytes sent to this server and to net/http's: both answer alike, byte for byte.
func TestAnswersAsNetHTTP(t *testing.T) {
	ours := start(t, &Server{Handler: echo{true}, Rest: &http.Server{Handler: echo{}}})
	theirs := start(t, &Server{Handler: echo{}, Rest: &http.Server{Handler: echo{}}})
	get := head("GET /a?b=c HTTP/1.1", "Host: a")
	post := head("POST /a HTTP/1.1", "Host: a", "Content-Length: 3") + "abc"
	chunked := head("POST /a HTTP/1.1", "Host: a", "Transfer-Encoding: chunked") + "3\r\nabc\r\n0\r\n\r\n"
	of := func(path string) string { return strings.Replace(get, "/a?b=c", path, 1) }
	long := head("POST /a HTTP/1.1", "Host: a", "Content-Length: 9000") + strings.Repeat("y", 9000)
	talks := [][]string{
		{get}, {get, get}, {get + post + get}, {post, get}, {of("/none") + get}, {of("/typeless")}, {of("/empty"), get},
		{of("/large"), get}, {of("/large") + of("/large")}, {of("/rest"), get}, {get, of("/rest") + post},
		{get + chunked + get}, {long, get}, {get, long + get}, {get[:10], get[10:]}, {post[:len(post)-2], "bc", get},
		{get + head("POST /a HTTP/1.1", "Host: a", "Expect: 100-continue", "Content-Length: 3"), "abc"},
		{get + head("HEAD /a HTTP/1.1", "Host: a") + get},
		{get + head("GET /a HTTP/1.1", "Host: a", "Connection: close") + get},
		{head("GET /a HTTP/1.0"), get}, {get + head("GET /a HTTP/1.0", "Connection: keep-alive") + get},
		{get + "GET /\r\n"}, {"\x16\x03\x01"}, {get + "A: " + strings.Repeat("a", 2<<20) + "\r\n"},
		{"GET / HTTP/1.1\r\nHost: a\r\nA: " + strings.Repeat("a", 2<<20)},
		{strings.Repeat(get, 200)}, {strings.Repeat(of("/most"), 200), ""}, // more than a connection takes at once
	}
	for _, h := range heads {
		if !strings.HasPrefix(h.text, "PRI ") { // HTTP/2, which here may also begin behind other requests
			talks = append(talks, []string{get + h.text + get})
		}
	}
	for _, pieces := range talks {
		got, want := converse(t, ours, pieces), converse(t, theirs, pieces)
		if got != want {
			t.Errorf("%.300q is answered\n%.900s\nby net/http\n%.900s", pieces, got, want)
		}
	}
}

// TestHTTP2 has a connection that speaks HTTP/2 from its first byte on go to net/http.
func TestHTTP2(t *testing.T) {
	addr := start(t, &Server{Handler: echo{true}, Rest: &http.Server{Handler: echo{}}})
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	res, err := (&http.Client{Transport: transport}).Get("http://" + addr + "/a")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.ProtoMajor != 2 || res.Header.Get("X-Path") != "/a" {
		t.Errorf("%s %v", res.Proto, res.Header)
	}
}

// later gives its exchanges to the test.
type later chan *Exchange

var _ Handler = later(nil)

func (l later) Begin(x *Exchange) bool { l <- x; return true }

// answerTo reads an answer, and its body's length.
func answerTo(t *testing.T, conn net.Conn) (res *http.Response, length int64) {
	t.Helper()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	length, err = io.Copy(io.Discard, res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, length
}

// TestExchanges answers from another goroutine: a client that does not read holds nobody, one that leaves is noticed,
// and a request may take longer than a connection may be idle.
func TestExchanges(t *testing.T) {
	requests := make(later, 1)
	addr := start(t, &Server{Handler: requests, Rest: &http.Server{}, FirstTime: time.Minute, IdleTime: time.Minute})
	get := head("GET /a HTTP/1.1", "Host: a")
	conn := dial(t, addr)
	for _, size := range []int{100, 32 << 20, smallBody, 100} {
		_, _ = io.WriteString(conn, get)
		x := <-requests
		ctx, cancel := x.Context()
		x.Answer(http.StatusOK, http.Header{}, make([]byte, size))
		if res, n := answerTo(t, conn); res.StatusCode != http.StatusOK || n != int64(size) {
			t.Errorf("%s with %d bytes of %d", res.Status, n, size)
		}
		if ctx.Err() != nil {
			t.Error("the client is there, but its request's context has ended")
		}
		cancel()
	}

	_, _ = io.WriteString(conn, get)
	x := <-requests
	ctx, cancel := x.Context()
	defer cancel()
	conn.Close()
	select {
	case <-ctx.Done():
	case <-time.After(10 * time.Second):
		t.Error("the client has left, but its request's context goes on")
	}
	x.Answer(http.StatusOK, http.Header{}, nil)
}

// TestIdleConnections closes connections that are idle, and no other.
func TestIdleConnections(t *testing.T) {
	requests := make(later, 1)
	s := &Server{Handler: requests, Rest: &http.Server{}, FirstTime: 50 * time.Millisecond,
		IdleTime: 100*time.Millisecond - renewal}
	l := heldBack{listen(t), make(chan struct{})}
	addr := startOn(t, s, l)
	silent, conn := dial(t, addr), dial(t, addr)
	_, _ = io.WriteString(conn, head("GET /a HTTP/1.1", "Host: a"))
	close(l.may) // the request is there before its time begins
	x := <-requests
	if _, err := silent.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("a connection without a request: %v", err)
	}
	time.Sleep(60 * time.Millisecond) // longer than it may be idle
	_, _ = io.WriteString(conn, head("GET /a HTTP/1.1", "Host: a"))
	x.Answer(http.StatusOK, http.Header{}, nil)
	if res, _ := answerTo(t, conn); res.StatusCode != http.StatusOK || res.Close {
		t.Errorf("after a long request: %s, closed %v", res.Status, res.Close)
	}
	select {
	case x = <-requests:
		x.Answer(http.StatusOK, http.Header{}, nil)
		_, _ = answerTo(t, conn)
	case <-time.After(10 * time.Second):
		t.Fatal("the connection has ended with a long request")
	}
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("an idle connection: %v", err)
	}
}

// TestShutdown ends idle connections at once, and one with a request after its answer.
func TestShutdown(t *testing.T) {
	requests := make(later, 1)
	s := &Server{Handler: requests, Rest: &http.Server{}}
	addr := start(t, s)
	quiet, conn := dial(t, addr), dial(t, addr)
	_, _ = io.WriteString(conn, head("GET /a HTTP/1.1", "Host: a"))
	x := <-requests
	soon, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(soon); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("shut down under a request: %v", err)
	}
	if _, err := quiet.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the idle connection: %v", err)
	}
	done := make(chan error, 1)
	fail.Go(s.Defect, func() { done <- s.Shutdown(t.Context()) })
	x.Answer(http.StatusOK, http.Header{}, nil)
	if res, _ := answerTo(t, conn); res.StatusCode != http.StatusOK || !res.Close {
		t.Errorf("%s, closed %v", res.Status, res.Close)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
