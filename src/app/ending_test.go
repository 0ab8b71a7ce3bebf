package app

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/pipeline"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/run/runtest"
)

// A panic on a goroutine beside the stages, which nobody waits for, ends the run as an error does: undone, exit code 1,
// not an interruption.
func TestADefectBesideTheStagesIsUndone(t *testing.T) {
	j, r := testJob(t, small)
	ctx, release := fail.WithReport(t.Context())
	defer release()
	err := j.Execute(ctx, r, []pipeline.Stage{runtest.Stage{Name: "a", Do: func() error {
		fail.Go(fail.Report(ctx), func() { panic("ouch") })
		<-ctx.Done()
		return fail.With(fail.CodeInterrupted, "stopped: %w", ctx.Err())
	}}})
	out, err := j.end(ctx, r, err)
	if out == nil || fail.Code(err) != fail.CodeFailed || !strings.Contains(err.Error(), "ouch") {
		t.Errorf("error is %v", err)
	}
	if hint := fail.Hint(err); !strings.Contains(hint, r.Dir) {
		t.Errorf("hint %q; want where the stack is", hint)
	}
	if left := r.Journal.Pending(); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if rec, err := run.ReadRecord(r.Dir); err != nil || rec.Status != run.StatusFailed {
		t.Errorf("record %+v, %v", rec, err)
	}
}

// canceling cancels a run when a stage starts.
type canceling struct {
	quiet
	stage  string
	cancel context.CancelFunc
}

func (c canceling) StageStart(name string) {
	if name == c.stage {
		c.cancel()
	}
}

// A signal that comes while a finished run is removed: the removal goes on to its end, the exit code is 130.
func TestASignalDuringTheRemoval(t *testing.T) {
	for name, before := range map[string]error{"done": nil, "partial": fail.With(fail.CodePartial, "1 of 2 failed")} {
		t.Run(name, func(t *testing.T) {
			j, r := testJob(t, small)
			ctx, cancel := context.WithCancel(t.Context())
			j.Observer = canceling{quiet{}, "removing", cancel}
			_, err := j.end(ctx, r, before)
			var stop *fail.Error
			for _, one := range flat(err) {
				if fail.Code(one) == fail.CodeInterrupted {
					errors.As(one, &stop)
				}
			}
			if stop == nil {
				t.Errorf("error is %v; want one that says that it was interrupted", err)
			}
			if left := r.Journal.Pending(); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
			if rec, err := run.ReadRecord(r.Dir); err != nil || rec.Status != run.StatusInterrupted {
				t.Errorf("record %+v, %v", rec, err)
			}
		})
	}
}

// flat lists the errors that were joined.
func flat(err error) []error {
	var many interface{ Unwrap() []error }
	if !errors.As(err, &many) {
		return []error{err}
	}
	var out []error
	for _, one := range many.Unwrap() {
		out = append(out, flat(one)...)
	}
	return out
}

func TestStoppedByADefectIsNotInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	if wasStopped(ctx) {
		t.Error("stopped before anything has happened")
	}
	cancel(&fail.Defect{Panic: "x"})
	if defect, interrupted, err := endCause(ctx, ctx.Err()); !defect || interrupted ||
		fail.Code(err) != fail.CodeFailed {
		t.Errorf("%v, defect %t, interrupted %t", err, defect, interrupted)
	}
	late, end := context.WithTimeout(t.Context(), -time.Second)
	defer end()
	if defect, interrupted, _ := endCause(late, nil); defect || !interrupted {
		t.Errorf("a context that ended: defect %t, interrupted %t", defect, interrupted)
	}
}
