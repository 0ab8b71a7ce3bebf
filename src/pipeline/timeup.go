package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/run"
)

// errTimeUp is the cause of a context whose Options.MaxDuration is over.
var errTimeUp = errors.New("the time for measuring is over")

// within ends the context after Options.MaxDuration.
func (o Options) within(ctx context.Context) (context.Context, context.CancelFunc) {
	if o.MaxDuration <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, o.MaxDuration, errTimeUp)
}

// cutShort makes the end of a sub-experiment that the time's end has stopped no failure: it was asked for. done and of
// are its bursts, cutOff the rows of requests that were cut off.
func (o Options) cutShort(ctx context.Context, out *run.Result, done, of, cutOff int) {
	if out.Stopped == nil || !errors.Is(context.Cause(ctx), errTimeUp) || !endedBy(out.Stopped) {
		return
	}
	out.Stopped, out.Cut = nil, fmt.Sprintf("--max-duration %s was over before it began", short(o.MaxDuration))
	switch {
	case of > 0 && done > 0:
		out.Cut = fmt.Sprintf("--max-duration %s: %d of %d bursts", short(o.MaxDuration), done, of)
	case out.Rows > 0:
		out.Cut = fmt.Sprintf("--max-duration %s: %d requests", short(o.MaxDuration), out.Rows)
	}
	switch {
	case cutOff == 1:
		out.Cut += "; 1 request had no answer by then, and counts as a timeout"
	case cutOff > 1:
		out.Cut += fmt.Sprintf("; %d requests had no answer by then, and count as timeouts", cutOff)
	}
}

// endedBy says whether the end of the time, or of the context by it, is an error's reason.
func endedBy(err error) bool {
	return errors.Is(err, errTimeUp) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// short writes a duration without the zeros at its end: 30s, 2m.
func short(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if len(text) > len(zero) && text[len(text)-len(zero):] == zero {
			text = text[:len(text)-2]
		}
	}
	return text
}
