package probe

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// peer is one HTTP/2 connection from the side of a server that a test controls.
type peer struct {
	c   net.Conn
	r   *bufio.Reader
	n   int64    // of the connection, from 1
	ids []uint32 // of the streams begun so far
}

// next waits for the next frame; frames that do not begin a stream are skipped.
func (p *peer) next() (kind byte, err error) {
	head := make([]byte, frameHead)
	if _, err := io.ReadFull(p.r, head); err != nil {
		return 0, err
	}
	if _, err := p.r.Discard(int(head[0])<<16 | int(head[1])<<8 | int(head[2])); err != nil {
		return 0, err
	}
	if head[3] == frameHeaders {
		p.ids = append(p.ids, binary.BigEndian.Uint32(head[5:]))
	}
	return head[3], nil
}

// await waits for the beginning of n streams.
func (p *peer) await(n int) bool {
	for len(p.ids) < n {
		if _, err := p.next(); err != nil {
			return false
		}
	}
	return true
}

// until waits for a frame of a kind.
func (p *peer) until(kind byte) bool {
	for {
		if got, err := p.next(); err != nil || got == kind {
			return err == nil
		}
	}
}

// answerAll answers every stream as it comes.
func (p *peer) answerAll() {
	for p.await(len(p.ids) + 1) {
		p.write(answers(p.ids[len(p.ids)-1:]...))
	}
}

func (p *peer) write(parts ...[]byte) { _, _ = p.c.Write(slices.Concat(parts...)) }

// answers are the answers of streams.
func answers(ids ...uint32) (out []byte) {
	for _, id := range ids {
		out = append(out, headers(id, flagEndHeaders, "\x88")...)
		out = append(appendFrame(out, frameData, flagEndStream, id, 2), "ok"...)
	}
	return out
}

func goAway(last, code uint32) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(appendFrame(nil, frameGoAway, 0, 0, 8), last),
		code)
}

func reset(code uint32, ids ...uint32) (out []byte) {
	for _, id := range ids {
		out = binary.BigEndian.AppendUint32(appendFrame(out, frameReset, 0, id, 4), code)
	}
	return out
}

// servePeers hands every connection to a function, once its greeting is in and answered.
func servePeers(t *testing.T, handle func(p *peer)) *rawServer {
	var n atomic.Int64
	return serveRaw(t, func(c net.Conn, r *bufio.Reader) {
		if _, err := io.ReadFull(r, make([]byte, len(preface))); err != nil {
			return
		}
		p := &peer{c: c, r: r, n: n.Add(1)}
		p.write(appendFrame(nil, frameSettings, 0, 0, 0))
		handle(p)
	})
}

const drainWait = 30 * time.Millisecond

// drains are servers that end their first connection after twenty requests.
func drains() map[string]struct {
	first  func(p *peer)
	want   map[sample.Class]int
	resent int
} {
	return map[string]struct {
		first  func(p *peer)
		want   map[sample.Class]int
		resent int
	}{
		// nginx: the last stream's number, the answers up to it, the end.
		"nginx": {func(p *peer) { p.write(goAway(p.ids[4], 0), answers(p.ids[:5]...)) }, map[sample.Class]int{"": 20},
			15},
		// envoy: the highest number there is, then the last stream's, then the answers.
		"envoy": {func(p *peer) {
			p.write(goAway(windowMost, 0))
			p.write(answers(p.ids[:2]...))
			p.write(goAway(p.ids[4], 0), answers(p.ids[2:5]...))
		}, map[sample.Class]int{"": 20}, 15},
		// Go and its gRPC: likewise, with the answer to a PING between the two.
		"go": {func(p *peer) {
			p.write(goAway(windowMost, 0), appendFrame(nil, framePing, 0, 0, 8), make([]byte, 8))
			if p.until(framePing) {
				p.write(goAway(p.ids[4], 0), answers(p.ids[:5]...))
			}
		}, map[sample.Class]int{"": 20}, 15},
		"all answered": {func(p *peer) { p.write(goAway(p.ids[19], 0), answers(p.ids...)) },
			map[sample.Class]int{"": 20}, 0},
		// The streams up to the last one may have been processed: they are lost, and not sent again.
		"breaks its word": {func(p *peer) {
			p.write(goAway(p.ids[9], 0), answers(p.ids[:5]...))
		}, map[sample.Class]int{"": 15, sample.Reset: 5}, 10},
		"in anger": {func(p *peer) {
			p.write(answers(p.ids[0]), goAway(p.ids[0], 11))
		}, map[sample.Class]int{"": 20}, 19},
		"refuses some": {func(p *peer) {
			p.write(reset(refusedCode, p.ids[3:6]...), answers(slices.Concat(p.ids[:3], p.ids[6:])...))
			p.answerAll()
		}, map[sample.Class]int{"": 20}, 3},
		"cancels some": {func(p *peer) {
			p.write(reset(cancelCode, p.ids[3:6]...), answers(slices.Concat(p.ids[:3], p.ids[6:])...))
			p.answerAll()
		}, map[sample.Class]int{"": 17, sample.Reset: 3}, 0},
		// What has had a part of its answer was processed, whatever the server says of it.
		"refuses what it began": {func(p *peer) {
			p.write([]byte(headers(p.ids[3], flagEndHeaders, "\x88")), reset(refusedCode, p.ids[3]))
			p.write(answers(p.ids[:3]...), answers(p.ids[4:]...))
			p.answerAll()
		}, map[sample.Class]int{"": 19, sample.Reset: 1}, 0},
	}
}

// oneLoop makes the engine send with one thread, as on a machine of two processors: all requests share one connection.
func oneLoop(t *testing.T) {
	was := runtime.GOMAXPROCS(2)
	t.Cleanup(func() { runtime.GOMAXPROCS(was) })
}

// TestDrain: requests that a server did not process are sent again on another connection, once; their latency continues
// from their own turn. Answers that have arrived are kept, however the connection ends.
func TestDrain(t *testing.T) {
	oneLoop(t)
	for name, c := range drains() {
		for _, hard := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, hard end %v", name, hard), func(t *testing.T) {
				s := servePeers(t, func(p *peer) {
					if p.n == 1 {
						if p.await(20) {
							time.Sleep(drainWait)
							c.first(p)
						}
						if hard { // the client's writes fail as soon as it has read
							time.Sleep(time.Millisecond)
							_ = p.c.(*net.TCPConn).SetLinger(0)
						}
						return
					}
					p.answerAll()
				})
				var b book
				cfg := config(&b, s.url)
				cfg.Protocol, cfg.Connections, cfg.Bursts = H2C, Shared, 2
				cfg.BurstSize = func(int) int { return 20 }
				checkDrained(t, cfg, &b, c.want, c.resent)
				for _, r := range b.rows[20:] { // the next burst's connection is opened before it leaves
					if r.Err != sample.OK || r.NewConn || r.Suspect != "" {
						t.Errorf("the next burst: row %+v", r)
					}
				}
			})
		}
	}
}

func checkDrained(t *testing.T, cfg Config, b *book, want map[sample.Class]int, resent int) {
	t.Helper()
	var notes strings.Builder
	cfg.Note = func(format string, args ...any) { fmt.Fprintf(&notes, format+"\n", args...) }
	out, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	checkRows(t, b.rows)
	got, again := map[sample.Class]int{}, 0
	for _, r := range b.rows[:20] {
		got[r.Err]++
		if r.Suspect != "resent" {
			continue
		}
		again++
		if r.Err == sample.OK && (r.Latency < drainWait || r.Lateness > drainWait || r.NewConn != (r.Connect >= 0)) {
			t.Errorf("row %+v", r)
		}
	}
	for class, n := range want {
		if got[class] != n {
			t.Errorf("class %q: %d rows, want %d; row %+v", class, got[class], n, b.rows[0])
		}
	}
	if again != resent || out.Resent != resent || strings.Contains(notes.String(), "was sent again") != (resent > 0) {
		t.Errorf("%d rows say that they were sent again, the outcome %d, want %d; notes %s",
			again, out.Resent, resent, notes.String())
	}
}

// TestDrainTwice: a request that two connections do not accept is refused.
func TestDrainTwice(t *testing.T) {
	for name, refuse := range map[string]func(p *peer){
		"GOAWAY":         func(p *peer) { p.write(goAway(0, 0)) },
		"REFUSED_STREAM": func(p *peer) { p.write(reset(refusedCode, p.ids...)) },
		"closed": func(p *peer) { // the second connection ends before the request is sent on it
			if p.n == 1 {
				p.write(goAway(0, 0))
			}
		},
	} {
		for _, connections := range []string{Shared, Reuse, New} {
			t.Run(name+", "+connections, func(t *testing.T) {
				s := servePeers(t, func(p *peer) {
					for p.await(len(p.ids) + 1) {
						refuse(p)
						p.ids = nil
					}
				})
				if name == "closed" {
					s = refusesAfter(t)
				}
				var b book
				cfg := config(&b, s.url)
				cfg.Protocol, cfg.Connections, cfg.Bursts, cfg.BurstSize = H2C, connections, 1, nil
				var notes strings.Builder
				cfg.Note = func(format string, args ...any) { fmt.Fprintf(&notes, format+"\n", args...) }
				if _, err := Run(t.Context(), cfg); err != nil {
					t.Fatal(err)
				}
				r := b.rows[0]
				if r.Err != sample.Refused || r.Suspect != "resent" || len(b.rows) != 1 ||
					!strings.Contains(notes.String(), "refused: the server ") {
					t.Errorf("row %+v, notes %s", r, notes.String())
				}
			})
		}
	}
}

// refusesAfter is a server that drains its first connection and listens no more.
func refusesAfter(t *testing.T) *rawServer {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		c, err := l.Accept()
		_ = l.Close()
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }()
		p := &peer{c: c, r: bufio.NewReader(c)}
		_, _ = io.ReadFull(p.r, make([]byte, len(preface)))
		p.write(appendFrame(nil, frameSettings, 0, 0, 0))
		if p.await(1) {
			p.write(goAway(0, 0))
			_, _ = io.Copy(io.Discard, p.r)
		}
	}()
	return &rawServer{url: "http://" + l.Addr().String()}
}

// TestDrainedBeforeTheBurst: a connection that is drained while nothing is under way on it is opened again before the
// next burst leaves, and one that is drained before it has taken anything is opened elsewhere, once.
func TestDrainedBeforeTheBurst(t *testing.T) {
	oneLoop(t)
	s := servePeers(t, func(p *peer) {
		switch p.n {
		case 1:
			if p.await(4) {
				p.write(answers(p.ids...), goAway(p.ids[3], 0))
				_, _ = io.Copy(io.Discard, p.r) // it waits for the client to close
			}
		default:
			p.answerAll()
		}
	})
	var b book
	cfg := config(&b, s.url)
	cfg.Protocol, cfg.Connections = H2C, Shared
	if _, err := Run(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	checkRows(t, b.rows)
	for _, r := range b.rows {
		if r.Err != sample.OK || r.NewConn || r.Suspect != "" {
			t.Errorf("row %+v", r)
		}
	}
	if n := s.conns.Load(); n != 2 {
		t.Errorf("%d connections, want 2", n)
	}
}

// TestTooLongBesideAnswers: a body that is too long ends its own stream, not the seventeen beside it that are whole.
// The server has ended the connection by the time that the client would reset the stream: that write fails.
func TestTooLongBesideAnswers(t *testing.T) {
	ended := make(chan struct{})
	s := servePeers(t, func(p *peer) {
		if !p.await(18) {
			return
		}
		defer close(ended)
		var long bytes.Buffer
		long.WriteString(headers(p.ids[0], flagEndHeaders, "\x88"))
		long.Write(appendFrame(nil, frameData, 0, p.ids[0], 5000))
		long.Write(make([]byte, 5000))
		p.write(long.Bytes(), answers(p.ids[1:]...))
		_ = p.c.(*net.TCPConn).SetLinger(0)
		_ = p.c.Close()
	})
	var b book
	cfg := config(&b, s.url)
	cfg.Protocol, cfg.Connections, cfg.MaxBody = H2C, Shared, 4000
	cfg.BurstSize = func(int) int { return 18 }
	e := flight(t, cfg)
	for _, other := range e.loops[1:] { // all on one connection
		other.stop()
	}
	e.loops = e.loops[:1]
	l := e.loops[0]
	on(l, func() {
		l.read = func(fd int, into []byte) (int, error) {
			n, err := readSocket(fd, into)
			if n > 4000 {
				<-ended
			}
			return n, err
		}
	})
	launch(t, e, 0, nothing)
	checkRows(t, b.rows)
	if c := b.classes(); c[sample.OK] != 17 || c[sample.TooLarge] != 1 {
		t.Errorf("classes %v", c)
	}
}
