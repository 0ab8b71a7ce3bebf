package lab

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/app"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/shell"
)

// Runner runs a program.
type Runner = func(context.Context, shell.Command) (shell.Result, error)

// App gives the tool's use cases to a test that calls them in its own process. Results go below dir, env is all of the
// environment. A runner of nil runs every program but the CLIs of vendors, which might find credentials.
func App(dir string, env map[string]string, runner Runner, log run.Logger) app.App {
	if runner == nil {
		runner = withoutVendors
	}
	getenv := func(name string) string { return env[name] }
	return app.App{Config: app.Config{
		Deps:       run.Deps{Getenv: getenv, Version: "test", Now: time.Now, Log: log},
		Options:    app.Options{Output: filepath.Join(dir, "results"), Serverless: true, Only: -1},
		Executable: filepath.Join(dir, "bin", "stellar"), Runner: runner, Observer: Observer{},
		Patience: provider.Patience{Command: Patience, Attempts: 4, Wait: time.Millisecond, Settle: time.Millisecond},
	}}
}

// Patience is for one command: tests in which one hangs wait for so long, all others never do.
const Patience = 8 * time.Second

// IsVendorCLI reports whether a program is a vendor's CLI, which a test must never run for real.
func IsVendorCLI(program string) bool {
	return slices.Contains([]string{"gcloud", "wrangler", "osls", "serverless", "sls", "aws", "az", "npx"}, program)
}

func withoutVendors(ctx context.Context, c shell.Command) (shell.Result, error) {
	if IsVendorCLI(filepath.Base(c.Name)) {
		return shell.Result{}, fmt.Errorf("a test must not run the real %s", c.Name)
	}
	return shell.Run(ctx, c)
}

// Observer watches a run and does nothing.
type Observer struct{}

// StageStart does nothing.
func (Observer) StageStart(string) {}

// StageEnd does nothing.
func (Observer) StageEnd(string, time.Duration, error) {}

// Burst does nothing.
func (Observer) Burst(app.Progress) {}

// Log keeps what a run logs. The zero value is empty.
type Log struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *Log) add(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(&l.text, format+"\n", args...)
}

// Debugf keeps a line.
func (l *Log) Debugf(format string, args ...any) { l.add(format, args...) }

// Infof keeps a line.
func (l *Log) Infof(format string, args ...any) { l.add(format, args...) }

// Warnf keeps a line.
func (l *Log) Warnf(format string, args ...any) { l.add(format, args...) }

// String is all that was logged.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Story is all that a command prints of an error: its sentence, the tool's output, the advice.
func Story(err error) string {
	if err == nil {
		return ""
	}
	return err.Error() + "\n" + fail.Output(err) + "\n" + fail.Hint(err)
}
