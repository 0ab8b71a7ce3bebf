package local

import (
	"math"
	"net/http"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/reportline"
)

// Values of the header X-Stellar-Error: what kind of failure a gateway answer is.
const (
	kindNoRoute          = "no-route"
	kindMethod           = "method"
	kindRequestTooLarge  = "request-too-large"
	kindResponseTooLarge = "response-too-large"
	kindBadRequest       = "bad-request"
	kindRequestTimeout   = "request-timeout"
	kindThrottled        = "throttled"
	kindQueueTimeout     = "queue-timeout"
	kindStart            = "start"
	kindInitCrash        = "init-crash"
	kindInitError        = "init-error"
	kindInitTimeout      = "init-timeout"
	kindCrash            = "crash"
	kindOutOfMemory      = "out-of-memory"
	kindTimeout          = "timeout"
	kindFunctionError    = "function-error"
	kindBadResponse      = "bad-response"
	kindRemoved          = "removed"
	kindUndelivered      = "undelivered" // never leaves the platform: the request is given to another instance
)

// statusOf returns the HTTP status of a kind of failure.
func statusOf(kind string) int {
	switch kind {
	case kindNoRoute:
		return http.StatusNotFound
	case kindMethod:
		return http.StatusMethodNotAllowed
	case kindBadRequest:
		return http.StatusBadRequest
	case kindRequestTimeout:
		return http.StatusRequestTimeout
	case kindRequestTooLarge, kindResponseTooLarge:
		return http.StatusRequestEntityTooLarge
	case kindThrottled, kindQueueTimeout:
		return http.StatusTooManyRequests
	case kindTimeout, kindInitTimeout:
		return http.StatusGatewayTimeout
	case kindRemoved, kindUndelivered:
		return http.StatusServiceUnavailable
	}
	return http.StatusBadGateway
}

// result is the outcome of an invocation: a response, or a failure.
type result struct {
	body  []byte
	raw   *rawResponse // the HTTP answer: a server's own, or what the gateway makes of body
	kind  string       // empty: success
	msg   string
	class string // Lambda's error type
	at    time.Time

	streamed bool // the caller has the response already
}

// invocation is one request on its way through an instance.
type invocation struct {
	id      string
	event   []byte
	raw     *rawRequest // in place of event, for a function that is an HTTP server
	direct  bool        // the answer goes to the caller as it is, not as an HTTP response
	onURL   bool        // it came to a function URL
	context string      // of the client, as the Invoke API takes it; empty: none
	stream  *stream     // of a caller who wants the response as it comes; nil: others
	tail    *logTail    // of a caller who wants the log's end; nil: others
	trace   string
	arrival time.Time // when the gateway had the whole request
	given   time.Time // when it was given to its instance
	own     bool      // the instance was started for it
	tries   int       // instances that were started for it
	result  chan result

	resume func() // continues with the result, where nobody waits for it; nil: others

	// Guarded by the instance's mu.
	taken time.Time // when the function asked for it; zero: not yet
	over  bool      // the result is in
	cold  bool
}

func newInvocation(id string) *invocation {
	return &invocation{id: id, arrival: time.Now(), result: make(chan result, 1)}
}

// again makes the same request anew for another instance; the one that died may still read the old one.
func (inv *invocation) again() *invocation {
	next := &invocation{id: inv.id, event: inv.event, raw: inv.raw, direct: inv.direct, onURL: inv.onURL,
		context: inv.context, trace: inv.trace, arrival: inv.arrival, tries: inv.tries, result: make(chan result, 1)}
	if inv.stream != nil {
		next.stream = newStream(inv.stream.client)
	}
	if inv.tail != nil {
		next.tail = &logTail{}
	}
	return next
}

// report returns the log data of a finished invocation.
func (inv *invocation) report(in *instance, res result) reportline.Report {
	r := reportline.Report{
		RequestID: inv.id, MemoryMB: in.fn.spec.MemoryMB, MaxMemory: int(in.peak() >> 20),
		Ended:    res.at,
		Instance: in.id, Cold: inv.cold || inv.own && inv.taken.IsZero(), ErrorClass: res.class,
	}
	r.Queue = inv.given.Sub(inv.arrival)
	if !inv.taken.IsZero() {
		r.Duration = res.at.Sub(inv.taken)
		if !inv.own {
			r.Queue = inv.taken.Sub(inv.arrival)
		}
	}
	if r.Cold {
		r.Init, r.Pull = in.initDuration(), in.pull
	}
	switch {
	case res.kind == kindTimeout || res.kind == kindInitTimeout:
		r.Status = "timeout"
	case res.kind != "":
		r.Status = "error"
	}
	r.Billed = bill(r.Duration, r.Init)
	return r
}

// bill returns what Lambda would bill for a request.
func bill(duration, init time.Duration) time.Duration {
	return time.Duration(math.Ceil(float64(duration+init)/1e6)) * time.Millisecond
}
