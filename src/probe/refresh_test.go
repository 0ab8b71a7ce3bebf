package probe

import (
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/probe/schedule"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// TestFirstBurstOfOpenSchedule: a server that closes idle connections shortly before the first burst of an open
// schedule leaves finds none of the burst's among them, because they have been opened again. Its idle timeout is known
// all the same. Where a busy machine opens connections so slowly that there is no time to open them again, the server
// does not close them before the burst leaves, and need not have shown its idle timeout.
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
			var b book
			at, conns := serveIdle(t, c.protocol, c.secure, idle)
			cfg := config(&b, at)
			cfg.TLS, cfg.Protocol, cfg.Connections, cfg.Schedule = insecureTLS(), c.protocol, c.connections, Open
			cfg.Arrivals, cfg.Bursts = schedule.Arrivals{Type: schedule.Deterministic, IAT: iat}, 2
			out, err := Run(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			checkRows(t, b.rows)
			for _, r := range b.rows {
				if r.Err != sample.OK || r.NewConn || r.Connect >= 0 {
					t.Errorf("row %+v", r)
				}
			}
			first := int64(4)
			if c.connections == Shared {
				first = 1
			}
			known := out.IdleClose >= idle/2 && out.IdleClose <= lead+iat
			tooSlow := conns.Load() == first && out.IdleClose == 0
			if out.NewConns != 0 || out.Reopened != 0 || !known && !tooSlow {
				t.Errorf("%d connections, outcome %+v", conns.Load(), out)
			}
		})
	}
}
