//go:build linux

package main

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestRun: every burst is one request on each connection, all kept.
func TestRun(t *testing.T) {
	var asked, conns atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		_, _ = io.WriteString(w, `{"path":"`+r.URL.Path+`"}`)
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			conns.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	if err := run(s.URL+"/f", 5, 3, time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if asked.Load() != 15 || conns.Load() != 5 {
		t.Errorf("%d requests on %d connections, want 15 on 5", asked.Load(), conns.Load())
	}
	if err := run("http://localhost:1/f", 1, 1, 0); err == nil || !strings.Contains(err.Error(), "IPv4") {
		t.Errorf("a host name: %v", err)
	}
}
