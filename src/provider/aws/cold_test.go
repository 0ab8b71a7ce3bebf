package aws

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/probe"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/sample"
	"github.com/vhive-serverless/STeLLAR/src/study"
	"github.com/vhive-serverless/STeLLAR/src/study/burst"
)

// staleFor is how long the stand-in shows the configuration of before an update. STELLAR_TEST_STALE sets another time,
// such as the 5 s that Lambda may take.
func staleFor(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("STELLAR_TEST_STALE")
	if text == "" {
		return 20 * time.Millisecond
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// forcedRows measures so many forced cold starts, and gives the rows.
func forcedRows(t *testing.T, c *lambdaCloud, conn provider.Connection, names []string, bursts int) []sample.Sample {
	t.Helper()
	env := study.Env{Dir: filepath.Join(t.TempDir(), "forced")}
	env.UserAgent = "stellar/test"
	env.Sub = experiment.SubExperiment{Title: "forced", Bursts: bursts, BurstSizes: []int{1}, Parallelism: len(names),
		ColdStart: experiment.ColdForce, TypeKeys: experiment.TypeKeys{MaxRetries: 10}, Schedule: probe.Closed,
		IATType: "deterministic", Connections: probe.Reuse, TimeoutSeconds: 30, MaxErrorRatio: 0.1}
	for _, name := range names {
		env.Endpoints = append(env.Endpoints, study.Endpoint{Function: name, URL: c.endpoint(name).URL})
	}
	env.MakeCold = func(ctx context.Context, at ...study.Endpoint) error {
		return provider.ForEach(ctx, len(at), at, func(ctx context.Context, e study.Endpoint) error {
			return conn.UpdateFunction(ctx, c.endpoint(e.Function), nil)
		})
	}
	if err := (burst.Study{}).Run(t.Context(), env); err != nil {
		t.Fatal(err)
	}
	rows, torn, err := sample.ReadFile(filepath.Join(env.Dir, study.LatenciesFile))
	if err != nil || torn > 0 {
		t.Fatalf("torn %d, error %v", torn, err)
	}
	return rows
}

// TestForcedColdStartsOnAWS: whatever Lambda shows of the update before, the rows are cold, and a row is called cold
// only where the function's own instance was new.
func TestForcedColdStartsOnAWS(t *testing.T) {
	var names []string
	for i := range 10 {
		names = append(names, fmt.Sprint("stellar-x-f0-", i))
	}
	c, conn := newLambdaCloud(t, staleFor(t), names...)
	for _, name := range names { // an instance is there before the first burst
		c.functions[name].instance, c.functions[name].warm = 1, true
	}
	rows := forcedRows(t, c, conn, names, 100)
	forced, asked := 0, map[string]int{}
	for _, r := range rows {
		was := c.functions[r.Endpoint].starts[asked[r.Endpoint]]
		asked[r.Endpoint]++
		if (r.ColdStart == sample.Forced) != was || (r.Cold == sample.Yes) != was {
			t.Errorf("row %d of %s: Cold Start %q, Cold %v; its instance was new: %v", r.Burst, r.Endpoint, r.ColdStart,
				r.Cold, was)
		}
		if r.ColdStart == sample.Forced {
			forced++
		}
	}
	if len(rows) != 100 || forced < 99 {
		t.Errorf("%d of %d rows are forced cold starts", forced, len(rows))
	}
	t.Logf("%d of %d rows are forced cold starts, after %d updates that are shown %v late", forced, len(rows), c.updates,
		c.stale)
}

// TestColdStartKeepsWhatOthersConfigure: an update that meets another one reads the configuration again.
func TestColdStartKeepsWhatOthersConfigure(t *testing.T) {
	const name = "stellar-x-f0-0"
	c, conn := newLambdaCloud(t, time.Millisecond, name)
	c.conflicts = 2
	c.functions[name].apply(map[string]any{"FunctionName": name, "MemorySize": 256, "State": "Active",
		"Environment": map[string]any{"Variables": map[string]any{"DATABASE": "moved"}}}, 5*time.Millisecond)
	if err := conn.UpdateFunction(t.Context(), c.endpoint(name), nil); err != nil {
		t.Fatal(err)
	}
	if now := c.lasting(name); !strings.Contains(now, `"DATABASE":"moved"`) || !strings.Contains(now, "STELLAR_COLD") ||
		!strings.Contains(now, `"MemorySize":256`) {
		t.Errorf("it is %s", now)
	}
}

// TestSnapStartVersions: the route leads to a version of its own for each cold start, a function never has more than
// two, and in the end there is only the one that was deployed.
func TestSnapStartVersions(t *testing.T) {
	const name = "stellar-x-f0-0"
	c, conn := newLambdaCloud(t, time.Millisecond, name)
	c.functions[name].config["SnapStart"] = map[string]any{"ApplyOn": "PublishedVersions", "OptimizationStatus": "On"}
	before := c.lasting(name)
	e := c.endpoint(name)
	was := remembered(t, conn, e)
	for i := range 4 {
		if err := conn.UpdateFunction(t.Context(), e, nil); err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprint(i + 2); c.functions[name].alias != want {
			t.Errorf("after %d cold starts the route leads to version %s, want %s", i+1, c.functions[name].alias, want)
		}
	}
	if c.most != 2 {
		t.Errorf("the function had %d versions at once", c.most)
	}
	if err := c.connect().(provider.Restorer).Restore(t.Context(), was); err != nil {
		t.Fatal(err)
	}
	if after := c.lasting(name); after != before {
		t.Errorf("was %s\nis  %s", before, after)
	}
}

// remembered is what the journal holds of a function.
func remembered(t *testing.T, conn provider.Connection, e provider.Endpoint) map[string]string {
	t.Helper()
	was, err := conn.(provider.Restorer).Configuration(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range e.Detail {
		was[key] = value
	}
	return was
}

// TestConfigurationIsPutBack: by another process, from what the journal holds, whether the variable was set before or
// not; and no secret is in the journal.
func TestConfigurationIsPutBack(t *testing.T) {
	const name = "stellar-x-f0-0"
	for what, change := range map[string]func(*lambdaFunction){
		"with variables": func(*lambdaFunction) {},
		"without":        func(f *lambdaFunction) { delete(f.config, "Environment") },
		"with the variable": func(f *lambdaFunction) {
			f.config["Environment"] = map[string]any{"Variables": map[string]any{provider.ColdVariable: "7"}}
		},
	} {
		t.Run(what, func(t *testing.T) {
			c, conn := newLambdaCloud(t, 3*time.Millisecond, name)
			change(c.functions[name])
			before, e := c.lasting(name), c.endpoint(name)
			was := remembered(t, conn, e)
			if text := fmt.Sprint(was); strings.Contains(text, "secret of") || strings.Contains(text, "DATABASE") {
				t.Errorf("the journal has %s", text)
			}
			// Of what a killed process has changed Lambda may show nothing yet.
			if err := c.connect().(provider.Restorer).Restore(t.Context(), was); err != nil {
				t.Error(err)
			}
			if err := conn.UpdateFunction(t.Context(), e, nil); err != nil {
				t.Fatal(err)
			}
			if c.lasting(name) == before {
				t.Error("a cold start changed nothing")
			}
			for range 2 {
				if err := c.connect().(provider.Restorer).Restore(t.Context(), was); err != nil {
					t.Fatal(err)
				}
			}
			// Lambda shows no variables where the last one was removed.
			after := strings.Replace(c.lasting(name), `"Environment":{"Variables":{}},`, "", 1)
			if after != before || c.updates != 4 {
				t.Errorf("%d updates: was %s\nis  %s", c.updates, before, after)
			}
		})
	}
}

// TestConfigurationIsPutBackBehindAnUpdate: a process that was killed has just updated the function, and Lambda still
// shows the configuration of before.
func TestConfigurationIsPutBackBehindAnUpdate(t *testing.T) {
	const name = "stellar-x-f0-0"
	c, conn := newLambdaCloud(t, time.Millisecond, name)
	before, was := c.lasting(name), remembered(t, conn, c.endpoint(name))
	updated := maps.Clone(c.functions[name].config)
	updated["Environment"] = map[string]any{"Variables": map[string]any{"DATABASE": "secret of " + name,
		provider.ColdVariable: "8"}}
	c.functions[name].apply(updated, 30*time.Millisecond)
	if err := c.connect().(provider.Restorer).Restore(t.Context(), was); err != nil {
		t.Fatal(err)
	}
	if after := c.lasting(name); after != before {
		t.Errorf("was %s\nis  %s", before, after)
	}
}

func TestConfigurationOfNobody(t *testing.T) {
	const name = "stellar-x-f0-0"
	c, conn := newLambdaCloud(t, time.Millisecond, name)
	was := remembered(t, conn, c.endpoint(name))
	delete(c.functions, name)
	if err := conn.(provider.Restorer).Restore(t.Context(), was); err != nil {
		t.Errorf("the function is gone: %v", err)
	}
	was[provider.DetailAccount] = "999999999999"
	if err := conn.(provider.Restorer).Restore(t.Context(), was); fail.Code(err) != fail.CodeInput {
		t.Errorf("of another account: %v", err)
	}
}
