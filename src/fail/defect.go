package fail

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
)

// Defect is a panic of stellar's own code, as an error. Its exit code is always 1. Without it, Go would end the process
// with exit code 2, which means that nothing was deployed, and nothing would be removed.
type Defect struct {
	Panic any
	Stack []byte // of the goroutine that panicked
}

func (d *Defect) Error() string { return fmt.Sprintf("stellar has a defect; it panicked: %v", d.Panic) }

// DefectIn finds the defect in a tree of errors; nil if there is none.
func DefectIn(err error) *Defect {
	var d *Defect
	errors.As(err, &d)
	return d
}

// Catch, deferred, turns a panic into the function's error.
func Catch(err *error) {
	if p := recover(); p != nil {
		*err = &Defect{Panic: p, Stack: debug.Stack()}
	}
}

// Try calls f and turns its panic into an error.
func Try(f func() error) (err error) {
	defer Catch(&err)
	return f()
}

// Trying returns f with its panic turned into an error: for goroutines of an errgroup.
func Trying(f func() error) func() error { return func() error { return Try(f) } }

// Caught returns f with its panic passed to report: for functions that a timer or a library calls on its own goroutine.
// after runs at the end of f in any case, after the report, so that a goroutine that waits for it sees the report.
func Caught(report func(error), f func(), after ...func()) func() {
	return func() {
		for _, part := range append([]func(){f}, after...) {
			if err := Try(func() error { part(); return nil }); err != nil {
				report(err)
			}
		}
	}
}

// Go starts f on a goroutine, as Caught returns it. No other code starts goroutines: a panic that is not caught ends
// the process and leaves everything behind.
func Go(report func(error), f func(), after ...func()) { go Caught(report, f, after...)() }

type reportKey struct{}

// WithReport returns a context for work that starts goroutines. A panic on one of them that is passed to Report(ctx)
// cancels it, with the *Defect as its cause.
func WithReport(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	return context.WithValue(ctx, reportKey{}, cancel), func() { cancel(nil) }
}

// Report returns where goroutines that work for ctx report a panic if no other code waits for their error. Without
// WithReport, the panic continues.
func Report(ctx context.Context) func(error) {
	if cancel, ok := ctx.Value(reportKey{}).(context.CancelCauseFunc); ok {
		return cancel
	}
	return func(err error) { panic(err) }
}
