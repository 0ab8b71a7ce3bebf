package probe

import (
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/probe/schedule"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// TestFirstBurstOfOpenSchedule: a server that closes idle connections shortly before the first burst of an open
// schedule leaves finds none of the burst's among them, because they have been opened again. Its idle timeout is known
// all the same. Where a busy machine opens connections so slowly that there is no time to open them again, a run shows
// nothing, and another one is made.
func TestFirstBurstOfOpenSchedule(t *testing.T) {
	const idle, iat, runs = lead * 9 / 10, 400 * time.Millisecond, 10
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
			for range runs {
				var b book
				cfg := config(&b, at)
				cfg.TLS, cfg.Protocol, cfg.Connections, cfg.Schedule = insecureTLS(), c.protocol, c.connections, Open
				cfg.Arrivals, cfg.Bursts = schedule.Arrivals{Type: schedule.Deterministic, IAT: iat}, 2
				conns.Store(0)
				out, err := Run(t.Context(), cfg)
				if err != nil {
					t.Fatal(err)
				}
				checkRows(t, b.rows)
				if conns.Load() <= first+int64(out.Reopened) {
					t.Logf("none was opened in good time: %d connections, outcome %+v", conns.Load(), out)
					continue
				}
				checkNoneOpened(t, b.rows)
				if known := out.IdleClose >= idle/2 && out.IdleClose <= lead+iat; !known ||
					out.NewConns != 0 || out.Reopened != 0 {
					t.Errorf("%d connections, outcome %+v", conns.Load(), out)
				}
				return
			}
			t.Errorf("in none of %d runs were the connections opened again in good time", runs)
		})
	}
}

// checkNoneOpened checks that no request failed or opened a connection in its latency.
func checkNoneOpened(t *testing.T, rows []sample.Sample) {
	t.Helper()
	for _, r := range rows {
		if r.Err != sample.OK || r.NewConn || r.Connect >= 0 {
			t.Errorf("row %+v", r)
		}
	}
}
