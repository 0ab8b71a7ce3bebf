package local

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// submit gives a request to a connection that waits for one, or puts it into the inbox; false: the instance is dead,
// and the request can go to another one.
func (in *instance) submit(inv *invocation) bool {
	in.mu.Lock()
	if in.dead {
		in.mu.Unlock()
		return false
	}
	in.watchTime(in.fn.timeout)
	if n := len(in.waiting); n > 0 {
		c := in.waiting[n-1]
		in.waiting = in.waiting[:n-1]
		in.take(inv)
		in.mu.Unlock()
		in.give(c, inv)
		return true
	}
	in.inbox = append(in.inbox, inv)
	in.mu.Unlock()
	select {
	case in.wake <- struct{}{}:
	default: // as many are pending as the function can ask for
	}
	return true
}

// serveNext waits for work. A function may have at most Concurrency requests for work at once, including its current
// work. The grace period covers a loop whose last request has not been seen to end yet.
func (in *instance) serveNext(c *apiConn) {
	select {
	case in.slots <- struct{}{}:
	default:
		grace := time.NewTimer(time.Second)
		defer grace.Stop()
		select {
		case in.slots <- struct{}{}:
		case <-grace.C:
			answer(c, http.StatusForbidden, "InvalidStateTransition",
				fmt.Sprintf("next: %d invocation(s) are already asked for or unanswered", cap(in.slots)))
			return
		}
	}
	in.noteReady()
	c.sent = true
	if inv := in.nextOrWait(c); inv != nil {
		in.hand(c, inv)
		return
	}
	_, gone := c.in.Peek(1) // it sends nothing before it has its event, so this ends with that, or with the connection
	if gone != nil && in.stopWaiting(c) {
		<-in.slots
		return
	}
	select {
	case <-c.given:
	case <-in.removed:
	}
}

// nextOrWait returns the oldest request in the inbox that is not over; without one, the connection waits for the next.
func (in *instance) nextOrWait(c *apiConn) *invocation {
	in.mu.Lock()
	defer in.mu.Unlock()
	inv := in.next()
	if inv == nil {
		in.waiting = append(in.waiting, c)
	}
	return inv
}

// stopWaiting takes a connection from those that wait for work; false: it has been given some.
func (in *instance) stopWaiting(c *apiConn) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	i := slices.Index(in.waiting, c)
	if i >= 0 {
		in.waiting = slices.Delete(in.waiting, i, i+1)
	}
	return i >= 0
}

// nextInvocation returns the oldest request in the inbox that is not over.
func (in *instance) nextInvocation() *invocation {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.next()
}

// next is nextInvocation for a caller that holds in.mu.
func (in *instance) next() *invocation {
	for len(in.inbox) > 0 {
		inv := in.inbox[0]
		in.inbox[0] = nil
		in.inbox = in.inbox[1:]
		if !inv.over {
			in.take(inv)
			return inv
		}
	}
	return nil
}

// take notes that the function gets a request now. The caller holds in.mu.
func (in *instance) take(inv *invocation) {
	in.inflight[inv.id] = inv
	inv.cold = !in.used
	in.used = true
	inv.taken = time.Now()
}

// give hands a request to a connection that has waited for it. A large event is written on a goroutine of its own: the
// request's own must see that it times out where the function does not read.
func (in *instance) give(c *apiConn, inv *invocation) {
	given := func() { c.given <- struct{}{} }
	if len(inv.event) > smallEvent {
		fail.Go(in.fn.platform.defect, func() { in.hand(c, inv) }, given)
		return
	}
	in.hand(c, inv)
	given()
}

// hand writes an event to the function.
func (in *instance) hand(c *apiConn, inv *invocation) {
	if inv.tail != nil {
		in.tail.Store(inv.tail)
	}
	start := append(append(append(make([]byte, 0, 80), "START RequestId: "...), inv.id...), " Version: $LATEST"...)
	in.fn.log.line(start)
	inv.tail.line(start)
	if err := c.send(in.eventHeader(inv), inv.event); err != nil {
		// The event is lost half-way: the function cannot be trusted to be in step.
		in.end(result{kind: kindCrash, class: "Runtime.Unknown", msg: fmt.Sprintf(
			"function %s: the connection to its runtime broke: %v", in.fn.spec.Name, err)})
	}
}

// eventHeader is the header of the answer to a request for work, with room for a small event behind it.
func (in *instance) eventHeader(inv *invocation) []byte {
	b := make([]byte, 0, 600+len(inv.context)+min(len(inv.event), smallEvent))
	b = append(b, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(inv.event)), 10)
	b = append(append(b, "\r\nLambda-Runtime-Aws-Request-Id: "...), inv.id...)
	b = append(b, "\r\nLambda-Runtime-Deadline-Ms: "...)
	b = strconv.AppendInt(b, inv.taken.Add(in.fn.timeout).UnixMilli(), 10)
	b = append(append(b, "\r\nLambda-Runtime-Invoked-Function-Arn: "...), in.fn.arn()...)
	b = append(append(b, "\r\nLambda-Runtime-Trace-Id: "...), inv.trace...)
	if inv.context != "" {
		b = append(append(b, "\r\nLambda-Runtime-Client-Context: "...), clientContext(inv.context)...)
	}
	return append(b, "\r\n\r\n"...)
}
