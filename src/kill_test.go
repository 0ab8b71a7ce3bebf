package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"stellar/src/run"
	"stellar/src/sample"
)

// lab is a home of its own for one run of the real binary.
type lab struct {
	*testing.T
	bin, dir string
}

func newLab(t *testing.T, bin, experiment string) *lab {
	t.Helper()
	l := &lab{t, bin, t.TempDir()}
	for _, d := range []string{"home", "tmp"} {
		if err := os.Mkdir(filepath.Join(l.dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(l.dir, "exp.json"), []byte(experiment), 0o644); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *lab) command(args ...string) *exec.Cmd {
	repo, err := filepath.Abs("..")
	if err != nil {
		l.Fatal(err)
	}
	c := exec.Command(l.bin, args...)
	c.Dir = l.dir
	c.Env = append(os.Environ(), "HOME="+filepath.Join(l.dir, "home"), "XDG_STATE_HOME=", "TMPDIR="+filepath.Join(l.dir, "tmp"),
		"GOCACHE="+goEnv(l.T, "GOCACHE"), "GOMODCACHE="+goEnv(l.T, "GOMODCACHE"), "STELLAR_CACHE_DIR="+filepath.Join(l.dir, "cache"),
		"RUSTUP_HOME="+homeOf("RUSTUP_HOME", ".rustup"), "CARGO_HOME="+homeOf("CARGO_HOME", ".cargo"),
		"PATH="+filepath.Join(repo, "scripts", "serverless", "node_modules", ".bin")+string(os.PathListSeparator)+os.Getenv("PATH"))
	return c
}

// homeOf is where a toolchain lives: a lab has a home of its own, and Rust's toolchains lie in the user's.
func homeOf(variable, folder string) string {
	if dir := os.Getenv(variable); dir != "" {
		return dir
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, folder)
}

// journal reads the one run's journal as it stands now, without its lock.
func (l *lab) journal() (dir string, entries []run.Entry) {
	found, _ := filepath.Glob(filepath.Join(l.dir, "out", "*", run.JournalFile))
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

func (l *lab) await(what string, is func(e run.Entry) bool) {
	l.Helper()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		_, entries := l.journal()
		for _, e := range entries {
			if is(e) {
				return
			}
		}
	}
	l.Fatalf("the run never came to %s", what)
}

// clean runs `stellar clean` and demands that nothing is left, by the journal, by the process table and on the disk.
func (l *lab) clean() {
	l.Helper()
	out, err := l.command("clean").CombinedOutput()
	if err != nil {
		l.Fatalf("stellar clean: %v\n%s", err, out)
	}
	dir, _ := l.journal()
	j, err := run.OpenJournal(dir)
	if err != nil {
		l.Fatal(err)
	}
	defer j.Close()
	if left := j.Pending(); len(left) > 0 {
		l.Errorf("after clean the journal still holds %v\n%s", left, out)
	}
	if scratch, _ := filepath.Glob(filepath.Join(l.dir, "tmp", "stellar-*")); len(scratch) > 0 {
		l.Errorf("after clean there is still %v", scratch)
	}
	if found := processesOf(l.dir); len(found) > 0 {
		l.Errorf("after clean these processes are left:\n%s", strings.Join(found, "\n"))
	}
	again, err := l.command("clean").CombinedOutput()
	if err != nil || !strings.Contains(string(again), "nothing to do") {
		l.Errorf("a second clean: %v\n%s", err, again)
	}
}

const killed = `{"Provider": "local", "SubExperiments": [
 {"Runtime": "go", "Bursts": 200, "IATSeconds": 0.05, "DesiredServiceTimes": ["1ms"], "FunctionImageSizeMB": 20},
 {"Runtime": "python3.13", "Bursts": 200, "IATSeconds": 0.05, "Platform": {"KeepAliveSeconds": 0}}]}`

// TestKill9InEachStage kills the tool without warning in each stage in turn; `stellar clean` then removes everything.
func TestKill9InEachStage(t *testing.T) {
	bin := buildBinary(t)
	for _, stage := range []string{"generating function code", "building functions", "writing what is deployed", "writing packages",
		"starting the local platform", "calibrating service times", "deploying functions", "probing", "removing"} {
		t.Run(strings.ReplaceAll(stage, " ", "-"), func(t *testing.T) {
			l := newLab(t, bin, killed)
			c := l.command("-c", "exp.json", "-o", "out", "-l", "error")
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			if stage == "removing" {
				l.await("probing", func(e run.Entry) bool { return e.Event == run.EventStage && e.Detail == "probing" })
				_ = c.Process.Signal(os.Interrupt)
				l.await("its first removal", func(e run.Entry) bool { return e.Event == run.EventRemoved })
			} else {
				l.await(stage, func(e run.Entry) bool { return e.Event == run.EventStage && e.Detail == stage })
				if stage == "probing" || stage == "deploying functions" {
					time.Sleep(300 * time.Millisecond) // into the middle of it
				}
			}
			_ = c.Process.Kill()
			_ = c.Wait()
			l.clean()
		})
	}
}

const killedImages = `{"Provider": "local", "SubExperiments": [
 {"Runtime": "go", "PackageType": "Image", "Bursts": 200, "IATSeconds": 0.05, "Platform": {"KeepAliveSeconds": 0}, "FunctionImageSizeMB": 30}]}`

// TestKill9WithImages: containers end within seconds of the tool's death, by themselves; `stellar clean` removes the images.
func TestKill9WithImages(t *testing.T) {
	bin := buildBinary(t)
	for stage, into := range map[string]time.Duration{"writing packages": 800 * time.Millisecond, "deploying functions": 200 * time.Millisecond, "probing": time.Second} {
		t.Run(strings.ReplaceAll(stage, " ", "-"), func(t *testing.T) {
			l := newLab(t, bin, killedImages)
			c := l.command("-c", "exp.json", "-o", "out", "-l", "error")
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			l.await(stage, func(e run.Entry) bool { return e.Event == run.EventStage && e.Detail == stage })
			time.Sleep(into)
			_ = c.Process.Kill()
			_ = c.Wait()
			l.clean()
			dir, _ := l.journal()
			if err := leftInEngine(filepath.Base(dir)); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestInterruptInABurst: Ctrl-C keeps the rows so far and their statistics, removes the service, and exits with 130.
func TestInterruptInABurst(t *testing.T) {
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		t.Run(fmt.Sprint(sig), func(t *testing.T) {
			l := newLab(t, buildBinary(t), killed)
			var out bytes.Buffer
			c := l.command("-c", "exp.json", "-o", "out")
			c.Stdout, c.Stderr = &out, &out
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			l.await("probing", func(e run.Entry) bool { return e.Event == run.EventStage && e.Detail == "probing" })
			time.Sleep(1500 * time.Millisecond)
			_ = c.Process.Signal(sig)
			_ = c.Wait()
			if code := c.ProcessState.ExitCode(); code != 130 {
				t.Errorf("exit code %d, want 130\n%s", code, &out)
			}
			files, _ := filepath.Glob(filepath.Join(l.dir, "out", "*", "*", "latencies.csv"))
			if len(files) != 2 {
				t.Fatalf("%d files of rows, want 2\n%s", len(files), &out)
			}
			for _, f := range files {
				rows, torn, err := sample.ReadFile(f)
				if err != nil || torn != 0 || len(rows) == 0 || len(rows) >= 200 {
					t.Errorf("%s: %d rows, torn %d, %v; want some, whole", f, len(rows), torn, err)
				}
			}
			if sums, _ := filepath.Glob(filepath.Join(l.dir, "out", "*", "statistics.csv")); len(sums) != 1 {
				t.Errorf("no statistics of what was measured\n%s", &out)
			}
			_, entries := l.journal()
			if last := entries[len(entries)-1]; last.Event != run.EventEnd || last.Detail != "interrupted" {
				t.Errorf("the journal ends with %+v", last)
			}
			if found := processesOf(l.dir); len(found) > 0 {
				t.Errorf("these processes are left:\n%s", strings.Join(found, "\n"))
			}
			again, err := l.command("clean").CombinedOutput()
			if err != nil || !strings.Contains(string(again), "nothing to do") {
				t.Errorf("clean after an interruption: %v\n%s", err, again)
			}
		})
	}
}
