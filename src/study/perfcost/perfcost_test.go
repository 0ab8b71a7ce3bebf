package perfcost

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/probe"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/sample"
	"github.com/vhive-serverless/STeLLAR/src/study"
)

// platform stands in for the network and the functions: each has so many warm instances, which end where a burst is
// planned later than the keep-alive after the one before, and where they are made cold.
type platform struct {
	keepAlive time.Duration
	warm      map[string]int
	requests  int
	stuck     int // cold starts that are forced and do not happen
}

func (p *platform) probe(ctx context.Context, cfg probe.Config) (out probe.Outcome, err error) {
	name := cfg.Targets[0].Name
	for round := range cfg.Bursts {
		for attempt := 0; ; attempt++ {
			if cfg.Cold != nil {
				if err := cfg.Cold.Make(ctx, []int{0}); err != nil {
					return out, err
				}
			} else if cfg.Arrivals.IAT > p.keepAlive {
				p.warm[name] = 0
			}
			rows := p.burst(name, cfg.BurstSize(round), round < cfg.Warmup)
			out.Bursts, out.Requests = out.Bursts+1, out.Requests+len(rows)
			missed := cfg.Cold != nil && rows[0].Cold == sample.No
			if err := cfg.Sink(rows); err != nil {
				return out, err
			}
			if !missed || attempt == cfg.Cold.Retries {
				break
			}
		}
	}
	return out, nil
}

func (p *platform) burst(name string, size int, warmup bool) (rows []sample.Sample) {
	for i := range size {
		p.requests++
		row := sample.Empty()
		row.RequestID, row.Endpoint, row.Warmup, row.Cold = fmt.Sprint("r", p.requests), name, warmup, sample.Yes
		if i < p.warm[name] {
			row.Cold = sample.No
		}
		row.NewConn, row.Connect, row.Latency = true, time.Millisecond, 10*time.Millisecond
		if row.Cold == sample.Yes {
			row.Latency = 100 * time.Millisecond
		}
		rows = append(rows, row)
	}
	p.warm[name] = max(p.warm[name], size)
	return rows
}

func (p *platform) makeCold(_ context.Context, at ...study.Endpoint) error {
	for _, e := range at {
		if p.stuck > 0 {
			p.stuck--
			continue
		}
		p.warm[e.Function] = 0
	}
	return nil
}

func environment(t *testing.T, p *platform) study.Env {
	t.Helper()
	p.warm = map[string]int{}
	var env study.Env
	env.Sub = experiment.SubExperiment{Title: "pc", Type: experiment.TypePerfCost, MaxErrorRatio: 0.1,
		TimeoutSeconds: 30, Parallelism: 1, ColdStart: experiment.ColdIdle,
		TypeKeys: experiment.TypeKeys{MemorySizesMB: []int{128, 512},
			Repetitions: 7, Concurrency: 3, MaxRetries: 2}}
	env.Dir = filepath.Join(t.TempDir(), "0-pc")
	env.Probe, env.MakeCold = p.probe, p.makeCold
	for i := range 2 {
		env.Endpoints = append(env.Endpoints, study.Endpoint{Function: fmt.Sprint("f0-", i), URL: "http://h.example"})
	}
	return env
}

// summarize reads back what was measured: the findings, and the lines of perf-cost.csv.
func summarize(t *testing.T, env study.Env) (findings, lines []string) {
	t.Helper()
	rec := &run.Record{ID: "r", Experiment: &experiment.Experiment{Provider: "local",
		SubExperiments: []experiment.SubExperiment{env.Sub}},
		Results: []run.ResultRecord{{Folder: filepath.Base(env.Dir)}}}
	sum, err := Study{}.SummarizeWith(rec, env.Dir)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(env.Dir, sample.PerfCostFile))
	if err != nil {
		t.Fatal(err)
	}
	return sum.Latencies.Findings, strings.Split(strings.TrimSpace(string(text)), "\n")
}

// TestAllTypes measures with forced cold starts, two of which do not happen: their rows are kept and tried again.
func TestAllTypes(t *testing.T) {
	p := &platform{stuck: 0}
	env := environment(t, p)
	env.Sub.ColdStart = experiment.ColdForce
	made := 0
	env.MakeCold = func(ctx context.Context, at ...study.Endpoint) error {
		if made++; made == 3 || made == 4 {
			return nil
		}
		return p.makeCold(ctx, at...)
	}
	measured := study.Result{}
	env.Measured = func(r study.Result) { measured = r }
	if err := (Study{}).Run(t.Context(), env); err != nil {
		t.Fatal(err)
	}
	// Per function: 7 cold, 3 + 7 warm, 1 + 7 sequential, 7 in bursts; and two that were tried again.
	if want := 2*32 + 2; measured.Rows != want || p.requests != want {
		t.Errorf("%d rows of %d requests, want %d", measured.Rows, p.requests, want)
	}
	// What the platform reports comes later, into latencies.csv.
	err := sample.Rewrite(filepath.Join(env.Dir, study.LatenciesFile), func(s *sample.Sample) {
		s.Billed, s.ProviderDuration = 12*time.Millisecond, 11500*time.Microsecond
		s.MemorySizeMB, s.MaxMemoryMB = 512, 40
	})
	if err != nil {
		t.Fatal(err)
	}
	findings, lines := summarize(t, env)
	if lines[0] != sample.PerfCostHeader() || len(lines) != 1+measured.Rows {
		t.Fatalf("%d lines, %s", len(lines), lines[0])
	}
	for i, want := range map[int]string{
		1: "128,cold,true,,1.000,100.000,11.500,40,12.000,0.006000000,r1,1,true,false,true,",
		3: "128,cold,false,,1.000,10.000,11.500,40,12.000,0.006000000,r3,3,true,false,false,",
	} {
		if lines[i] != want {
			t.Errorf("line %d\ngot  %s\nwant %s", i, lines[i], want)
		}
	}
	want := []string{
		"128 MB cold: mean 100.00 ms (95 %: 100.00 to 100.00), median 100.00 ms (95 %: 100.00 to 100.00), CV 0.00, n = 7",
		"128 MB warm: mean 10.00 ms",
	}
	if len(findings) != 8 || findings[0] != want[0] || !strings.HasPrefix(findings[1], want[1]) ||
		!strings.HasPrefix(findings[7], "512 MB burst: mean 100.00 ms") {
		t.Errorf("findings:\n%s", strings.Join(findings, "\n"))
	}
	table, err := os.ReadFile(filepath.Join(env.Dir, StatisticsFile))
	if err != nil || !strings.Contains(string(table), "\n512,sequential,gb_seconds,7,7,0.006000,") {
		t.Errorf("%s, %v", table, err)
	}
}

// TestNotObtainable: instances that never end give one cold start, which ends the tries.
func TestNotObtainable(t *testing.T) {
	p := &platform{keepAlive: time.Hour}
	env := environment(t, p)
	if err := (Study{}).Run(t.Context(), env); err != nil {
		t.Fatal(err)
	}
	findings, lines := summarize(t, env)
	if !strings.HasSuffix(findings[0], "n = 1 of 7: the others were not measured") ||
		!strings.Contains(findings[1], "n = 7") || strings.Contains(findings[1], "could not") {
		t.Errorf("findings:\n%s", strings.Join(findings, "\n"))
	}
	cold := 0
	for _, line := range lines {
		if strings.HasPrefix(line, "128,cold,") {
			cold++
		}
	}
	if cold != 7+6 { // one of the first seven; the second try of six brings nothing
		t.Errorf("%d cold invocations of 128 MB were tried", cold)
	}
}

// TestIdleInstances: a pause longer than the keep-alive makes all of them cold.
func TestIdleInstances(t *testing.T) {
	p := &platform{keepAlive: time.Microsecond}
	env := environment(t, p)
	env.Sub.IATSeconds = 0.001
	if err := (Study{}).Run(t.Context(), env); err != nil {
		t.Fatal(err)
	}
	if findings, _ := summarize(t, env); !strings.HasSuffix(findings[0], "n = 7") {
		t.Errorf("findings:\n%s", strings.Join(findings, "\n"))
	}
}

func TestRefusals(t *testing.T) {
	p := &platform{}
	env := environment(t, p)
	env.Endpoints = env.Endpoints[:1]
	if err := (Study{}).Run(t.Context(), env); fail.Code(err) != fail.CodeInput {
		t.Errorf("one endpoint for two sizes: %v", err)
	}
	env = environment(t, p)
	env.Sub.ColdStart, env.MakeCold = experiment.ColdForce, nil
	if err := (Study{}).Run(t.Context(), env); !errors.Is(err, fail.ErrUnsupported) || p.requests != 0 {
		t.Errorf("cold starts that cannot be forced: %v", err)
	}
	for _, f := range (Study{}).Functions(&env.Sub) {
		if f.MemoryMB != []int{128, 512}[f.Replica] {
			t.Errorf("%+v", f)
		}
	}
}

// TestWarningsAreWrittenOnce: each phase is a probe of its own, and each would say the same anew.
func TestWarningsAreWrittenOnce(t *testing.T) {
	p := &platform{keepAlive: time.Hour} // what idles never ends: no invocation is cold
	env := environment(t, p)
	probed := 0
	env.Probe = func(ctx context.Context, cfg probe.Config) (probe.Outcome, error) {
		cfg.Note("burst %d: the client may have caused a part of its latencies", probed)
		probed++
		return p.probe(ctx, cfg)
	}
	var said warnings
	env.Log = &said
	if err := (Study{}).Run(t.Context(), env); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(said, "\n")
	if len(said) != 2 || strings.Count(text, "the client may") != 1 ||
		!strings.Contains(text, "6 of 7 cold ones of f0-0, 6 of 7 cold ones of f0-1") || probed < 8 {
		t.Errorf("%d probes; it warns\n%s", probed, text)
	}
}

// warnings are those that were written.
type warnings []string

func (*warnings) Debugf(string, ...any)              {}
func (*warnings) Infof(string, ...any)               {}
func (w *warnings) Warnf(format string, args ...any) { *w = append(*w, fmt.Sprintf(format, args...)) }
