package sandbox

import (
	"context"
	"time"
)

// WaitUntil asks repeatedly until done returns true or ctx ends.
func WaitUntil(ctx context.Context, every time.Duration, done func() bool) bool {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			return done()
		case <-tick.C:
		}
	}
	return true
}
