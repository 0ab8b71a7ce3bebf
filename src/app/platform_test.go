package app

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/pipeline"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// fakePlatform is a program that is a local platform as far as its first line goes. It names the control API at url,
// and lives until its input ends or it is killed.
func fakePlatform(t *testing.T, url string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "platform")
	text := fmt.Sprintf("#!/bin/sh\necho '{\"url\": \"%s\", \"pid\": '$$'}'\nread line\n", url)
	if err := os.WriteFile(program, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return program
}

// platformPID is the process of the run's own platform, as the journal has it.
func platformPID(t *testing.T, r *run.Run) int {
	t.Helper()
	for _, e := range r.Journal.Entries() {
		if e.Event == run.EventCreated && e.Resource != nil && e.Resource.Kind == "platform" {
			var pid int
			if _, err := fmt.Sscan(e.Resource.Attrs["pid"], &pid); err != nil || pid <= 1 {
				t.Fatalf("process %q: %v", e.Resource.Attrs["pid"], err)
			}
			return pid
		}
	}
	t.Fatal("the journal has no platform")
	return 0
}

const hours = `{"Provider":"local","Sequential":true,"SubExperiments":[
	{"Title":"a","Runtime":"go","Bursts":2,"IATSeconds":3600},
	{"Title":"b","Runtime":"go","Bursts":2,"IATSeconds":3600}]}`

// When the run's own platform ends, probing does: what was measured is kept, no sub-experiment begins any more, exit
// code 1.
func TestProbingEndsWithThePlatform(t *testing.T) {
	answered := make(chan struct{}, 8)
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(http.ResponseWriter, *http.Request) { answered <- struct{}{} })
	mux.HandleFunc("/v1/status", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) })
	server := httptest.NewServer(mux)
	defer server.Close()
	j, r := testJob(t, hours)
	j.app.Executable = fakePlatform(t, server.URL)
	j = newJob(j.app, r.Experiment)
	start := slices.DeleteFunc(j.Stages(), func(s pipeline.Stage) bool {
		return s.String() != "starting the local platform"
	})
	if err := j.Execute(t.Context(), r, start); err != nil || len(start) != 1 {
		t.Fatalf("%v, stages %v", err, start)
	}
	pid := platformPID(t, r)
	for _, f := range r.Functions {
		f.Endpoint = &provider.Endpoint{URL: server.URL, Provider: "local", Deployed: true}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	go func() {
		<-answered
		rows := filepath.Join(pipeline.Folder(r, 0), "latencies.csv")
		for ctx.Err() == nil { // the first burst is recorded
			if text, err := os.ReadFile(rows); err == nil && strings.Count(string(text), "\n") > 1 {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}()
	err := j.Execute(ctx, r, j.ProbeStages())
	if err != nil || ctx.Err() != nil {
		t.Fatalf("probing: %v; the run's context: %v", err, ctx.Err())
	}
	for i, rows := range []int{1, 0} {
		res := r.Results[i]
		if _, err := os.Stat(filepath.Join(res.Dir, "statistics.csv")); err != nil {
			t.Error(err)
		}
		if int(res.Rows) != rows || res.Stopped == nil ||
			!strings.Contains(res.Stopped.Error(), "the local platform has ended before the run") {
			t.Errorf("sub-experiment %d: %d rows, %v", i, res.Rows, res.Stopped)
		}
	}
	out, err := j.end(ctx, r, err)
	if fail.Code(err) != fail.CodeFailed ||
		!strings.Contains(err.Error(), "the local platform has ended before the run") ||
		len(out.Rows) != 2 {
		t.Errorf("exit code %d, %v, %d rows", fail.Code(err), err, len(out.Rows))
	}
}
