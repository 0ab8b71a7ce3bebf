package local_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/deploy"
	"github.com/vhive-serverless/STeLLAR/src/pack"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

const killed = `{"Provider": "local", "SubExperiments": [
 {"Runtime": "go", "Bursts": 200, "IATSeconds": 0.05, "DesiredServiceTimes": ["1ms"], "FunctionImageSizeMB": 20},
 {"Runtime": "python3.13", "Bursts": 200, "IATSeconds": 0.05, "Platform": {"KeepAliveSeconds": 0}}]}`

// start starts a run of exp.json.
func start(l *lab.Lab) *exec.Cmd {
	l.Helper()
	c := l.Command("-c", "exp.json", "-o", "out", "-l", "error")
	if err := c.Start(); err != nil {
		l.Fatal(err)
	}
	return c
}

// intent waits until a resource of a kind is about to be made.
func intent(l *lab.Lab, kind string) {
	l.Helper()
	l.Await(
		"its first "+kind,
		func(e run.Entry) bool { return e.Event == run.EventIntent && e.Resource.Kind == kind },
	)
}

// measured waits until the first row is written.
func measured(l *lab.Lab) {
	l.Helper()
	l.Until("its first row", func() bool { return l.Rows("*") > 0 })
}

// TestKill9InEachStage kills the tool without warning in each stage in turn; `stellar clean` then removes everything.
func TestKill9InEachStage(t *testing.T) {
	for _, stage := range []string{"generating function code", "building functions", "writing what is deployed",
		"writing packages",
		"starting the local platform", "calibrating service times", "deploying functions", "probing", "removing"} {
		t.Run(strings.ReplaceAll(stage, " ", "-"), func(t *testing.T) {
			t.Parallel()
			l := lab.New(t, killed)
			if stage == "building functions" {
				l.OwnCache() // there is something to build
			}
			c := start(l)
			switch stage {
			case "removing":
				l.AwaitStage("probing")
				_ = c.Process.Signal(os.Interrupt)
				l.Await("its first removal", func(e run.Entry) bool { return e.Event == run.EventRemoved })
			case "deploying functions":
				intent(l, deploy.KindService)
			case "probing":
				measured(l)
			default:
				l.AwaitStage(stage)
			}
			_ = c.Process.Kill()
			_ = c.Wait()
			l.Clean()
		})
	}
}

const killedImages = `{"Provider": "local", "SubExperiments": [
 {"Runtime": "go", "PackageType": "Image", "Bursts": 200, "IATSeconds": 0.05,
  "Platform": {"KeepAliveSeconds": 0}, "FunctionImageSizeMB": 8}]}`

// TestKill9WithImages: containers end within seconds of the tool's death, by themselves; `stellar clean` removes the
// images.
func TestKill9WithImages(t *testing.T) {
	for stage, await := range map[string]func(*lab.Lab){
		"writing packages":    func(l *lab.Lab) { intent(l, pack.KindImage) },
		"deploying functions": func(l *lab.Lab) { intent(l, deploy.KindService) },
		"probing":             measured,
	} {
		t.Run(strings.ReplaceAll(stage, " ", "-"), func(t *testing.T) {
			t.Parallel()
			l := lab.New(t, killedImages)
			c := start(l)
			await(l)
			_ = c.Process.Kill()
			_ = c.Wait()
			l.Clean()
			dir, _ := l.Journal()
			if err := lab.LeftInEngine(filepath.Base(dir)); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestInterruptInABurst: Ctrl-C keeps the rows so far and their statistics, removes the service, and exits with 130.
func TestInterruptInABurst(t *testing.T) {
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		t.Run(fmt.Sprint(sig), func(t *testing.T) {
			t.Parallel()
			l := lab.New(t, killed)
			var out bytes.Buffer
			c := l.Command("-c", "exp.json", "-o", "out")
			c.Stdout, c.Stderr = &out, &out
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			l.Until("rows of both sub-experiments", func() bool { return l.Rows("0-*") > 0 && l.Rows("1-*") > 0 })
			_ = c.Process.Signal(sig)
			_ = c.Wait()
			if code := c.ProcessState.ExitCode(); code != 130 {
				t.Errorf("exit code %d, want 130\n%s", code, &out)
			}
			files, _ := filepath.Glob(filepath.Join(l.Dir, "out", "2*", "*", "latencies.csv"))
			if len(files) != 2 {
				t.Fatalf("%d files of rows, want 2\n%s", len(files), &out)
			}
			for _, f := range files {
				rows, torn, err := sample.ReadFile(f)
				if err != nil || torn != 0 || len(rows) == 0 || len(rows) >= 200 {
					t.Errorf("%s: %d rows, torn %d, %v; want some, whole", f, len(rows), torn, err)
				}
			}
			if sums, _ := filepath.Glob(filepath.Join(l.Dir, "out", "2*", "statistics.csv")); len(sums) != 1 {
				t.Errorf("no statistics of what was measured\n%s", &out)
			}
			_, entries := l.Journal()
			if last := entries[len(entries)-1]; last.Event != run.EventEnd || last.Detail != "interrupted" {
				t.Errorf("the journal ends with %+v", last)
			}
			l.NoProcesses("an interruption")
			l.NothingToClean("clean after an interruption")
		})
	}
}
