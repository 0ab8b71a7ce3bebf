package study

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"stellar/src/fail"
	"stellar/src/probe"
	"stellar/src/probe/schedule"
	"stellar/src/provider"
	"stellar/src/sample"
)

// function is a server that answers as the measurement function does and remembers what it was asked.
type function struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string
}

func serve(t *testing.T, status int) *function {
	t.Helper()
	f := &function{}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		n := len(f.asked)
		f.asked = append(f.asked, r.URL.RequestURI()+" "+r.Header.Get("X-Stellar-Token")+" "+r.UserAgent())
		f.mu.Unlock()
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `{"RequestID":"r%d","Instance":{"ID":"i","Cold":%v,"Invocation":%d,"InitNs":5000000},"SpinNs":1000000}`,
			n, n == 0, n+1)
	}))
	t.Cleanup(f.Close)
	return f
}

func settings(t *testing.T, at string) Settings {
	return Settings{
		Index: 3, Title: "warm", Dir: filepath.Join(t.TempDir(), "3-warm"), Seed: 1, Token: "secret", UserAgent: "stellar/test",
		Endpoints: []provider.Endpoint{{Function: "f3-0", URL: at + "/s/f3-0"}, {Function: "f3-1", URL: at + "/s/f3-1"}},
		Bursts:    5, BurstSizes: []int{1, 2}, ServiceTimes: []time.Duration{0, 100 * time.Millisecond, time.Second},
		Increments: []int64{0, 1000, 2000}, PayloadBytes: 64, IATType: schedule.Deterministic, Connections: probe.Reuse,
		Warmup: 1, Timeout: 30 * time.Second, MaxErrorRatio: 0.1,
	}
}

// journal is a logger that keeps its lines.
type journal struct{ lines []string }

func (j *journal) Warnf(format string, args ...any) {
	j.lines = append(j.lines, fmt.Sprintf(format, args...))
}

func TestBurst(t *testing.T) {
	f := serve(t, http.StatusOK)
	s := settings(t, f.URL)
	durable := 0
	s.Progress = func(p probe.Progress) {
		rows, torn, err := sample.ReadFile(filepath.Join(s.Dir, LatenciesFile))
		if err != nil || torn != 0 || len(rows) != p.Requests {
			t.Errorf("after burst %d the file has %d rows, error %v", p.Burst, len(rows), err)
		}
		durable++
	}
	study, err := For(TypeBurst)
	if err != nil {
		t.Fatal(err)
	}
	result, err := study.Run(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if result.Rows != 7 || result.Outcome.Requests != 7 || result.Outcome.Errors != 0 || durable != 5 {
		t.Errorf("result %+v, progress %d times", result, durable)
	}
	wantAsked := []string{
		"/s/f3-0?PayloadLengthBytes=64 secret stellar/test", "/s/f3-1?PayloadLengthBytes=64 secret stellar/test",
		"/s/f3-0?IncrementLimit=1000&PayloadLengthBytes=64 secret stellar/test",
		"/s/f3-0?IncrementLimit=1000&PayloadLengthBytes=64 secret stellar/test",
		"/s/f3-1?IncrementLimit=1000&PayloadLengthBytes=64 secret stellar/test",
		"/s/f3-1?IncrementLimit=1000&PayloadLengthBytes=64 secret stellar/test",
		"/s/f3-0?IncrementLimit=2000&PayloadLengthBytes=64 secret stellar/test",
	}
	if !slices.Equal(f.asked, wantAsked) {
		t.Errorf("asked %q", f.asked)
	}
	rows, _, err := sample.ReadFile(result.File)
	if err != nil || len(rows) != 7 {
		t.Fatalf("%d rows, error %v", len(rows), err)
	}
	var got []string
	for _, r := range rows {
		got = append(got, fmt.Sprintf("%s b%d %d/%d %v %s", r.Endpoint, r.Burst, r.Slot, r.BurstSize, r.Warmup, r.Desired))
		if r.NewConn || r.Init != 5*time.Millisecond || r.Service != time.Millisecond || r.Cold == sample.Unknown {
			t.Errorf("row %+v", r)
		}
	}
	want := []string{
		"f3-0 b0 0/1 true 0s", "f3-1 b1 0/1 true 0s", "f3-0 b2 0/2 false 100ms", "f3-0 b2 1/2 false 100ms",
		"f3-1 b3 0/2 false 100ms", "f3-1 b3 1/2 false 100ms", "f3-0 b4 0/1 false 1s",
	}
	if !slices.Equal(got, want) {
		t.Errorf("rows %q", got)
	}
	// Results are never overwritten.
	if _, err := study.Run(t.Context(), s); fail.Code(err) != fail.CodeInput || !strings.Contains(err.Error(), "exists already") {
		t.Errorf("a second run: error %v", err)
	}
}

func TestBurstKeepsRowsOfFailures(t *testing.T) {
	f := serve(t, http.StatusInternalServerError)
	s := settings(t, f.URL)
	s.Bursts, s.BurstSizes = 40, nil
	log := &journal{}
	s.Log = log
	result, err := Burst{}.Run(t.Context(), s)
	if _, ok := errors.AsType[*probe.ErrorRatio](err); !ok || fail.Code(err) != fail.CodePartial {
		t.Errorf("error %v", err)
	}
	if err == nil || !strings.Contains(err.Error(), "sub-experiment 3 (warm): ") {
		t.Errorf("error %v does not name the sub-experiment", err)
	}
	rows, torn, err := sample.ReadFile(result.File)
	if err != nil || torn != 0 || len(rows) != 10 || result.Rows != 10 || rows[0].Err != sample.HTTP5xx || rows[0].Latency != sample.None {
		t.Errorf("%d rows on disk, result %+v, error %v", len(rows), result, err)
	}
	if len(log.lines) != 2 { // one for each endpoint
		t.Errorf("log %q", log.lines)
	}
}

func TestBurstCancelled(t *testing.T) {
	f := serve(t, http.StatusOK)
	s := settings(t, f.URL)
	s.IAT = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s.Progress = func(p probe.Progress) {
		if p.Burst == 2 {
			cancel()
		}
	}
	result, err := Burst{}.Run(ctx, s)
	if !errors.Is(err, context.Canceled) || result.Rows != 2 {
		t.Errorf("result %+v, error %v", result, err)
	}
	if rows, torn, err := sample.ReadFile(result.File); err != nil || torn != 0 || len(rows) != 2 {
		t.Errorf("%d rows on disk, error %v", len(rows), err)
	}
}

func TestBurstRefused(t *testing.T) {
	for _, c := range []struct {
		want   string
		change func(*Settings)
	}{
		{"Protocol", func(s *Settings) { s.Protocol = "h3" }},
		{"https", func(s *Settings) { s.Protocol = "h2" }},
		{"no endpoint", func(s *Settings) { s.Endpoints = nil }},
		{"no folder", func(s *Settings) { s.Dir = "" }},
		{"scheme", func(s *Settings) { s.Endpoints[0].URL = "localhost" }},
	} {
		s := settings(t, "http://127.0.0.1:1")
		c.change(&s)
		result, err := Burst{}.Run(t.Context(), s)
		if err == nil || !strings.Contains(err.Error(), c.want) || fail.Code(err) != fail.CodeInput || result.Rows != 0 {
			t.Errorf("want %q: result %+v, error %v", c.want, result, err)
		}
	}
	s := settings(t, "http://127.0.0.1:1")
	s.Dir = "/dev/null/x"
	if _, err := (Burst{}).Run(t.Context(), s); err == nil || !strings.Contains(err.Error(), "make its folder") {
		t.Errorf("error %v", err)
	}
}

func TestSupported(t *testing.T) {
	for name, want := range map[string]bool{
		TypeBurst: true, "": true, TypeDataTransfer: true, TypePingPong: false, TypeOverhead: false, TypeEviction: false,
		TypePerfCost: false, "nonsense": false,
	} {
		_, err := For(name)
		if Supported(name) != want || (err == nil) != want || !want && !errors.Is(err, fail.ErrUnsupported) {
			t.Errorf("%q: supported %v, error %v", name, Supported(name), err)
		}
	}
}
