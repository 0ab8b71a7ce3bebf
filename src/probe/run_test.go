package probe

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/probe/schedule"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// config is a run of bursts of four against one target.
func config(b *book, at string) Config {
	return Config{
		Client:  Client{Timeout: patience},
		Targets: []Target{{Name: "f", URL: at}}, Bursts: 3, BurstSize: func(int) int { return 4 },
		MaxErrorRatio: 1, Sink: b.sink,
	}
}

func TestRunOrder(t *testing.T) {
	var mu sync.Mutex
	var asked []string
	s, _ := serveHTTP(t, false, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r.URL.RequestURI()+" "+r.Header.Get("X-Stellar-Token"))
		mu.Unlock()
		_, _ = fmt.Fprintf(w, `{"RequestID":"r","Instance":{"ID":"i","Cold":true,"Invocation":1},"SpinNs":5000}`)
	})
	var b book
	var told []Progress
	sinks := 0
	out, err := Run(t.Context(), Config{
		Client: Client{Timeout: patience},
		Targets: []Target{
			{Name: "a", URL: s.URL + "/a", Header: http.Header{"X-Stellar-Token": {"secret"}}},
			{URL: s.URL + "/b?own=1"},
		},
		Bursts: 5, BurstSize: func(round int) int { return 1 + round%2 },
		Query:   func(round int) url.Values { return url.Values{"IncrementLimit": {fmt.Sprint(round)}} },
		Desired: func(round int) time.Duration { return time.Duration(round) * time.Millisecond },
		Warmup:  1, Sink: func(rows []sample.Sample) error { sinks++; return b.sink(rows) },
		Progress: func(p Progress) { told = append(told, p) },
		Arrivals: schedule.Arrivals{Type: schedule.Deterministic, IAT: 20 * time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	wantAsked := []string{
		"/a?IncrementLimit=0 secret", "/b?own=1&IncrementLimit=0 ", "/a?IncrementLimit=1 secret",
		"/a?IncrementLimit=1 secret",
		"/b?own=1&IncrementLimit=1 ", "/b?own=1&IncrementLimit=1 ", "/a?IncrementLimit=2 secret",
	}
	if !slices.Equal(asked, wantAsked) {
		t.Errorf("asked %q, want %q", asked, wantAsked)
	}
	checkOrder(t, b.rows)
	// The round's IAT starts when its last response is in. The two instants hang on two readings of the wall clock,
	// which may be adjusted in between.
	if gap := b.rows[2].PlannedAt.Sub(b.rows[1].ReceivedAt); gap < 15*time.Millisecond ||
		b.rows[2].SentAt.Before(b.rows[2].PlannedAt) {
		t.Errorf("round 1 was planned %s after round 0 ended and sent %s later", gap, b.rows[2].Lateness)
	}
	if out.Bursts != 5 || out.Requests != 7 || out.Errors != 0 || sinks != 5 || len(told) != 5 {
		t.Errorf("outcome %+v, %d calls of the sink, %d of progress", out, sinks, len(told))
	}
	if p := told[0]; p.Burst != 1 || p.Bursts != 5 || p.Requests != 1 || p.Left < 40*time.Millisecond {
		t.Errorf("first progress %+v", p)
	}
}

// checkOrder looks at the rows of TestRunOrder: rounds, bursts and slots in turn, with what the function said.
func checkOrder(t *testing.T, rows []sample.Sample) {
	t.Helper()
	var got []string
	for _, r := range rows {
		got = append(got, fmt.Sprintf("%s r%d b%d %d/%d %v %s", r.Endpoint, r.Round, r.Burst, r.Slot, r.BurstSize,
			r.Warmup, r.Desired))
	}
	want := []string{
		"a r0 b0 0/1 true 0s", "/b r0 b1 0/1 true 0s", "a r1 b2 0/2 false 1ms", "a r1 b2 1/2 false 1ms",
		"/b r1 b3 0/2 false 1ms", "/b r1 b3 1/2 false 1ms", "a r2 b4 0/1 false 2ms",
	}
	if !slices.Equal(got, want) {
		t.Errorf("rows %q, want %q", got, want)
	}
	checkRows(t, rows)
	for _, r := range rows {
		if r.Cold != sample.Yes || r.InstanceID != "i" || r.Service != 5*time.Microsecond || !r.NewConn ||
			r.Connect < 0 {
			t.Errorf("row %+v", r)
		}
	}
}

// TestConnections: reuse opens one connection per slot for all bursts, new one per request.
func TestConnections(t *testing.T) {
	for _, c := range []struct {
		connections string
		secure      bool
		want        int64
	}{{Reuse, false, 4}, {Reuse, true, 4}, {New, false, 12}, {New, true, 12}} {
		t.Run(fmt.Sprintf("%s, TLS %v", c.connections, c.secure), func(t *testing.T) {
			s, conns := serveHTTP(t, c.secure,
				func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hi") })
			var b book
			cfg := config(&b, s.URL)
			cfg.Connections = c.connections
			if c.secure {
				cfg.TLS = s.Client().Transport.(*http.Transport).TLSClientConfig
			}
			if _, err := Run(t.Context(), cfg); err != nil {
				t.Fatal(err)
			}
			if conns.Load() != c.want {
				t.Errorf("the server saw %d connections, want %d", conns.Load(), c.want)
			}
			checkRows(t, b.rows)
			for _, r := range b.rows {
				fresh := c.connections == New
				if r.Err != sample.OK || r.NewConn != fresh || (r.Connect >= 0) != fresh ||
					(r.TLS >= 0) != (fresh && c.secure) {
					t.Errorf("row %+v", r)
				}
			}
		})
	}
}

// TestBarrier: all slots of a burst are under way at once, for no answer is given before all have asked.
func TestBarrier(t *testing.T) {
	const n = 64
	for _, connections := range []string{New, Reuse} {
		var in atomic.Int64
		all := make(chan struct{})
		s, _ := serveHTTP(t, false, func(w http.ResponseWriter, _ *http.Request) {
			if in.Add(1) == n {
				close(all)
			}
			select {
			case <-all:
			case <-time.After(patience):
				w.WriteHeader(http.StatusTeapot)
			}
		})
		var b book
		cfg := config(&b, s.URL)
		cfg.Bursts, cfg.Connections = 1, connections
		cfg.BurstSize = func(int) int { return n }
		if _, err := Run(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		if len(b.rows) != n || b.classes()[sample.OK] != n {
			t.Errorf("%s: %d rows, classes %v", connections, len(b.rows), b.classes())
		}
	}
}

// TestOpenIsNotSlowed: a server that answers nothing before the last burst has arrived would hold a closed schedule up
// for ever; an open one goes on, and the early requests' latencies contain the whole stall.
func TestOpenIsNotSlowed(t *testing.T) {
	const bursts, iat = 10, 40 * time.Millisecond
	for _, connections := range []string{New, Reuse} {
		t.Run(connections, func(t *testing.T) {
			var in atomic.Int64
			last := make(chan struct{})
			s, _ := serveHTTP(t, false, func(w http.ResponseWriter, _ *http.Request) {
				if in.Add(1) == bursts {
					close(last)
				}
				select {
				case <-last:
				case <-time.After(patience):
					w.WriteHeader(http.StatusTeapot)
				}
			})
			var b book
			cfg := config(&b, s.URL)
			cfg.Bursts, cfg.BurstSize, cfg.Schedule, cfg.Connections = bursts, nil, Open, connections
			cfg.Arrivals = schedule.Arrivals{Type: schedule.Deterministic, IAT: iat}
			if _, err := Run(t.Context(), cfg); err != nil {
				t.Fatal(err)
			}
			if len(b.rows) != bursts || b.classes()[sample.OK] != bursts {
				t.Fatalf("%d rows, classes %v", len(b.rows), b.classes())
			}
			checkRows(t, b.rows)
			slices.SortFunc(b.rows, func(x, y sample.Sample) int { return x.Burst - y.Burst })
			for k, r := range b.rows {
				// Planned beforehand, exactly an IAT apart (the wall clock may be adjusted in between).
				off := r.PlannedAt.Sub(b.rows[0].PlannedAt) - time.Duration(k)*iat
				if off.Abs() > 5*time.Millisecond {
					t.Errorf("burst %d was planned %s off", k, off)
				}
				if stall := time.Duration(bursts-1-k)*iat - r.Lateness; r.Latency < stall-5*time.Millisecond {
					t.Errorf("burst %d: latency %s leaves out part of the stall of %s", k, r.Latency, stall)
				}
			}
		})
	}
}

// TestOpenReuses: while responses come in time, bursts of an open schedule share the slots' connections.
func TestOpenReuses(t *testing.T) {
	s := serveRaw(t, hello)
	var b book
	cfg := config(&b, s.url)
	cfg.Bursts, cfg.Schedule, cfg.Connections = 6, Open, Reuse
	cfg.Arrivals = schedule.Arrivals{Type: schedule.Deterministic, IAT: 200 * time.Millisecond}
	out, err := Run(t.Context(), cfg)
	if err != nil || out.Errors != 0 || len(b.rows) != 24 {
		t.Fatalf("outcome %+v, error %v", out, err)
	}
	// One connection per slot; on a machine that stalls for 100 ms a burst may need its own, but not every one does.
	if n := s.conns.Load(); n < 4 || n > 12 {
		t.Errorf("%d connections for 6 bursts of 4", n)
	}
}

func TestErrorRatioStops(t *testing.T) {
	var n atomic.Int64
	s, _ := serveHTTP(t, false, func(w http.ResponseWriter, _ *http.Request) {
		if n.Add(1)%4 == 0 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	for _, kind := range []string{Closed, Open} {
		n.Store(0)
		var b book
		var notes []string
		cfg := config(&b, s.URL)
		cfg.Bursts, cfg.MaxErrorRatio, cfg.Schedule = 50, 0.1, kind
		cfg.Arrivals = schedule.Arrivals{Type: schedule.Deterministic, IAT: 30 * time.Millisecond}
		cfg.Note = func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
		out, err := Run(t.Context(), cfg)
		ratio, ok := errors.AsType[*ErrorRatio](err)
		if !ok || fail.Code(err) != fail.CodePartial || ratio.Requests != 12 || ratio.Errors != 3 {
			t.Fatalf("%s: error %v", kind, err)
		}
		if want := map[sample.Class]int{sample.HTTP5xx: 3}; !maps.Equal(ratio.Classes, want) {
			t.Errorf("%s: classes %v", kind, ratio.Classes)
		}
		// Not before ten requests are in, and with all that was sent kept. An open schedule may have one more under
		// way.
		if len(b.rows) != out.Requests || out.Requests < 12 || kind == Closed && out.Requests != 12 ||
			out.Requests > 40 {
			t.Errorf("%s: %d rows, outcome %+v", kind, len(b.rows), out)
		}
		if len(notes) != 1 || !strings.Contains(notes[0], "answered status 500") {
			t.Errorf("%s: notes %q", kind, notes)
		}
	}
}

func TestSinkErrorStops(t *testing.T) {
	s := serveRaw(t, hello)
	full := errors.New("disk full")
	for _, bursts := range []int{1, 3} {
		calls := 0
		cfg := config(&book{}, s.url)
		cfg.Bursts = bursts
		cfg.Sink = func([]sample.Sample) error { calls++; return full }
		out, err := Run(t.Context(), cfg)
		if !errors.Is(err, full) || calls != 1 || out.Bursts != 1 {
			t.Errorf("error %v, %d calls, outcome %+v", err, calls, out)
		}
	}
}

func TestCancelMidBurst(t *testing.T) {
	for _, connections := range []string{New, Reuse} {
		t.Run(connections, func(t *testing.T) {
			var in atomic.Int64
			s := serveRaw(t, func(c net.Conn, r *bufio.Reader) {
				if _, err := readRequest(r); err != nil {
					return
				}
				if in.Add(1) <= 2 {
					_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
				}
				_, _ = io.Copy(io.Discard, r)
			})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go func() {
				for in.Load() < 4 && ctx.Err() == nil {
					time.Sleep(time.Millisecond)
				}
				cancel()
			}()
			var b book
			cfg := config(&b, s.url)
			cfg.Connections = connections
			out, err := Run(ctx, cfg)
			if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "after 1 of 3 bursts") {
				t.Errorf("got error %v", err)
			}
			want := map[sample.Class]int{sample.OK: 2, sample.Timeout: 2}
			if !maps.Equal(b.classes(), want) || out.Cut != 2 || out.Requests != 4 {
				t.Errorf("classes %v, outcome %+v", b.classes(), out)
			}
			checkRows(t, b.rows)
		})
	}
}

func TestCancelBetweenBursts(t *testing.T) {
	s := serveRaw(t, hello)
	for _, kind := range []string{Closed, Open} {
		ctx, cancel := context.WithCancel(t.Context())
		var b book
		cfg := config(&b, s.url)
		cfg.Schedule, cfg.Connections = kind, Reuse
		cfg.Arrivals = schedule.Arrivals{Type: schedule.Deterministic, IAT: time.Hour}
		cfg.Progress = func(Progress) { cancel() }
		_, err := Run(ctx, cfg)
		if !errors.Is(err, context.Canceled) || len(b.rows) != 4 || b.classes()[sample.OK] != 4 {
			t.Errorf("%s: error %v, %d rows", kind, err, len(b.rows))
		}
		cancel()
	}
	// A cancellation that comes when everything has been measured changes nothing.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var b book
	cfg := config(&b, s.url)
	cfg.Progress = func(p Progress) {
		if p.Burst == p.Bursts {
			cancel()
		}
	}
	if _, err := Run(ctx, cfg); err != nil || len(b.rows) != 12 {
		t.Errorf("error %v, %d rows", err, len(b.rows))
	}
}

func TestRedirectIsAnAnswer(t *testing.T) {
	s, conns := serveHTTP(t, false, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	var b book
	var notes []string
	cfg := config(&b, s.URL)
	cfg.Note = func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	out, err := Run(t.Context(), cfg)
	if err != nil || out.Errors != 0 || conns.Load() != 12 {
		t.Errorf("outcome %+v, error %v, %d connections", out, err, conns.Load())
	}
	if b.rows[0].Status != 307 || b.rows[0].Latency < 0 || len(notes) != 1 ||
		!strings.Contains(notes[0], "not followed") {
		t.Errorf("row %+v, notes %q", b.rows[0], notes)
	}
}
