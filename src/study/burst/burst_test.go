package burst

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

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/probe"
	"github.com/vhive-serverless/STeLLAR/src/probe/schedule"
	"github.com/vhive-serverless/STeLLAR/src/sample"
	"github.com/vhive-serverless/STeLLAR/src/study"
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
		_, _ = fmt.Fprintf(w,
			`{"RequestID":"r%d","Instance":{"ID":"i","Cold":%v,"Invocation":%d,"InitNs":5000000},"SpinNs":1000000}`,
			n, n == 0, n+1)
	}))
	t.Cleanup(f.Close)
	return f
}

func environment(t *testing.T, at string) study.Env {
	var env study.Env
	env.Index, env.Seed, env.UserAgent, env.Increments = 3, 1, "stellar/test", []int64{0, 1000, 2000}
	env.Dir = filepath.Join(t.TempDir(), "3-warm")
	env.Endpoints = []study.Endpoint{
		{Function: "f3-0", URL: at + "/s/f3-0", Token: "secret"}, {Function: "f3-1", URL: at + "/s/f3-1",
			Token: "secret"},
	}
	env.Sub = experiment.SubExperiment{
		Title: "warm", Bursts: 5, BurstSizes: []int{1, 2}, DesiredServiceTimes: []string{"0ms", "100ms", "1s"},
		PayloadLengthBytes: 64, IATType: schedule.Deterministic, Connections: probe.Reuse, WarmupBursts: 1,
		TimeoutSeconds: 30,
		MaxErrorRatio:  0.1,
	}
	return env
}

// measure runs the study and gives what it said to have measured.
func measure(ctx context.Context, env study.Env) (result study.Result, err error) {
	told := 0
	env.Measured = func(r study.Result) { result, told = r, told+1 }
	err = Study{}.Run(ctx, env)
	if told > 1 {
		err = errors.Join(err, fmt.Errorf("told %d times", told))
	}
	return result, err
}

func latencies(env study.Env) string { return filepath.Join(env.Dir, study.LatenciesFile) }

// journal is a logger that keeps its lines.
type journal struct{ lines, details []string }

func (j *journal) Warnf(format string, args ...any) {
	j.lines = append(j.lines, fmt.Sprintf(format, args...))
}

func (j *journal) Debugf(format string, args ...any) {
	j.details = append(j.details, fmt.Sprintf(format, args...))
}

func TestBurst(t *testing.T) {
	f := serve(t, http.StatusOK)
	s := environment(t, f.URL)
	durable := 0
	s.Progress = func(p probe.Progress) {
		rows, torn, err := sample.ReadFile(latencies(s))
		if err != nil || torn != 0 || len(rows) != p.Requests {
			t.Errorf("after burst %d the file has %d rows, error %v", p.Burst, len(rows), err)
		}
		durable++
	}
	result, err := measure(t.Context(), s)
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
	rows, _, err := sample.ReadFile(latencies(s))
	if err != nil || len(rows) != 7 {
		t.Fatalf("%d rows, error %v", len(rows), err)
	}
	var got []string
	for _, r := range rows {
		got = append(got, fmt.Sprintf("%s b%d %d/%d %v %s", r.Endpoint, r.Burst, r.Slot, r.BurstSize, r.Warmup,
			r.Desired))
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
	if _, err := measure(t.Context(), s); fail.Code(err) != fail.CodeInput ||
		!strings.Contains(err.Error(), "exists already") {
		t.Errorf("a second run: error %v", err)
	}
}

func TestBurstKeepsRowsOfFailures(t *testing.T) {
	f := serve(t, http.StatusInternalServerError)
	s := environment(t, f.URL)
	s.Sub.Bursts, s.Sub.BurstSizes = 40, nil
	log := &journal{}
	s.Log = log
	result, err := measure(t.Context(), s)
	if _, ok := errors.AsType[*probe.ErrorRatio](err); !ok || fail.Code(err) != fail.CodePartial {
		t.Errorf("error %v", err)
	}
	if err == nil || !strings.Contains(err.Error(), "sub-experiment 3 (warm): ") {
		t.Errorf("error %v does not name the sub-experiment", err)
	}
	rows, torn, err := sample.ReadFile(latencies(s))
	if err != nil || torn != 0 || len(rows) != 10 || result.Rows != 10 || rows[0].Err != sample.HTTP5xx ||
		rows[0].Latency != sample.None {
		t.Errorf("%d rows on disk, result %+v, error %v", len(rows), result, err)
	}
	// A busy machine adds lines on what the client may have caused.
	failures := func(lines []string) int {
		return strings.Count(strings.Join(lines, "\n"), "answered status")
	}
	if failures(log.lines) != 1 || failures(log.details) != 1 { // the first, and the first of the other endpoint
		t.Errorf("warnings %q, details %q", log.lines, log.details)
	}
}

func TestBurstCancelled(t *testing.T) {
	f := serve(t, http.StatusOK)
	s := environment(t, f.URL)
	s.Sub.IATSeconds = 3600
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s.Progress = func(p probe.Progress) {
		if p.Burst == 2 {
			cancel()
		}
	}
	result, err := measure(ctx, s)
	if !errors.Is(err, context.Canceled) || result.Rows != 2 {
		t.Errorf("result %+v, error %v", result, err)
	}
	if rows, torn, err := sample.ReadFile(latencies(s)); err != nil || torn != 0 || len(rows) != 2 {
		t.Errorf("%d rows on disk, error %v", len(rows), err)
	}
}

func TestBurstRefused(t *testing.T) {
	for _, c := range []struct {
		want   string
		change func(*study.Env)
	}{
		{"Protocol", func(s *study.Env) { s.Sub.Protocol = "h3" }},
		{"https", func(s *study.Env) { s.Sub.Protocol = "h2" }},
		{"no endpoint", func(s *study.Env) { s.Endpoints = nil }},
		{"no folder", func(s *study.Env) { s.Dir = "" }},
		{"scheme", func(s *study.Env) { s.Endpoints[0].URL = "localhost" }},
	} {
		s := environment(t, "http://127.0.0.1:1")
		c.change(&s)
		result, err := measure(t.Context(), s)
		if err == nil || !strings.Contains(err.Error(), c.want) || fail.Code(err) != fail.CodeInput ||
			result.Rows != 0 {
			t.Errorf("want %q: result %+v, error %v", c.want, result, err)
		}
	}
	s := environment(t, "http://127.0.0.1:1")
	s.Dir = "/dev/null/x"
	if _, err := measure(t.Context(), s); err == nil || !strings.Contains(err.Error(), "make its folder") {
		t.Errorf("error %v", err)
	}
}
