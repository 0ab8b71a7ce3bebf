package probe

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/probe/schedule"
)

// sound is the report of goroutines that must not panic.
func sound(t testing.TB) func(error) {
	return func(err error) { t.Errorf("a goroutine panicked: %v", err) }
}

// A panic on a loop's thread, or on one of its goroutines, ends the run with a defect, at once: neither the grace nor
// the time limit of what was in flight is waited for. Rows of what had ended before are kept; what was in flight has
// none.
func TestPanicInTheProbe(t *testing.T) {
	for name, c := range map[string]struct {
		set func(*Config)
		do  func(e *engine)
	}{
		"closed": {func(*Config) {}, panicOnLoop},
		"open": {func(cfg *Config) {
			cfg.Schedule, cfg.Bursts, cfg.Arrivals = Open, 3,
				schedule.Arrivals{IAT: time.Hour}
		}, panicOnLoop},
		"sustained": {func(cfg *Config) { cfg.Load = &Load{Instants: every(time.Millisecond), Length: time.Hour} },
			panicOnLoop},
		"name lookup": {func(cfg *Config) {
			cfg.Targets[0].URL = "http://somewhere.example/"
			cfg.Lookup = func(context.Context, string) ([]netip.Addr, error) { panic("bad loop") }
		}, func(*engine) {}},
		"canary": {func(cfg *Config) { cfg.Watch = true },
			func(e *engine) { go fail.Caught(e.defect, func() { panic("bad loop") })() }},
	} {
		t.Run(name, func(t *testing.T) {
			asked := make(chan struct{}, 1<<16)
			s := serveRaw(t, func(_ net.Conn, r *bufio.Reader) {
				_, _ = readRequest(r)
				asked <- struct{}{}
				_, _ = io.Copy(io.Discard, r)
			})
			var b book
			cfg := config(&b, s.url)
			cfg.Grace = time.Hour
			c.set(&cfg)
			e, err := newEngine(cfg)
			if err != nil {
				t.Fatal(err)
			}
			if name != "name lookup" {
				fail.Go(sound(t), func() { <-asked; c.do(e) })
			}
			_, err = e.run(t.Context())
			if d := fail.DefectIn(err); d == nil || d.Panic != "bad loop" || fail.Code(err) != fail.CodeFailed {
				t.Errorf("error %v", err)
			}
		})
	}
}

// every is a timetable without an end.
func every(gap time.Duration) func() func() (time.Duration, int, bool) {
	return func() func() (time.Duration, int, bool) {
		at := -gap
		return func() (time.Duration, int, bool) { at += gap; return at, -1, true }
	}
}

func panicOnLoop(e *engine) { e.loops[0].do(func() { panic("bad loop") }) }

// A panic in the sink, which runs on a goroutine of its own in an open schedule, likewise.
func TestPanicInTheSink(t *testing.T) {
	s, _ := serveHTTP(t, false, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) })
	var b book
	cfg := config(&b, s.URL)
	cfg.Schedule, cfg.Bursts, cfg.Arrivals = Open, 2, schedule.Arrivals{IAT: time.Millisecond}
	e, err := newEngine(cfg)
	if err != nil {
		t.Fatal(err)
	}
	e.cfg.Progress = func(Progress) { panic("bad progress") }
	if _, err := e.run(t.Context()); fail.DefectIn(err) == nil {
		t.Errorf("error %v", err)
	}
}
