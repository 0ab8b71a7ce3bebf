package fail

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
)

// Defect is a panic of stellar's own code, as an error. Its exit code is 1, whatever it is wrapped in: Go would end the
// process with 2, which says that nothing was deployed, and nothing would be removed.
type Defect struct {
	Panic any
	Stack []byte // of the goroutine that panicked
}

func (d *Defect) Error() string { return fmt.Sprintf("stellar has a defect, it panicked: %v", d.Panic) }

// DefectIn finds the defect in a tree of errors; nil where there is none.
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

// Trying is f with its panic turned into an error: for goroutines of an errgroup.
func Trying(f func() error) func() error { return func() error { return Try(f) } }

// Caught is f with its panic given to report: for functions that a timer or a library calls on a goroutine of its own.
// What has to happen at the end of f in any case is given as after. It comes after the report: who waits for it finds
// the report.
func Caught(report func(error), f func(), after ...func()) func() {
	return func() {
		for _, part := range append([]func(){f}, after...) {
			if err := Try(func() error { part(); return nil }); err != nil {
				report(err)
			}
		}
	}
}

// Go starts f on a goroutine, as Caught makes it. This is the one place that starts goroutines: a panic that nobody
// catches ends the process with everything left as it is.
func Go(report func(error), f func(), after ...func()) { go Caught(report, f, after...)() }

type reportKey struct{}

// WithReport returns a context for work that starts goroutines: a panic on one of them that Report(ctx) is told of
// cancels it, with the *Defect as its cause.
func WithReport(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	return context.WithValue(ctx, reportKey{}, cancel), func() { cancel(nil) }
}

// Report is where goroutines that work for ctx report a panic when nobody waits for their error. Without WithReport the
// panic goes on.
func Report(ctx context.Context) func(error) {
	if cancel, ok := ctx.Value(reportKey{}).(context.CancelCauseFunc); ok {
		return cancel
	}
	return func(err error) { panic(err) }
}
