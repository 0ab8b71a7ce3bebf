package burst

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/sample"
	"github.com/vhive-serverless/STeLLAR/src/study"
)

// TestCmds: each request asks for the micro-tests in its body, each has its row in cmds.csv, and each number is in the
// statistics.
func TestCmds(t *testing.T) {
	const object = `{"sleep": 5, "cpu": {"n": 3}}`
	asked := make(chan string, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		asked <- fmt.Sprint(r.Method, " ", r.URL.RequestURI(), " ", r.Header.Get("Content-Type"), " ", string(body),
			err)
		n := len(asked)
		if n == 4 {
			w.WriteHeader(http.StatusInternalServerError)
		}
		_, _ = fmt.Fprintf(w, `{"RequestID":"r%d","Instance":{"ID":"i","Cold":false},"Cmds":{"sleep":%d.5,"cpu":{"error":"no"}}}`, n,
			n)
	}))
	t.Cleanup(server.Close)
	env := environment(t, server.URL)
	env.Endpoints, env.Sub.BurstSizes, env.Sub.Cmds = env.Endpoints[:1], nil, []byte(object)
	env.Sub.MaxErrorRatio = 1
	if result, err := measure(t.Context(), env); err != nil || result.Rows != 5 {
		t.Fatalf("%+v, %v", result, err)
	}
	if got, want := <-asked, "POST /s/f3-0?PayloadLengthBytes=64 application/json "+`{"cmds":`+object+`}<nil>`; got != want {
		t.Errorf("asked %q, want %q", got, want)
	}
	text, err := os.ReadFile(filepath.Join(env.Dir, sample.CmdsFile))
	if lines := strings.Count(string(text), "\n"); err != nil || lines != 6 ||
		!strings.Contains(string(text), "http-5xx,,,,") {
		t.Errorf("%v\n%s", err, text)
	}
	rec := &run.Record{ID: "r", Experiment: &experiment.Experiment{Provider: "local",
		SubExperiments: []experiment.SubExperiment{env.Sub}},
		Results: []run.ResultRecord{{Folder: filepath.Base(env.Dir)}}}
	sum, err := Study{}.SummarizeWith(rec, env.Dir)
	want := []string{"sleep: mean 3.5, std 1.528, min 2.5, P50 3.5, P95 5.5, P99 5.5, max 5.5 ms, n = 3",
		"cpu failed in 3 requests: no"}
	want[0] = strings.Replace(want[0], "mean 3.5", "mean 3.833", 1)
	if err != nil || strings.Join(sum.Latencies.Findings, "\n") != strings.Join(want, "\n") {
		t.Errorf("%v, %q", err, sum.Latencies.Findings)
	}
	table, err := os.ReadFile(filepath.Join(env.Dir, study.CmdStatisticsFile))
	if err != nil || !strings.Contains(string(table), "\nsleep,ms,3,0,3.833333,") {
		t.Errorf("%v\n%s", err, table)
	}
}

// TestCmdsUnanswered: a function that does not run micro-tests is named once, and its rows are there.
func TestCmdsUnanswered(t *testing.T) {
	f := serve(t, http.StatusOK)
	env := environment(t, f.URL)
	env.Endpoints, env.Sub.Cmds = env.Endpoints[:1], []byte(`{"dance":1}`)
	log := &journal{}
	env.Log = log
	if _, err := measure(t.Context(), env); err != nil {
		t.Fatal(err)
	}
	said := strings.Join(log.lines, "\n")
	if strings.Count(said, "warm: f3-0 answers without micro-tests: the answer has no Cmds") != 1 {
		t.Errorf("log %q", said)
	}
	text, err := os.ReadFile(filepath.Join(env.Dir, sample.CmdsFile))
	if err != nil || strings.Count(string(text), "\n") < 6 {
		t.Errorf("%v\n%s", err, text)
	}
}
