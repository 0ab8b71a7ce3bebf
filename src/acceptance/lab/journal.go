package lab

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/run"
)

// Journal reads the journal of the one run below out, without its lock.
func (l *Lab) Journal() (dir string, entries []run.Entry) {
	found, _ := filepath.Glob(filepath.Join(l.Dir, "out", "2*", run.JournalFile))
	if len(found) == 0 {
		return "", nil
	}
	text, _ := os.ReadFile(found[0])
	for line := range bytes.Lines(text) {
		var e run.Entry
		if json.Unmarshal(line, &e) == nil {
			entries = append(entries, e)
		}
	}
	return filepath.Dir(found[0]), entries
}

// Await waits until the journal has an entry; what names it in the message of a failure.
func (l *Lab) Await(what string, is func(e run.Entry) bool) {
	l.Helper()
	l.Until(what, func() bool {
		_, entries := l.Journal()
		for _, e := range entries {
			if is(e) {
				return true
			}
		}
		return false
	})
}

// AwaitStage waits until a stage has begun.
func (l *Lab) AwaitStage(stage string) {
	l.Helper()
	l.Await(stage, func(e run.Entry) bool { return e.Event == run.EventStage && e.Detail == stage })
}

// Until waits until a condition holds, at most two minutes.
func (l *Lab) Until(what string, holds func() bool) {
	l.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			l.Fatalf("the run never came to %s", what)
		}
	}
}

// Rows counts the rows that are written of the sub-experiments whose folders match a pattern.
func (l *Lab) Rows(pattern string) int {
	n := 0
	files, _ := filepath.Glob(filepath.Join(l.Dir, "out", "2*", pattern, "latencies.csv"))
	for _, file := range files {
		text, _ := os.ReadFile(file)
		n += max(0, bytes.Count(text, []byte("\n"))-1)
	}
	return n
}

// Clean runs `stellar clean` and demands that nothing is left: in the journal, in the process table and on the disk.
func (l *Lab) Clean() {
	l.Helper()
	out, err := l.Command("clean").CombinedOutput()
	if err != nil {
		l.Fatalf("stellar clean: %v\n%s", err, out)
	}
	dir, _ := l.Journal()
	j, err := run.OpenJournal(dir)
	if err != nil {
		l.Fatal(err)
	}
	defer j.Close()
	if left := j.Pending(); len(left) > 0 {
		l.Errorf("after clean the journal still holds %v\n%s", left, out)
	}
	if scratch, _ := filepath.Glob(filepath.Join(l.Dir, "tmp", "stellar-*")); len(scratch) > 0 {
		l.Errorf("after clean there is still %v", scratch)
	}
	l.NoProcesses("clean")
	l.NothingToClean("a second clean")
}

// NoProcesses fails the test where processes of the lab are left.
func (l *Lab) NoProcesses(after string) {
	l.Helper()
	if found := Processes(l.Dir); len(found) > 0 {
		l.Errorf("after %s these processes are left:\n%s", after, strings.Join(found, "\n"))
	}
}

// NothingToClean fails the test where `stellar clean` finds something.
func (l *Lab) NothingToClean(what string) {
	l.Helper()
	out, err := l.Command("clean").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "nothing to do") {
		l.Errorf("%s: %v\n%s", what, err, out)
	}
}
