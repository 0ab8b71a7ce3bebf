// Package launch starts the command in a process: signals and pipes. Every main function calls it, and nothing else.
package launch

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/cli"
	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// Main runs the command that the process was started with. It ends by calling exit, which is os.Exit.
func Main(exit func(code int)) {
	ctx, cancel := context.WithCancelCause(context.Background())
	outlivePipes()
	if signal.Ignored(os.Interrupt) {
		signal.Ignore(syscall.SIGQUIT) // see stopSignals
	}
	signals := make(chan os.Signal, 2)
	for _, s := range stopSignals(signal.Ignored) {
		signal.Notify(signals, s)
	}
	fail.Go(func(err error) { cancel(err) }, func() { awaitSignals(signals, cancel, exit) })
	exit(cli.Run(ctx, cli.CurrentProcess()))
}

// outlivePipes has a write to a pipe without a reader give an error instead of ending the process. SIGPIPE is caught
// and not ignored: programs that stellar starts would inherit an ignored signal.
func outlivePipes() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }

// stopSignals are the signals that stop a run. Those that were ignored at the start stay ignored: nohup ignores SIGHUP,
// and a shell without job control starts background jobs with SIGINT and SIGQUIT ignored. Go takes SIGQUIT over at the
// start and reports SIGINT only.
func stopSignals(ignored func(os.Signal) bool) []os.Signal {
	stop := []os.Signal{syscall.SIGTERM}
	if !ignored(syscall.SIGHUP) {
		stop = append(stop, syscall.SIGHUP)
	}
	if !ignored(os.Interrupt) {
		stop = append(stop, os.Interrupt, syscall.SIGQUIT)
	}
	return stop
}

// together is the time in which several signals are one: GNU timeout sends its signal to the program and to its process
// group, so that it arrives twice. A run that left at once for that would leave its functions deployed.
const together = 500 * time.Millisecond

// awaitSignals cancels the run at the first signal and calls exit at the second.
func awaitSignals(signals <-chan os.Signal, cancel context.CancelCauseFunc, exit func(code int)) {
	<-signals
	over := time.After(together)
	cancel(fail.With(fail.CodeInterrupted, "interrupted"))
	say("\nstopping: what was measured is kept, what was deployed is being removed (once more: leave at once)")
	<-over
	for len(signals) > 0 {
		<-signals
	}
	<-signals
	say("left at once: `stellar clean` removes what is still there")
	exit(fail.CodeInterrupted)
}

// say prints a line, and does not wait for a reader that has stopped reading.
func say(line string) {
	said := make(chan struct{})
	fail.Go(func(error) {}, func() { fmt.Fprintln(os.Stderr, line) }, func() { close(said) })
	select {
	case <-said:
	case <-time.After(time.Second):
	}
}
