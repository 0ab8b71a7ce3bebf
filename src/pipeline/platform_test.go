package pipeline

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"stellar/src/fail"
	"stellar/src/local"
	"stellar/src/provider"
)

// fakePlatform starts a child that is a platform as far as its first line goes, and lives until its input ends or it is
// killed.
func fakePlatform(t *testing.T) *local.Child {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "platform")
	text := "#!/bin/sh\necho '{\"url\": \"http://127.0.0.1:1\", \"pid\": '$$'}'\nread line\n"
	if err := os.WriteFile(program, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	child, err := local.Spawn(t.Context(), local.SpawnOptions{Executable: program, Options: local.Options{Dir: filepath.Join(dir, "state")}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = child.Close() })
	return child
}

const hours = `{"Provider":"local","Sequential":true,"SubExperiments":[
	{"Title":"a","Runtime":"go","Bursts":2,"IATSeconds":3600},{"Title":"b","Runtime":"go","Bursts":2,"IATSeconds":3600}]}`

// When the run's own platform ends, probing does: what was measured is kept, no sub-experiment begins any more, exit
// code 1.
func TestProbingEndsWithThePlatform(t *testing.T) {
	j, r := testJob(t, hours)
	j.platform.child = fakePlatform(t)
	answered := make(chan struct{}, 8)
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { answered <- struct{}{} }))
	defer server.Close()
	for _, f := range r.Functions {
		f.Endpoint = &provider.Endpoint{URL: server.URL, Provider: "local", Deployed: true}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	go func() {
		<-answered
		rows := filepath.Join(Folder(r, 0), "latencies.csv")
		for ctx.Err() == nil { // the first burst is recorded
			if text, err := os.ReadFile(rows); err == nil && strings.Count(string(text), "\n") > 1 {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
		_ = syscall.Kill(j.platform.child.PID, syscall.SIGKILL)
	}()
	err := j.Execute(ctx, r, []Stage{j.probeStage(), j.reportStage()})
	if err != nil || ctx.Err() != nil {
		t.Fatalf("probing: %v; the run's context: %v", err, ctx.Err())
	}
	for i, rows := range []int{1, 0} {
		res := r.Results[i]
		if _, err := os.Stat(filepath.Join(res.Dir, "statistics.csv")); err != nil {
			t.Error(err)
		}
		if int(res.Rows) != rows || res.Stopped == nil || !strings.Contains(res.Stopped.Error(), "the local platform has ended before the run") {
			t.Errorf("sub-experiment %d: %d rows, %v", i, res.Rows, res.Stopped)
		}
	}
	err = j.Died()
	if fail.Code(err) != fail.CodeFailed || !strings.Contains(err.Error(), "the local platform has ended before the run") || len(j.Summaries()) != 2 {
		t.Errorf("exit code %d, %v, %d summaries", fail.Code(err), err, len(j.Summaries()))
	}
}
