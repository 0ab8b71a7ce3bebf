package fail

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// A panic on a goroutine becomes an error with the stack of the place where it happened; the code that runs afterwards
// finds it reported.
func TestGoReportsAPanic(t *testing.T) {
	var got error
	after := make(chan struct{})
	Go(func(err error) { got = err }, func() { panicHere() }, func() { close(after) })
	<-after
	d := DefectIn(fmt.Errorf("wrapped: %w", got))
	if d == nil || d.Panic != "broken" || !strings.Contains(string(d.Stack), "panicHere") {
		t.Fatalf("reported %v", got)
	}
	if !strings.Contains(d.Error(), "defect") {
		t.Errorf("the message is %q", d)
	}
}

func panicHere() { panic("broken") }

func TestGoWithoutAPanic(t *testing.T) {
	done := make(chan struct{})
	Go(func(err error) { t.Errorf("reported %v", err) }, func() {}, func() { close(done) })
	<-done
}

// A panic in the deferred part of a goroutine is reported too, and the rest of that part still runs.
func TestPanicAfter(t *testing.T) {
	var got []error
	done := make(chan struct{})
	Go(func(err error) { got = append(got, err) }, func() {}, func() { panic("late") }, func() { close(done) })
	<-done
	if len(got) != 1 || DefectIn(got[0]) == nil {
		t.Errorf("reported %v", got)
	}
}

func TestTry(t *testing.T) {
	plain := errors.New("plain")
	if err := Try(func() error { return plain }); !errors.Is(err, plain) {
		t.Errorf("got %v", err)
	}
	if err := Trying(func() error { panic(plain) })(); DefectIn(err) == nil {
		t.Errorf("got %v", err)
	}
}

// A defect is exit code 1, however it is wrapped; only resources that are left behind have priority.
func TestCodeOfADefect(t *testing.T) {
	d := &Defect{Panic: "x"}
	for _, c := range []struct {
		err  error
		want int
	}{
		{d, CodeFailed},
		{Input("not ready: %w", d), CodeFailed},
		{With(CodePartial, "1 of 1 failed: %w", d), CodeFailed},
		{errors.Join(d, With(CodeInterrupted, "stopped")), CodeFailed},
		{errors.Join(With(CodeLeftBehind, "left"), d), CodeLeftBehind},
	} {
		if got := Code(c.err); got != c.want {
			t.Errorf("Code(%v) = %d, want %d", c.err, got, c.want)
		}
	}
}

// A panic without a waiting caller cancels the context of the work, with itself as the cause.
func TestReportCancelsTheWork(t *testing.T) {
	ctx, release := WithReport(t.Context())
	defer release()
	Go(Report(ctx), func() { panic("alone") })
	<-ctx.Done()
	if d := DefectIn(context.Cause(ctx)); d == nil || d.Panic != "alone" {
		t.Errorf("the cause is %v", context.Cause(ctx))
	}
	if t.Context().Err() != nil {
		t.Error("the outer context has ended too")
	}
}
