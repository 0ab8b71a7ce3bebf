package pipeline

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/run"
)

// TestCutShort: the end of the time is no failure, and it is said what was measured by then, and that requests which
// were cut off are rows, too.
func TestCutShort(t *testing.T) {
	ctx, done := context.WithCancelCause(t.Context())
	done(errTimeUp)
	o := Options{MaxDuration: time.Minute}
	other := errors.New("no route to host")
	for _, c := range []struct {
		rows, done, of, off int
		err                 error
		want                string
	}{
		{rows: 12, done: 3, of: 5, want: "--max-duration 1m: 3 of 5 bursts"},
		{rows: 12, done: 3, of: 5, off: 1, want: "--max-duration 1m: 3 of 5 bursts; 1 request had no answer by then, " +
			"and counts as a timeout"},
		{rows: 120, off: 2, want: "--max-duration 1m: 120 requests; 2 requests had no answer by then, and count as " +
			"timeouts"},
		{want: "--max-duration 1m was over before it began"},
		{rows: 12, done: 3, of: 5, err: other},
	} {
		out := run.Result{Rows: c.rows, Stopped: fmt.Errorf("stopped: %w", context.Canceled)}
		if c.err != nil {
			out.Stopped = c.err
		}
		o.cutShort(ctx, &out, c.done, c.of, c.off)
		if out.Cut != c.want || (out.Stopped != nil) != (c.err != nil) {
			t.Errorf("%+v: %q, %v", c, out.Cut, out.Stopped)
		}
	}
}
