package eviction

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/analyze/survival"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/probe"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/sample"
	"github.com/vhive-serverless/STeLLAR/src/study"
)

// platform stands in for the network and the functions: each has one instance, which ends after the keep-alive.
type platform struct {
	mu        sync.Mutex
	keepAlive time.Duration
	last      map[string]time.Time
	instances int
	calls     int
	failing   func(call int) bool
}

func (p *platform) probe(_ context.Context, cfg probe.Config) (probe.Outcome, error) {
	p.mu.Lock()
	row := sample.Empty()
	row.Endpoint, row.SentAt = cfg.Targets[0].Name, time.Now()
	p.calls++
	row.RequestID = fmt.Sprint("r", p.calls)
	out := probe.Outcome{Bursts: 1, Requests: 1}
	if p.failing != nil && p.failing(p.calls) {
		row.Err, out.Errors = sample.Reset, 1
	} else {
		row.Cold = sample.No
		if last := p.last[row.Endpoint]; last.IsZero() || row.SentAt.Sub(last) >= p.keepAlive {
			row.Cold, row.ColdStart = sample.Yes, sample.Idle
			p.instances++
		}
		row.InstanceID = fmt.Sprint(row.Endpoint, "-", p.instances)
		if row.Cold == sample.No {
			row.InstanceID = p.named(row.Endpoint)
		}
		row.ReceivedAt = time.Now()
		row.Latency = row.ReceivedAt.Sub(row.SentAt)
		p.last[row.Endpoint] = row.ReceivedAt
		p.last[row.Endpoint+" "+row.InstanceID] = row.ReceivedAt
	}
	p.mu.Unlock()
	return out, cfg.Sink([]sample.Sample{row})
}

// named is the instance that answered a function last.
func (p *platform) named(endpoint string) string {
	name, at := "", time.Time{}
	for key, t := range p.last {
		if rest, ok := strings.CutPrefix(key, endpoint+" "); ok && t.After(at) {
			name, at = rest, t
		}
	}
	return name
}

func environment(t *testing.T, p *platform, functions int) study.Env {
	t.Helper()
	p.last = map[string]time.Time{}
	var env study.Env
	env.Sub = experiment.SubExperiment{Title: "eviction", Type: experiment.TypeEviction, MaxErrorRatio: 0.5,
		TimeoutSeconds: 30,
		TypeKeys: experiment.TypeKeys{EvictionSeconds: []float64{0.005, 0.3}, Copies: functions / 2,
			Repetitions: 30}}
	env.Dir = filepath.Join(t.TempDir(), "0-eviction")
	env.Probe = p.probe
	for i := range functions {
		env.Endpoints = append(env.Endpoints, study.Endpoint{Function: fmt.Sprint("f0-", i), URL: "http://h.example"})
	}
	return env
}

// TestFindsTheKeepAlive measures a stand-in whose instances live for 60 ms, and reads the run's folder again.
func TestFindsTheKeepAlive(t *testing.T) {
	p := &platform{keepAlive: 60 * time.Millisecond, failing: func(call int) bool { return call == 20 }}
	env := environment(t, p, 8)
	var measured []study.Result
	env.Measured = func(r study.Result) { measured = append(measured, r) }
	if err := (Study{}).Run(t.Context(), env); err != nil {
		t.Fatal(err)
	}
	if len(measured) != 1 || measured[0].Rows != p.calls || measured[0].Outcome.Errors != 1 {
		t.Errorf("%d calls, measured %+v", p.calls, measured)
	}
	if most := 8 * 31; p.calls >= most {
		t.Errorf("%d calls: it did not stop when the keep-alive was known", p.calls)
	}
	rec := &run.Record{ID: "r", Experiment: &experiment.Experiment{Provider: "local",
		SubExperiments: []experiment.SubExperiment{env.Sub}},
		Results: []run.ResultRecord{{Folder: filepath.Base(env.Dir)}}}
	sum, err := Study{}.SummarizeWith(rec, env.Dir)
	if err != nil {
		t.Fatal(err)
	}
	got := sum.Latencies.Survival
	if got == nil || got.Fit.Model != survival.Fixed || math.Abs(got.Fit.Seconds/0.06-1) > 0.15 || got.Functions != 8 ||
		got.Unanswered == 0 || got.Took <= 0 || !math.IsNaN(got.Cost) || got.Fit.Trials != p.calls-8-got.Unanswered-1 {
		t.Errorf("%d calls: %+v", p.calls, got)
	}
	if f := sum.Latencies.Findings; len(f) != 2 || !strings.Contains(f[0], "the keep-alive is fixed, 0.0") {
		t.Errorf("findings %q", f)
	}
	for file, want := range map[string]string{
		CurveFile:      "Wait (s),Waits,Lived,Alive,Alive CI Low,Alive CI High\n",
		StatisticsFile: "\nfixed,0.0",
	} {
		if text, err := os.ReadFile(filepath.Join(env.Dir, file)); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: %s, %v", file, text, err)
		}
	}
	rows, _, err := sample.ReadFile(filepath.Join(env.Dir, study.LatenciesFile))
	if err != nil || len(rows) != p.calls {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for i, row := range rows {
		if row.Burst != i {
			t.Fatalf("row %d is of burst %d", i, row.Burst)
		}
	}
}

// TestStops holds that failures and an interruption end the measurement, and that the rows so far are kept.
func TestStops(t *testing.T) {
	var ratio *probe.ErrorRatio
	p := &platform{failing: func(int) bool { return true }}
	err := (Study{}).Run(t.Context(), environment(t, p, 4))
	if !errors.As(err, &ratio) || p.calls < 10 || p.calls > 14 {
		t.Errorf("%d failures: %v", p.calls, err)
	}
	p = &platform{keepAlive: time.Hour}
	env := environment(t, p, 2)
	env.Sub.EvictionSeconds = []float64{3600}
	why := errors.New("interrupted")
	ctx, stop := context.WithCancelCause(t.Context())
	rows := 0
	env.Measured = func(r study.Result) { rows = r.Rows }
	env.Probe = func(ctx context.Context, cfg probe.Config) (probe.Outcome, error) {
		out, err := p.probe(ctx, cfg)
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.calls == 2 {
			stop(why)
		}
		return out, err
	}
	if err := (Study{}).Run(ctx, env); !errors.Is(err, why) && !errors.Is(err, context.Canceled) || rows != 2 {
		t.Errorf("%d rows, %v", rows, err)
	}
	env.Sub.EvictionSeconds, env.Dir = []float64{0}, filepath.Join(t.TempDir(), "x")
	if err := (Study{}).Run(t.Context(), env); fail.Code(err) != fail.CodeInput {
		t.Errorf("no wait: %v", err)
	}
}

func TestLived(t *testing.T) {
	row := func(instance string, cold sample.Tri, class sample.Class) sample.Sample {
		return sample.Sample{InstanceID: instance, Cold: cold, Err: class}
	}
	for name, c := range map[string]struct {
		before, after sample.Sample
		want          sample.Tri
	}{
		"same":             {row("a", sample.Yes, ""), row("a", sample.No, ""), sample.Yes},
		"another":          {row("a", sample.Yes, ""), row("b", sample.Yes, ""), sample.No},
		"another, unsaid":  {row("a", sample.Yes, ""), row("b", sample.Unknown, ""), sample.No},
		"another, warm":    {row("a", sample.Yes, ""), row("b", sample.No, ""), sample.Unknown},
		"failed":           {row("a", sample.Yes, ""), row("a", sample.No, sample.Timeout), sample.Unknown},
		"nameless, cold":   {row("", sample.Yes, ""), row("", sample.Yes, ""), sample.No},
		"nameless, warm":   {row("", sample.Yes, ""), row("", sample.No, ""), sample.Yes},
		"nameless, unsaid": {row("", sample.Unknown, ""), row("", sample.Unknown, ""), sample.Unknown},
	} {
		if got := lived(&c.before, &c.after); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
