package probe

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/probe/schedule"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// TestPhasesWithinTheLatency: a connection that was still being opened when its burst left tells only of the part of
// its opening that fell within the latency, so that the parts never exceed the whole.
func TestPhasesWithinTheLatency(t *testing.T) {
	const lookup = lead + 400*time.Millisecond
	for _, protocol := range []string{HTTP1, H2C} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			s, _ := serveHTTP(t, false, func(http.ResponseWriter, *http.Request) {})
			at := s.URL
			if protocol == H2C {
				at, _, _ = serveH2(t, false, 250, func(http.ResponseWriter, *http.Request) {})
			}
			u, err := url.Parse(at)
			if err != nil {
				t.Fatal(err)
			}
			undelayed(t, lookup/8, func() (wrong string) {
				var b book
				cfg := config(&b, "http://"+net.JoinHostPort("slow.invalid", u.Port()))
				cfg.Protocol, cfg.Connections, cfg.Schedule = protocol, Reuse, Open
				cfg.Bursts, cfg.Arrivals = 1, schedule.Arrivals{Type: schedule.Deterministic, IAT: 10 * time.Second}
				cfg.Lookup = func(context.Context, string) ([]netip.Addr, error) {
					time.Sleep(lookup)
					return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}, nil
				}
				if _, err := Run(t.Context(), cfg); err != nil {
					t.Fatal(err)
				}
				checkRows(t, b.rows)
				for _, r := range b.rows {
					if r.Err != sample.OK || !r.NewConn || r.DNS < 0 || r.Connect < 0 {
						wrong += fmt.Sprintf("\nrow %+v", r)
					}
					if sum := r.DNS + r.Connect; sum > r.WriteBegan {
						t.Errorf("DNS %s and Connect %s exceed the %s until the first byte", r.DNS, r.Connect,
							r.WriteBegan)
					}
				}
				return wrong
			})
		})
	}
}
