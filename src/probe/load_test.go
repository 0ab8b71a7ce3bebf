package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/probe/schedule"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// sustained is a load at a constant rate; the targets take turns.
func sustained(cfg *Config, rate float64, length time.Duration) {
	table := schedule.Timetable{Kind: schedule.Constant, Rate: rate, Duration: length}
	cfg.Load = &Load{Length: length, Instants: func() func() (time.Duration, int, bool) {
		next := table.Instants()
		return func() (time.Duration, int, bool) {
			at, ok := next()
			return at, -1, ok
		}
	}}
}

func TestLoad(t *testing.T) {
	for _, c := range []struct{ protocol, connections string }{
		{HTTP1, Reuse}, {HTTP1, New}, {H2C, Shared}, {H2C, Reuse}, {H2C, New},
	} {
		t.Run(c.protocol+", "+c.connections, func(t *testing.T) {
			t.Parallel()
			var asked [2]atomic.Int64
			handle := func(w http.ResponseWriter, r *http.Request) {
				asked[len(r.URL.Query().Get("IncrementLimit"))%2].Add(1)
				_, _ = io.WriteString(w, `{"RequestID":"r"}`)
			}
			var at string
			if c.protocol == HTTP1 {
				s, _ := serveHTTP(t, false, handle)
				at = s.URL
			} else {
				at, _, _ = serveH2(t, false, 250, handle)
			}
			var b book
			cfg := config(&b, at+"/a")
			cfg.Targets = append(cfg.Targets, Target{Name: "g", URL: at + "/b"})
			cfg.Protocol, cfg.Connections = c.protocol, c.connections
			sustained(&cfg, 200, 1500*time.Millisecond)
			cfg.Load.Cycle = 2
			cfg.Query = func(round int) url.Values {
				return url.Values{"IncrementLimit": {strings.Repeat("1",
					round+1)}}
			}
			progress := 0
			cfg.Progress = func(Progress) { progress++ }
			out, err := Run(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			if out.Requests+int(out.Unsent) != 300 || out.Errors != 0 || progress < 1 {
				t.Fatalf("outcome %+v, progress %d", out, progress)
			}
			checkRows(t, b.rows)
			checkLoadRows(t, b.rows, c.connections == New)
			if a, b := asked[0].Load(), asked[1].Load(); a+b != int64(out.Requests) || out.Unsent == 0 && a != b {
				t.Errorf("the two rounds were asked %d and %d times", a, b)
			}
		})
	}
}

// checkLoadRows: request k has its place in its second, its endpoint and its instant, exactly.
func checkLoadRows(t *testing.T, rows []sample.Sample, fresh bool) {
	t.Helper()
	seen := map[string]bool{}
	first := rows[0].PlannedAt
	for _, r := range rows {
		if r.PlannedAt.Before(first) {
			first = r.PlannedAt
		}
	}
	for _, r := range rows {
		place := fmt.Sprint(r.Burst, "/", r.Slot)
		k := r.Burst*200 + r.Slot
		off := r.PlannedAt.Sub(first) - time.Duration(k)*5*time.Millisecond
		if seen[place] || r.Endpoint != []string{"f", "g"}[k%2] || r.Round != k/2 || r.BurstSize != 0 ||
			off.Abs() > 5*time.Millisecond ||
			r.Err != sample.OK || !r.ReleasedAt.IsZero() || r.NewConn != fresh {
			t.Fatalf("%s off, row %+v", off, r)
		}
		seen[place] = true
	}
}

// TestLoadIsNotSlowed: a server that stalls does not slow the arrivals, and requests that find no connection are late;
// when the time is over the rest is counted, and not sent.
func TestLoadWaitsForConnections(t *testing.T) {
	t.Parallel()
	var in atomic.Int64
	s, conns := serveHTTP(t, false, func(http.ResponseWriter, *http.Request) {
		in.Add(1)
		time.Sleep(100 * time.Millisecond)
	})
	for _, connections := range []string{Reuse, New} {
		undelayed(t, 100*time.Millisecond, func() (wrong string) {
			in.Store(0)
			conns.Store(0)
			var b book
			cfg := config(&b, s.URL)
			cfg.Connections = connections
			sustained(&cfg, 100, time.Second)
			cfg.Load.MaxConnections = 2
			out, err := Run(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			if int(in.Load()) != out.Requests || out.Requests+int(out.Unsent) != 100 {
				t.Errorf("%s: outcome %+v, the server saw %d requests", connections, out, in.Load())
			}
			// Two connections carry twenty requests in a second, at best.
			if out.Requests > 25 || out.Requests < 2 || out.Late < out.Requests/2 {
				wrong = fmt.Sprintf("%s: outcome %+v", connections, out)
			}
			if connections == Reuse && conns.Load() > 2 {
				t.Errorf("%d connections", conns.Load())
			}
			for _, r := range b.rows {
				if r.Latency < 100*time.Millisecond || r.Slot > 40 && r.Lateness < 10*time.Millisecond {
					t.Errorf("row %+v", r)
				}
			}
			return wrong
		})
	}
}

// TestLoadOfNobody: a server that is not there makes failed rows, and too many of them end the load.
func TestLoadOfNobody(t *testing.T) {
	t.Parallel()
	for _, connections := range []string{Reuse, New} {
		var b book
		cfg := config(&b, "http://127.0.0.1:1")
		cfg.Connections, cfg.MaxErrorRatio = connections, 0.5
		sustained(&cfg, 100, 30*time.Second)
		out, err := Run(t.Context(), cfg)
		if _, ok := errors.AsType[*ErrorRatio](err); !ok || fail.Code(err) != fail.CodePartial {
			t.Errorf("%s: outcome %+v, error %v", connections, out, err)
		}
		if len(b.rows) < 10 || len(b.rows) != b.classes()[sample.Connect] || len(b.rows) != out.Requests {
			t.Errorf("%s: %d rows, classes %v", connections, len(b.rows), b.classes())
		}
		checkRows(t, b.rows)
	}
}

// TestLoadCancelled: what is in flight gets its grace, then is cut off; both are rows. Of the 12 000 requests of the
// minute, those whose instant came before the load was stopped are rows or unsent, and no others: at least those up to
// the cancellation, at most those up to the probe's end.
func TestLoadCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var n, cancelled atomic.Int64
	s, _ := serveHTTP(t, false, func(_ http.ResponseWriter, r *http.Request) {
		if n.Add(1) == 20 {
			cancelled.Store(time.Now().UnixNano())
			cancel()
		}
		if n.Load() > 10 {
			<-r.Context().Done()
		}
	})
	var b book
	cfg := config(&b, s.URL)
	cfg.Connections = Reuse
	const rate = 200
	sustained(&cfg, rate, time.Minute)
	cfg.Grace = 50 * time.Millisecond
	out, err := Run(ctx, cfg)
	ended := time.Now()
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "probe stopped early") {
		t.Errorf("error %v", err)
	}
	if out.Requests != len(b.rows) || out.Cut < 5 || b.classes()[sample.Timeout] != out.Cut {
		t.Errorf("outcome %+v, classes %v", out, b.classes())
	}
	first := slices.MinFunc(b.rows, func(x, y sample.Sample) int { return x.PlannedAt.Compare(y.PlannedAt) }).PlannedAt
	due := func(t time.Time) int { return int(t.Sub(first).Seconds() * rate) }
	least, most := due(time.Unix(0, cancelled.Load())), due(ended)+1
	if n := out.Requests + int(out.Unsent); n < least || n > most {
		t.Errorf("%d rows and %d unsent; want %d to %d in all", out.Requests, out.Unsent, least, most)
	}
	checkRows(t, b.rows)
}

func TestLoadRefused(t *testing.T) {
	for _, l := range []Load{{}, {Instants: func() func() (time.Duration, int, bool) { return nil }},
		{Length: time.Second}} {
		var b book
		cfg := config(&b, "http://127.0.0.1:1")
		cfg.Load = &l
		if _, err := Run(t.Context(), cfg); fail.Code(err) != fail.CodeInput {
			t.Errorf("%+v: error %v", l, err)
		}
	}
}

// TestLoadWarmsUp: more connections than are opened at a time are opened before the load begins; over HTTP/2 one slot's
// connection standing is no reason to ask for the next without end.
func TestLoadWarmsUp(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		protocol, connections string
		want                  int64
	}{{HTTP1, Reuse, 150}, {H2C, Reuse, 1}, {H2C, Shared, 1}} {
		at, _, conns := serveH2(t, false, 250, func(http.ResponseWriter, *http.Request) {})
		if c.protocol == HTTP1 {
			var s *httptest.Server
			s, conns = serveHTTP(t, false, func(http.ResponseWriter, *http.Request) {})
			at = s.URL
		}
		var b book
		cfg := config(&b, at)
		cfg.Protocol, cfg.Connections = c.protocol, c.connections
		sustained(&cfg, 5, 400*time.Millisecond)
		cfg.Load.Warm = 150
		out, err := Run(t.Context(), cfg)
		if err != nil || out.Requests+int(out.Unsent) != 2 || out.Errors > 0 {
			t.Errorf("%s, %s: outcome %+v, error %v", c.protocol, c.connections, out, err)
		}
		if n := conns.Load(); n < c.want {
			t.Errorf("%s, %s: %d connections, want %d at least", c.protocol, c.connections, n, c.want)
		}
	}
}

// TestRoom: there is memory for the rows of the fullest window, also where it comes late, and not without limit.
func TestRoom(t *testing.T) {
	every := func(gaps ...time.Duration) *Load {
		return &Load{Instants: func() func() (time.Duration, int, bool) {
			at, k := time.Duration(0), -1
			return func() (time.Duration, int, bool) {
				if k++; k >= len(gaps) {
					return 0, 0, false
				}
				at += gaps[k]
				return at, -1, true
			}
		}}
	}
	late := append(slices.Repeat([]time.Duration{100 * time.Millisecond}, 30),
		slices.Repeat([]time.Duration{time.Millisecond}, 250)...)
	endless := &Load{Instants: func() func() (time.Duration, int, bool) {
		at := time.Duration(0)
		return func() (time.Duration, int, bool) { at += time.Nanosecond; return at, -1, true }
	}}
	for _, c := range []struct {
		name        string
		load        *Load
		least, most int
	}{
		{"nothing", every(), 0, 0}, {"one", every(time.Second), 1, 1},
		{"three in ten seconds", every(0, 5*time.Second, 5*time.Second), 1, 1},
		{"a rise", every(late...), 200, 350}, {"more than is kept", endless, slotsMost, slotsMost + 256},
	} {
		rows := c.load.room()
		if len(rows) != 0 || cap(rows) < c.least || cap(rows) > c.most {
			t.Errorf("%s: %d rows, room for %d, want %d to %d", c.name, len(rows), cap(rows), c.least, c.most)
		}
	}
}
