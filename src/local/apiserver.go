package local

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/local/http1"
)

// Limits of a connection to the Runtime API.
const (
	apiHeaderBytes = 1 << 20     // of one request's header
	apiHeaderTime  = time.Minute // from its first byte to its last
	apiDrainBytes  = 64 << 20    // of a body that nobody reads
	apiDrainTime   = 5 * time.Second
)

// apiServer serves the Runtime API of one instance over HTTP/1.1. It takes the place of net/http's server because a
// request for work waits: here, whoever has an event writes it to the waiting connection, so that no goroutine has to
// be woken for it, and the connection's own goroutine is in its next read already.
type apiServer struct {
	handler  http.Handler
	identify func(net.Conn) bool // whether the connection is the instance's own; nil: all are
	listener net.Listener
	defect   func(error)

	mu     sync.Mutex
	conns  map[net.Conn]bool // those that are open
	closed bool
}

// address is where it listens.
func (s *apiServer) address() string { return s.listener.Addr().String() }

// serve accepts connections until the listener is closed.
func (s *apiServer) serve() {
	for {
		conn, err := s.listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // no descriptor is free, for one
			time.Sleep(5 * time.Millisecond)
			continue
		}
		s.mu.Lock()
		open := !s.closed
		if open {
			s.conns[conn] = true
		}
		s.mu.Unlock()
		if !open {
			_ = conn.Close()
			return
		}
		// Here, one after the other: the descriptors of many connections are found at once in the order in which they
		// were opened.
		own := s.identify == nil || s.identify(conn)
		c := newAPIConn(s, conn, own)
		fail.Go(s.defect, c.serve, func() { s.drop(conn) })
	}
}

func (s *apiServer) drop(conn net.Conn) {
	s.mu.Lock()
	delete(s.conns, conn)
	s.mu.Unlock()
	_ = conn.Close()
}

// Close closes the listener and every connection.
func (s *apiServer) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for conn := range s.conns {
		_ = conn.Close()
	}
	return s.listener.Close()
}

// apiConn is one connection of a function's runtime. It is the http.ResponseWriter of its requests.
type apiConn struct {
	server *apiServer
	conn   net.Conn
	limit  io.LimitedReader // bounds a header
	in     *bufio.Reader
	parser http1.Parser
	given  chan struct{} // gets a token when the event that it has waited for is written
	own    bool          // it is the instance's

	// Of the current request.
	header http.Header
	status int
	body   []byte
	sent   bool // its answer has been written, as an event
	out    []byte
}

var _ http.ResponseWriter = (*apiConn)(nil)

func newAPIConn(s *apiServer, conn net.Conn, own bool) *apiConn {
	c := &apiConn{server: s, conn: conn, own: own, given: make(chan struct{}, 1), header: http.Header{}}
	c.limit = io.LimitedReader{R: conn}
	c.in = bufio.NewReader(&c.limit)
	return c
}

// serve answers the connection's requests, one after the other.
func (c *apiConn) serve() {
	for c.serveOne() {
	}
}

// serveOne serves one request; false: the connection is at its end.
func (c *apiConn) serveOne() bool {
	r, err := c.readRequest()
	if err != nil {
		c.refuse(err)
		return false
	}
	rest := &apiBody{ReadCloser: r.Body, conn: c, wanted: r.Header.Get("Expect") == "100-continue"}
	if r.Body != http.NoBody {
		r.Body = rest
	}
	clear(c.header)
	c.status, c.body, c.sent = 0, c.body[:0], false
	if r.Method == http.MethodGet && r.Body != http.NoBody && !rest.drained() { // no event comes between its pieces
		return false
	}
	c.server.handler.ServeHTTP(c, r)
	if c.sent {
		return !r.Close
	}
	last := r.Close || r.Body != http.NoBody && !rest.drained()
	if !c.finish(r, last) {
		return false
	}
	if last {
		c.linger()
	}
	return !last
}

// readRequest reads a request up to its body. The time for a header runs from its first byte on, and no timer is set
// for one that has arrived as a whole.
func (c *apiConn) readRequest() (*http.Request, error) {
	c.limit.N = apiHeaderBytes
	if _, err := c.in.Peek(1); err != nil {
		return nil, err
	}
	begun, _ := c.in.Peek(c.in.Buffered())
	if r, length, ok := c.parser.Parse(begun); ok {
		_, _ = c.in.Discard(length)
		c.limit.N = 1 << 62
		if r.ContentLength > 0 {
			r.Body = io.NopCloser(io.LimitReader(c.in, r.ContentLength))
		}
		return r, nil
	}
	whole := bytes.Contains(begun, []byte("\r\n\r\n"))
	if !whole {
		_ = c.conn.SetReadDeadline(time.Now().Add(apiHeaderTime))
	}
	r, err := http.ReadRequest(c.in)
	if !whole {
		_ = c.conn.SetReadDeadline(time.Time{})
	}
	if err != nil && c.limit.N <= 0 {
		return nil, &tooBig{apiHeaderBytes}
	}
	c.limit.N = 1 << 62
	return r, err
}

// refuse answers what is no request. A connection that ends between two requests, or is broken, gets nothing.
func (c *apiConn) refuse(err error) {
	var big *tooBig
	var broken net.Error
	status := "400 Bad Request"
	switch {
	case errors.As(err, &big):
		status = "431 Request Header Fields Too Large"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &broken):
		return
	}
	_, _ = io.WriteString(c.conn, "HTTP/1.1 "+status+"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	c.linger()
}

// linger ends the connection behind its last answer: what still comes is read for a moment, because a connection that
// is closed over unread bytes is reset, and its answer lost.
func (c *apiConn) linger() {
	if half, ok := c.conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_ = c.conn.SetReadDeadline(time.Now().Add(apiDrainTime))
	_, _ = io.CopyN(io.Discard, c.conn, apiDrainBytes)
}

// Header is the header of the answer to the current request.
func (c *apiConn) Header() http.Header { return c.header }

// WriteHeader sets the status of the answer to the current request.
func (c *apiConn) WriteHeader(status int) { c.status = status }

// Write adds to the answer's body. It is sent as one piece when the request is served.
func (c *apiConn) Write(p []byte) (int, error) {
	c.body = append(c.body, p...)
	return len(p), nil
}

// finish sends the answer; false: the connection is broken.
func (c *apiConn) finish(r *http.Request, last bool) bool {
	if c.status == 0 {
		c.status = http.StatusOK
	}
	b := append(c.out[:0], "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(c.status), 10)
	b = append(append(append(b, ' '), http.StatusText(c.status)...), "\r\n"...)
	for name, values := range c.header {
		if name != "Content-Length" {
			b = append(append(append(append(b, name...), ": "...), values[0]...), "\r\n"...)
		}
	}
	b = append(strconv.AppendInt(append(b, "Content-Length: "...), int64(len(c.body)), 10), "\r\n"...)
	switch {
	case last:
		b = append(b, "Connection: close\r\n"...)
	case r.ProtoMinor == 0:
		b = append(b, "Connection: keep-alive\r\n"...)
	}
	b = append(b, "\r\n"...)
	if r.Method != http.MethodHead {
		b = append(b, c.body...)
	}
	c.out = b
	_, err := c.conn.Write(b)
	return err == nil
}

// smallEvent is the largest event that is sent by the goroutine that has it: the connection's buffer in the kernel
// takes it as a whole, because its last event has been read, so that a function that does not read holds up nobody.
const smallEvent = 32 << 10

// send writes an event as the answer to the current request. header has room for a small event.
func (c *apiConn) send(header, event []byte) error {
	if len(event) <= smallEvent {
		_, err := c.conn.Write(append(header, event...))
		return err
	}
	pieces := net.Buffers{header, event}
	_, err := pieces.WriteTo(c.conn)
	return err
}

// apiBody is the body of a request to the Runtime API.
type apiBody struct {
	io.ReadCloser
	conn   *apiConn
	wanted bool // the client waits until it is told to send
	ended  bool
}

// Read tells a client that waits for it to send the body.
func (b *apiBody) Read(p []byte) (int, error) {
	if b.wanted {
		b.wanted = false
		if _, err := io.WriteString(b.conn.conn, "HTTP/1.1 100 Continue\r\n\r\n"); err != nil {
			return 0, err
		}
	}
	n, err := b.ReadCloser.Read(p)
	b.ended = b.ended || errors.Is(err, io.EOF)
	return n, err
}

// drained reads what is left of a body, if that is not much; false: it is, or the client waits to be told to send.
func (b *apiBody) drained() bool {
	if b.ended {
		return true
	}
	if b.wanted {
		return false
	}
	_, _ = io.CopyN(io.Discard, b, maxFault)
	return b.ended
}
