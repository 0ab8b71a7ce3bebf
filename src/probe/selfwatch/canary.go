package selfwatch

import (
	"runtime"
	"sync"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// canaryBeat is how often the canary asks to be woken while a burst is in flight. A stall is seen with its length minus
// the rest of the current beat, so that a stall of two beats is seen as at least one beat.
const canaryBeat = 5 * time.Millisecond

// mostLates bounds the number of remembered latenesses.
const mostLates = 64

// late is one lateness: at is the moment it ended.
type late struct {
	at, by time.Duration
	loop   bool // an event loop told of it; else it is the canary's own
}

// canary is a goroutine that sleeps in the kernel for a beat, like an event loop that waits for a socket, and records
// how late it wakes: the kernel had no core for it, or Go's scheduler no P. It is parked while no burst is in flight.
type canary struct {
	now   func() time.Duration
	sleep func(time.Duration) // may return early
	wake  chan struct{}       // of one place: a canary that is parked has a window to watch
	done  chan struct{}       // closed when the goroutine is

	mu     sync.Mutex
	open   int // windows
	closed bool
	due    time.Duration // when it is to be back; holds while a window is open
	// lates has the past that open windows may ask for: from the oldest to the newest, each longer than all after it.
	// What a later and longer one follows can be no window's worst.
	lates []late
}

// startCanary starts a canary; defect is told of its panic.
func startCanary(now func() time.Duration, sleep func(time.Duration), defect func(error)) *canary {
	c := &canary{
		now: now, sleep: sleep, wake: make(chan struct{}, 1), done: make(chan struct{}),
		lates: make([]late, 0, mostLates),
	}
	fail.Go(defect, c.run, func() { close(c.done) })
	return c
}

// run beats until the canary is closed.
func (c *canary) run() {
	for {
		c.mu.Lock()
		parked, closed, due := c.open == 0, c.closed, c.due
		c.mu.Unlock()
		switch {
		case closed:
			return
		case parked:
			<-c.wake
		default:
			c.sleep(due - c.now())
			c.beat()
			// A goroutine that only ever wakes from system calls keeps the time slice in which it began. The runtime
			// then takes its processor at every call and looks for more to take every 20 µs; see ReserveProcessors.
			runtime.Gosched()
		}
	}
}

// beat records a lateness, if the canary has woken and was not early.
func (c *canary) beat() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if c.open == 0 || now < c.due {
		return
	}
	c.note(late{at: now, by: now - c.due})
	c.due = now + canaryBeat
}

// away records that an event loop was absent until now.
func (c *canary) away(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open > 0 {
		c.note(late{at: c.now(), by: d, loop: true})
	}
}

func (c *canary) note(l late) {
	for n := len(c.lates); n > 0 && c.lates[n-1].by <= l.by; n-- {
		c.lates = c.lates[:n-1]
	}
	if len(c.lates) == mostLates {
		// The shortest grows into the new one's place: too much is said rather than too little.
		c.lates[mostLates-1].at = l.at
		return
	}
	c.lates = append(c.lates, l)
}

// openWindow opens a window.
func (c *canary) openWindow() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open++
	if c.open == 1 {
		c.due = c.now() + canaryBeat
		c.lates = c.lates[:0]
		c.nudge()
	}
}

// closeWindow ends a window.
func (c *canary) closeWindow() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open = max(c.open-1, 0)
}

// worst is the longest lateness from a given time until now, as far as it is after that time. A canary that is overdue
// counts.
func (c *canary) worst(from time.Duration) (w late) {
	c.mu.Lock()
	defer c.mu.Unlock()
	see := func(l late) {
		l.by = min(l.by, l.at-from)
		if l.by > w.by {
			w = l
		}
	}
	for _, l := range c.lates {
		see(l)
	}
	if now := c.now(); c.open > 0 {
		see(late{at: now, by: now - c.due})
	}
	return w
}

// close ends the goroutine and waits for it: at most a beat, and its lateness.
func (c *canary) close() {
	c.mu.Lock()
	c.closed = true
	c.nudge()
	c.mu.Unlock()
	<-c.done
}

// nudge makes a parked canary check again.
func (c *canary) nudge() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}
