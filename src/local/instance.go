package local

import (
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/local/sandbox"
)

// instance is one process or container of a function, from the request that starts it to its last.
type instance struct {
	id      string
	fn      *function
	slots   chan struct{} // one token per request that the function may hold or wait for
	wake    chan struct{} // something is in the inbox
	removed chan struct{} // closed when nothing of it is left

	// Guarded by fn.mu.
	active    int // requests given and not yet released
	isReady   bool
	retired   bool // takes no further requests
	available bool // is in fn.available
	idleSince time.Time
	idleLimit time.Duration // how long the idle period that began then may last
	idle      *time.Timer
	idleDue   time.Time // when it runs next; zero: it is not set

	// Set before it starts.
	api  *apiServer // nil where the function is not asked through the Runtime API
	tmp  string
	pull time.Duration // what its image's pull took, where there was one for it

	cell atomic.Pointer[sandbox.Cell] // of a process, known before its start returns

	output atomic.Pointer[outputPipe] // what it prints
	tail   atomic.Pointer[logTail]    // of the invocation that it has, where its caller wants it

	recording sync.RWMutex // held for reading while a request that may have its answer is not recorded

	pid     atomic.Int64  // of a process
	spawned chan struct{} // closed once pid is known, or there is none

	body running // guarded by mu; nil: not started

	mu       sync.Mutex
	started  time.Time
	ready    time.Time // first asked for work; zero: not yet
	inbox    []*invocation
	waiting  []*apiConn // connections of its runtime that wait for work; none while something is in the inbox
	inflight map[string]*invocation
	late     map[string]bool // requests whose time is up and which the function still holds
	dead     bool
	lastPeak int64  // what peak was at the end
	used     bool   // has been given its first request
	reason   result // why it was ended; its kind is empty when it ended by itself
	initFail string // what the function reported to /init/error
	initBody []byte // likewise, as it was sent
	endInit  *time.Timer
	clock    *time.Timer // of the requests' timeout
	watching bool        // it is set
}

func newInstance(fn *function) *instance {
	return &instance{
		id: randomHex(16), fn: fn,
		slots: make(chan struct{}, fn.spec.Concurrency), wake: make(chan struct{}, fn.spec.Concurrency),
		removed: make(chan struct{}), spawned: make(chan struct{}),
		inflight: map[string]*invocation{}, late: map[string]bool{},
	}
}

// start starts it. In any case, finish runs once and every invocation gets its result.
func (in *instance) start() {
	time.Sleep(in.fn.platform.opts.UnpackDelay)
	in.mu.Lock()
	in.started = time.Now()
	in.mu.Unlock()
	body, last, err := in.launch()
	if err != nil {
		in.end(result{kind: kindStart, msg: fmt.Sprintf("function %s: %v", in.fn.spec.Name, err),
			class: "Runtime.InvalidEntrypoint"})
		fail.Go(in.fn.platform.defect, func() { in.finish("") })
		return
	}
	fail.Go(in.fn.platform.defect, func() {
		<-body.Exited()
		in.finish(in.lastWords(last))
	})
}

// launch prepares everything an instance needs and starts it; the channel gives the last line of its output.
func (in *instance) launch() (body running, last chan string, err error) {
	p := in.fn.platform
	start := in.startProcess
	if in.fn.image != nil {
		start = in.startContainer
	}
	body, output, err := start()
	if err != nil {
		return nil, nil, err
	}
	in.mu.Lock()
	in.body = body
	if in.ready.IsZero() { // it may be ready already
		in.endInit = time.AfterFunc(p.opts.InitTimeout, fail.Caught(p.defect, in.initTimedOut))
	}
	if in.reason.kind != "" { // ended while it was being started
		body.Kill()
	}
	unlimited := !in.ready.IsZero() && in.cell.Load() == nil // it was ready before it could be limited
	in.mu.Unlock()
	if unlimited {
		_ = in.fn.limitCPU(body)
	}
	last = make(chan string, 1)
	pipe := &outputPipe{ReadCloser: output}
	in.output.Store(pipe)
	also := func(line []byte) { in.tail.Load().line(line) }
	fail.Go(p.defect, func() { last <- in.fn.log.copyLines(pipe, also) }, func() { _ = output.Close() })
	return body, last, nil
}

// lastWords waits for the rest of the output. After the process group has ended, usually no process holds the pipe. A
// process that left the group may hold it until the cell's group is removed.
func (in *instance) lastWords(last chan string) string {
	select {
	case line := <-last:
		return line
	case <-time.After(time.Second):
		return ""
	}
}

// newAPI is the instance's Runtime API.
func (in *instance) newAPI(listener net.Listener) *apiServer {
	s := &apiServer{handler: (*runtimeAPI)(in), listener: listener, defect: in.fn.platform.defect,
		conns: map[net.Conn]bool{}}
	if in.fn.image == nil {
		s.identify = in.isOwn
	}
	return s
}

// watchTime has the instance's requests looked at after that time, or earlier: there is one timer for all of them, and
// none is set anew for each, because each setting may wake a thread. The caller holds in.mu.
func (in *instance) watchTime(after time.Duration) {
	switch {
	case in.watching:
		return
	case in.clock == nil:
		in.clock = time.AfterFunc(after, fail.Caught(in.fn.platform.defect, in.expire))
	default:
		in.clock.Reset(after)
	}
	in.watching = true
}

// expire ends the invocations that timed out.
func (in *instance) expire() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.watching = false
	next := time.Duration(math.MaxInt64)
	for _, inv := range in.inflight {
		next = min(next, in.timeLeft(inv))
	}
	for _, inv := range slices.Clone(in.inbox) {
		next = min(next, in.timeLeft(inv))
	}
	if next < math.MaxInt64 && !in.dead {
		in.watchTime(next)
	}
}

// timeLeft is how long an invocation may still take; one that timed out is ended and takes no more time. The time runs
// from when the function has it or, while the function does not ask for it, from when it could have had it. The caller
// holds in.mu.
func (in *instance) timeLeft(inv *invocation) time.Duration {
	if inv.over {
		return math.MaxInt64
	}
	since := inv.taken
	if since.IsZero() {
		since = in.ready
		if inv.given.After(since) {
			since = inv.given
		}
		if in.ready.IsZero() {
			since = time.Now() // still starting: the init timeout is in charge
		}
	}
	if left := in.fn.timeout - time.Since(since); left > 0 {
		return left
	}
	if !inv.taken.IsZero() {
		in.late[inv.id] = true
	}
	in.deliver(inv, result{
		kind: kindTimeout, class: "Sandbox.Timedout",
		msg: fmt.Sprintf("function %s: Task timed out after %.2f seconds", in.fn.spec.Name, in.fn.timeout.Seconds()),
	})
	return math.MaxInt64
}

// deliver gives an invocation its result, once. If no goroutine waits for the result, the invocation continues on a new
// one. The caller holds in.mu.
func (in *instance) deliver(inv *invocation, res result) {
	if in.setResult(inv, res) && inv.resume != nil {
		fail.Go(in.fn.platform.defect, inv.resume)
	}
}

// setResult gives an invocation its result, once; the caller, who holds in.mu, then calls its resume if it has one.
func (in *instance) setResult(inv *invocation, res result) bool {
	if inv.over {
		return false
	}
	inv.over = true
	inv.stream.interrupt()
	delete(in.inflight, inv.id)
	res.at = time.Now()
	inv.result <- res
	return true
}

// initTimedOut ends an instance that was not ready in time.
func (in *instance) initTimedOut() {
	why := in.notReady()
	in.mu.Lock()
	late := !in.ready.IsZero()
	in.mu.Unlock()
	if late {
		return // it got ready while its ports were looked at, and serves
	}
	in.end(result{
		kind: kindInitTimeout, class: "Sandbox.Timedout",
		msg: fmt.Sprintf("function %s was not ready %v after its start: %s",
			in.fn.spec.Name, in.fn.platform.opts.InitTimeout, why),
	})
}

// end kills the instance for a reason; the first reason counts. Requests that have their answer are recorded before,
// while the instance's memory can be read.
func (in *instance) end(why result) {
	in.recording.Lock()
	in.mu.Lock()
	if !in.dead && in.reason.kind == "" {
		in.reason = why
	}
	in.mu.Unlock()
	in.recording.Unlock()
	in.kill()
}

func (in *instance) kill() {
	in.mu.Lock()
	body := in.body
	in.mu.Unlock()
	if body != nil {
		body.Kill()
	}
}

// finish cleans up after the dead instance: its requests get their results, then everything that it used is released.
func (in *instance) finish(lastLine string) {
	in.failAll(lastLine)
	in.fn.instanceDied(in)
	var errs []error
	if in.api != nil {
		errs = append(errs, in.api.Close())
	}
	if in.body != nil {
		errs = append(errs, in.fn.left.try(in.body.Release))
	}
	if in.tmp != "" {
		errs = append(errs, in.fn.left.try(in.removeTmp))
	}
	if err := errors.Join(errs...); err != nil {
		in.fn.platform.opts.Warnf("instance %s of function %s: %v", in.id, in.fn.spec.Name, err)
	}
	close(in.removed)
	in.fn.instanceRemoved(in)
}

// failAll gives every request that is still inside its result.
func (in *instance) failAll(lastLine string) {
	crash, peak := in.post(lastLine), in.peak()
	in.mu.Lock()
	defer in.mu.Unlock()
	in.dead, in.lastPeak = true, peak
	for _, timer := range []*time.Timer{in.endInit, in.clock} {
		if timer != nil {
			timer.Stop()
		}
	}
	for _, inv := range in.inflight {
		in.deliver(inv, crash)
	}
	for _, inv := range in.inbox {
		if in.ready.IsZero() || in.reason.kind == kindRemoved {
			in.deliver(inv, crash)
		} else {
			in.deliver(inv, result{kind: kindUndelivered, msg: crash.msg})
		}
	}
	in.inbox = nil
}

// post says why the instance is dead, in Lambda's words where there are any.
func (in *instance) post(lastLine string) result {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.reason.kind != "" {
		return in.reason
	}
	how, outOfMemory := in.body.Verdict()
	kind, class := kindCrash, "Runtime.ExitError"
	if outOfMemory {
		kind, class = kindOutOfMemory, "Runtime.OutOfMemory"
	}
	in.reason = result{kind: kind, class: class,
		msg: fmt.Sprintf("function %s: Runtime exited: %s", in.fn.spec.Name, how)}
	switch {
	case in.ready.IsZero() && in.initFail != "":
		in.reason.kind, in.reason.body = kindInitError, in.initBody
		in.reason.msg = fmt.Sprintf("function %s failed while it started: %s", in.fn.spec.Name, in.initFail)
	case in.ready.IsZero() && kind == kindCrash:
		in.reason.kind = kindInitCrash
		in.reason.msg = fmt.Sprintf("function %s ended before it was ready: Runtime exited: %s", in.fn.spec.Name, how)
		if lastLine != "" {
			in.reason.msg += "; its last output: " + lastLine
		}
	}
	in.fn.log.printf("Instance %s: %s\t%s", in.id, in.reason.msg, class)
	return in.reason
}

// ending reports whether the instance is dead or was asked to end.
func (in *instance) ending() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.dead || in.reason.kind != ""
}

// initDuration is the time from the start to the first request for work, or to now while there was none.
func (in *instance) initDuration() time.Duration {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.ready.IsZero() {
		return time.Since(in.started)
	}
	return in.ready.Sub(in.started)
}

// peak is the most memory that the instance has used, in bytes, 0 where that is not known.
func (in *instance) peak() int64 {
	in.mu.Lock()
	body, dead, last := in.body, in.dead, in.lastPeak
	in.mu.Unlock()
	if dead { // it is on its way out
		return last
	}
	if body == nil {
		return 0
	}
	return body.Peak()
}
