package probe

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestWaitingRequestsLeaveAtOnce: where two responses are there together and two requests wait, the first one leaves
// before the second response is read.
func TestWaitingRequestsLeaveAtOnce(t *testing.T) {
	t.Parallel()
	const answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
	var mu sync.Mutex
	var first []net.Conn
	answered := make(chan struct{})
	s := serveRaw(t, func(c net.Conn, r *bufio.Reader) {
		for {
			if _, err := http.ReadRequest(r); err != nil {
				return
			}
			mu.Lock()
			first = append(first, c)
			switch n := len(first); {
			case n == 2:
				_, _ = io.WriteString(first[0], answer)
				_, _ = io.WriteString(first[1], answer)
				close(answered)
			case n > 2:
				_, _ = io.WriteString(c, answer)
			}
			mu.Unlock()
		}
	})
	var b book
	cfg := config(&b, s.url)
	cfg.Connections, cfg.Processors = Reuse, 1
	cfg.Load = &Load{Length: time.Second, MaxConnections: 2, Warm: 2}
	cfg.Load.Instants = func() func() (time.Duration, int, bool) {
		k := 0
		return func() (time.Duration, int, bool) { k++; return 0, -1, k <= 4 }
	}
	e, err := newEngine(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var calls []string
	on(e.loops[0], func() {
		e.loops[0].read = func(fd int, into []byte) (int, error) {
			calls = append(calls, "read")
			return readSocket(fd, into)
		}
		e.loops[0].write = func(fd int, b []byte) (int, error) {
			n, err := writeSocket(fd, b)
			if calls = append(calls, "write"); len(calls) == 2 {
				<-answered
			}
			return n, err
		}
	})
	if _, err := e.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(calls, " "); !strings.HasPrefix(got, "write write read write read write") {
		t.Error(got)
	}
}
