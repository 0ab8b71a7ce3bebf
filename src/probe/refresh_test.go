package probe

import (
	"fmt"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/probe/schedule"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// TestFirstBurstOfOpenSchedule: a server that closes idle connections shortly before the first burst of an open
// schedule leaves finds none of the burst's among them, because they have been opened again. Its idle timeout is known
// all the same. On a machine that is too busy for it, a run shows nothing, and another one is made.
func TestFirstBurstOfOpenSchedule(t *testing.T) {
	const idle, iat = lead * 9 / 10, 400 * time.Millisecond
	for name, c := range map[string]struct {
		protocol, connections string
		secure                bool
	}{
		"http1":       {HTTP1, Reuse, false},
		"TLS":         {HTTP1, Reuse, true},
		"h2c, shared": {H2C, Shared, false},
		"h2, reuse":   {H2, Reuse, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first := int64(4)
			if c.connections == Shared {
				first = 1
			}
			at, conns := serveIdle(t, c.protocol, c.secure, idle)
			inTime(t, func() (wrong string, late bool) {
				conns.Store(0)
				var b book
				cfg := config(&b, at)
				cfg.TLS, cfg.Protocol, cfg.Connections, cfg.Schedule = insecureTLS(), c.protocol, c.connections, Open
				cfg.Arrivals, cfg.Bursts = schedule.Arrivals{Type: schedule.Deterministic, IAT: iat}, 2
				out, wrong := runKept(t, cfg, &b, idle/2, lead+iat)
				if out.Reopened != 0 || conns.Load() <= first {
					wrong += fmt.Sprintf("\n%d connections, outcome %+v", conns.Load(), out)
				}
				return wrong, out.Late > 0 || conns.Load() <= first+int64(out.Reopened)
			})
		})
	}
}

// inTime repeats a run in which something is wrong and that was late, because the machine was too busy for it.
func inTime(t *testing.T, once func() (wrong string, late bool)) {
	t.Helper()
	const within, least = 2 * time.Minute, 5
	deadline, runs := time.Now().Add(within), 0
	for ; runs < least || time.Now().Before(deadline); runs++ {
		wrong, late := once()
		switch {
		case wrong == "":
			return
		case !late:
			t.Fatal(wrong)
		}
		t.Logf("too late: %s", wrong)
	}
	t.Fatalf("none of %d runs was in time", runs)
}

// undelayed is inTime for a run whose own instants do not tell a busy machine from a slow client: it was late if a
// thread that only sleeps was held up for longer than most.
func undelayed(t *testing.T, most time.Duration, once func() (wrong string)) {
	t.Helper()
	inTime(t, func() (wrong string, late bool) {
		stop, worst := make(chan struct{}), make(chan time.Duration, 1)
		go func() {
			const nap = time.Millisecond
			held, last, over := time.Duration(0), time.Now(), false
			for !over {
				select {
				case <-stop:
					over = true
				case <-time.After(nap):
				}
				now := time.Now()
				held, last = max(held, now.Sub(last)-nap), now
			}
			worst <- held
		}()
		wrong = once()
		close(stop)
		return wrong, <-worst > most
	})
}

// runKept sends bursts over connections that were opened before, to a server with an idle timeout. It says what is
// wrong: requests that failed or opened a connection in their latency, and an idle timeout outside its limits.
func runKept(t *testing.T, cfg Config, b *book, least, most time.Duration) (out Outcome, wrong string) {
	t.Helper()
	out, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	checkRows(t, b.rows)
	for _, r := range b.rows {
		if r.Err != sample.OK || r.NewConn || r.Connect >= 0 {
			wrong += fmt.Sprintf("\nrow %+v", r)
		}
	}
	if out.NewConns != 0 || out.IdleClose < least || out.IdleClose > most {
		wrong += fmt.Sprintf("\noutcome %+v", out)
	}
	return out, wrong
}
