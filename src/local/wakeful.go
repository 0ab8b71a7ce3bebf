package local

import (
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// wakeful keeps Go's monitor thread (runtime.sysmon) from going to sleep and being woken with each request. The monitor
// sleeps when no goroutine runs or is in a system call, is woken by the next system call, and then looks after the
// process every 20 µs for a while: with one request after the other that is a wake-up and some timers for each. While
// requests come, a goroutine is in a system call nearly all of the time.
type wakeful struct {
	requests atomic.Int64
	awake    atomic.Bool
}

const (
	// nap is how long a system call of wakeful takes: the monitor takes the processor from one that takes 10 ms.
	nap = 4 * time.Millisecond
	// quietNaps is after how many naps without a request it ends.
	quietNaps = 25
)

// reserveProcessor gives Go's scheduler a processor (GOMAXPROCS) for the goroutine of wakeful.
func reserveProcessor() { runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1) }

// note is called with each request, behind its answer: to start a goroutine may wake a thread. A panic is passed to
// defect.
func (w *wakeful) note(defect func(error)) {
	w.requests.Add(1)
	if !w.awake.Load() && w.awake.CompareAndSwap(false, true) {
		fail.Go(defect, w.stay)
	}
}

// stay returns when no requests come any more.
func (w *wakeful) stay() {
	defer w.awake.Store(false)
	for quiet, before := 0, int64(0); quiet < quietNaps; {
		_, _ = unix.Poll(nil, int(nap.Milliseconds())) // time.Sleep is no system call
		// The monitor takes the processor from a goroutine that has it for 10 ms, too.
		runtime.Gosched()
		now := w.requests.Load()
		if quiet++; now != before {
			quiet = 0
		}
		before = now
	}
}
