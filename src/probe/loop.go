package probe

import (
	"math"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// readiness is one socket's change.
type readiness struct {
	fd      int
	ended   bool // the other side has closed; what it sent before may still be unread
	in, out bool
}

// loop is one thread that owns sockets. All work on its connections, and on a slot between the start of its burst and
// the slot's end, happens on this thread, so nothing needs a lock. Other goroutines pass work to it with do.
type loop struct {
	index int
	poll  *poller
	base  time.Time // its clock counts from here
	conns []*conn   // by descriptor
	turn  int       // odd while what has changed is dispatched
	buf   []byte    // what has just been read; of use until the next read

	inFlight  []*slot       // slots that may still run out of time
	dialing   []*conn       // connections whose attempt may
	nextCheck time.Duration // before this instant none of them does
	timed     []timed       // what is to be done at an instant
	drive     *drive        // a sustained load's share; nil: none
	armed     []*burst      // that are prepared and have not left

	read, write func(fd int, b []byte) (int, error) // readSocket and writeSocket; tests have others
	stamped     stampedReader                       // of sockets that stamp arrivals, in place of read

	sockets int // open ones
	shaking int // goroutines that shake hands
	gate    gate

	defect func(error) // called when something of the loop has panicked
	failed func(error) // called once when the poller fails; may be nil

	mu    sync.Mutex
	tasks []func()
	spare []func()
	over  bool // nothing is taken on any more
	quit  bool
	done  chan struct{}
}

// timed is work for a time of the loop's clock.
type timed struct {
	at time.Duration
	do func()
}

const never = time.Duration(math.MaxInt64)

// newLoop starts a loop. It calls failed if its poller fails, and defect if something on it panics.
func newLoop(index int, base time.Time, g gate, failed, defect func(error)) (*loop, error) {
	p, err := newPoller()
	if err != nil {
		return nil, err
	}
	l := &loop{index: index, poll: p, base: base, gate: g, buf: make([]byte, 64<<10), nextCheck: never, failed: failed,
		defect: defect, read: readSocket, write: writeSocket, done: make(chan struct{})}
	fail.Go(defect, l.run, l.end)
	return l, nil
}

// now is the loop's clock: monotonic, the same for all loops of an engine.
func (l *loop) now() time.Duration { return time.Since(l.base) }

// do makes the loop call f soon; f must not block.
func (l *loop) do(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return
	}
	if l.tasks = append(l.tasks, f); len(l.tasks) == 1 {
		l.poll.wake()
	}
}

// at makes the loop call f at a time of its clock, or as soon after as it can. It may only be called on the loop's own
// thread.
func (l *loop) at(when time.Duration, f func()) { l.timed = append(l.timed, timed{when, f}) }

// stop ends the loop; its connections are closed.
func (l *loop) stop() {
	l.do(func() { l.quit = true })
	<-l.done
}

func (l *loop) run() {
	runtime.LockOSThread() // a thread that moves between processors' queues is late
	for !l.quit {
		l.poll.expectSoon(l.drive != nil && l.drive.overloaded && l.drive.roomy)
		ready := l.wait(l.waitTime())
		back := l.now()
		l.dispatch(ready)
		l.runTasks()
		l.runTimed()
		if l.drive != nil {
			l.drive.step()
		}
		l.expire()
		if l.drive != nil && l.drive.watch != nil {
			l.drive.watch.Away(l.now() - back) // so long a response may have waited
		}
	}
	for _, c := range l.conns {
		if c != nil {
			c.shut()
		}
	}
	for l.shaking > 0 { // they have been asked to stop
		l.wait(-1) // only for them to report
		l.runTasks()
	}
}

// end stops accepting work. After a panic there may be sockets: they are disconnected and not closed, because a
// handshake may still use their numbers.
func (l *loop) end() {
	l.mu.Lock()
	l.over = true
	l.mu.Unlock()
	for _, c := range l.conns {
		if c != nil && c.fd >= 0 {
			_ = unix.Shutdown(c.fd, unix.SHUT_RDWR)
		}
	}
	_ = l.poll.close()
	close(l.done)
}

// blindBeat is how often a loop looks for work after its poller has failed.
const blindBeat = time.Millisecond

// wait waits for the sockets. A poller that fails ends the run: the loop then has no news of its sockets, and only
// continues in order to end what is in flight when it is asked to.
func (l *loop) wait(d time.Duration) []readiness {
	ready := l.poll.wait(d)
	if l.poll.err == nil {
		return ready
	}
	if l.failed != nil {
		l.failed(l.poll.err)
		l.failed = nil
	}
	time.Sleep(blindBeat) // nothing wakes it
	return nil
}

// dispatchPending handles what has already arrived, so that the next work uses only connections that are still open.
func (l *loop) dispatchPending() {
	for range 64 {
		ready := l.poll.wait(0)
		l.dispatch(ready)
		if len(ready) == 0 {
			return
		}
	}
}

// dispatch informs the connections of changes. A socket that is made meanwhile may have the number of one that was
// closed meanwhile: it has the number of this turn, and ignores events for its number.
func (l *loop) dispatch(ready []readiness) {
	l.turn++
	for _, r := range ready {
		if c := l.connOf(r.fd); c != nil {
			c.changed(r)
			if l.drive != nil && l.drive.blocked { // what the connection is free for need not wait for the others
				l.drive.sendDue()
			}
		}
	}
	l.turn++
}

func (l *loop) connOf(fd int) *conn {
	if fd < len(l.conns) {
		return l.conns[fd]
	}
	return nil
}

// waitTime is how long the loop may wait for its sockets.
func (l *loop) waitTime() time.Duration {
	next := l.nextCheck
	for _, t := range l.timed {
		next = min(next, t.at)
	}
	if l.drive != nil {
		next = min(next, l.drive.due())
	}
	if next == never {
		return -1
	}
	return max(next-l.now(), 0)
}

func (l *loop) runTasks() {
	l.mu.Lock()
	l.tasks, l.spare = l.spare[:0], l.tasks
	l.mu.Unlock()
	for i, f := range l.spare {
		f()
		l.spare[i] = nil
	}
}

func (l *loop) runTimed() {
	for i := 0; i < len(l.timed); {
		t := l.timed[i]
		if t.at > l.now() {
			i++
			continue
		}
		l.timed = append(l.timed[:i], l.timed[i+1:]...)
		t.do()
	}
}

// watchDeadline makes the slot fail when its deadline passes.
func (l *loop) watchDeadline(s *slot, deadline time.Duration) {
	s.deadline = deadline
	l.nextCheck = min(l.nextCheck, deadline)
	if s.inFlightAt < 0 {
		s.inFlightAt = len(l.inFlight)
		l.inFlight = append(l.inFlight, s)
	}
}

// unwatchDeadline removes the slot from the list of deadlines.
func (l *loop) unwatchDeadline(s *slot) {
	if s.inFlightAt < 0 {
		return
	}
	last := len(l.inFlight) - 1
	l.inFlight[s.inFlightAt] = l.inFlight[last]
	l.inFlight[s.inFlightAt].inFlightAt = s.inFlightAt
	l.inFlight[last] = nil
	l.inFlight = l.inFlight[:last]
	s.inFlightAt = -1
}

// watchAttempt makes the connection's attempt fail if it takes too long.
func (l *loop) watchAttempt(c *conn) {
	l.nextCheck = min(l.nextCheck, c.attemptEnds)
	c.dialing = len(l.dialing)
	l.dialing = append(l.dialing, c)
}

func (l *loop) unwatchAttempt(c *conn) {
	if c.dialing < 0 {
		return
	}
	last := len(l.dialing) - 1
	l.dialing[c.dialing] = l.dialing[last]
	l.dialing[c.dialing].dialing = c.dialing
	l.dialing[last] = nil
	l.dialing = l.dialing[:last]
	c.dialing = -1
}

// expire ends what has timed out. Ending may start something else, so the lists are processed from their ends and the
// next check is computed last.
func (l *loop) expire() {
	now := l.now()
	if now < l.nextCheck {
		return
	}
	for i := len(l.dialing) - 1; i >= 0; i-- {
		if i < len(l.dialing) && l.dialing[i].attemptEnds <= now {
			l.dialing[i].attemptFailed(errAttempt)
		}
	}
	for i := len(l.inFlight) - 1; i >= 0; i-- {
		if i < len(l.inFlight) && l.inFlight[i].deadline <= now {
			l.inFlight[i].expire()
		}
	}
	l.nextCheck = never
	for _, c := range l.dialing {
		l.nextCheck = min(l.nextCheck, c.attemptEnds)
	}
	for _, s := range l.inFlight {
		l.nextCheck = min(l.nextCheck, s.deadline)
	}
}
