package launch

import (
	"context"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// TestTwoSignalsTogether: a signal that arrives twice, as from GNU timeout, stops the run once; one that comes later
// leaves at once.
func TestTwoSignalsTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		signals, left := make(chan os.Signal, 2), make(chan int, 1)
		go awaitSignals(signals, cancel, func(code int) { left <- code })
		signals <- os.Interrupt
		synctest.Wait()
		time.Sleep(100 * time.Millisecond)
		signals <- os.Interrupt
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if ctx.Err() == nil || len(left) != 0 {
			t.Fatalf("stopped: %v; left at once: %d", ctx.Err(), len(left))
		}
		signals <- os.Interrupt
		synctest.Wait()
		if len(left) != 1 {
			t.Fatal("a later signal does not leave at once")
		}
	})
}
