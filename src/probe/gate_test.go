package probe

import (
	"crypto/tls"
	"net/http"
	"runtime"
	"sync/atomic"
	"testing"
)

// TestHandshakesTakeTurns: no more handshakes compute at a time than the client has processors.
func TestHandshakesTakeTurns(t *testing.T) {
	s, _ := serveHTTP(t, true, func(http.ResponseWriter, *http.Request) {})
	var b book
	cfg := config(&b, s.URL)
	cfg.Connections, cfg.Bursts, cfg.Processors = New, 1, 1
	cfg.BurstSize = func(int) int { return 20 }
	var at, most atomic.Int64
	cfg.TLS = insecureTLS()
	cfg.TLS.VerifyConnection = func(tls.ConnectionState) error {
		if n := at.Add(1); n > most.Load() {
			most.Store(n)
		}
		for range 100 {
			runtime.Gosched() // the others could go on
		}
		at.Add(-1)
		return nil
	}
	out, err := Run(t.Context(), cfg)
	if err != nil || out.Requests != 20 || out.Errors != 0 || most.Load() != 1 {
		t.Errorf("%d handshakes at a time; %d of %d requests failed: %v", most.Load(), out.Errors, out.Requests, err)
	}
}
