// Package sample has the record of one request and its CSV form; no other package knows the column names.
package sample

import (
	"math"
	"time"
)

// Class is the class of a failed request; the empty class is success.
type Class string

// The error classes of a failed request.
const (
	OK       Class = ""
	DNS      Class = "dns"
	Connect  Class = "connect"
	TLS      Class = "tls"
	Timeout  Class = "timeout"
	Reset    Class = "reset"
	HTTP5xx  Class = "http-5xx"
	HTTP4xx  Class = "http-4xx"
	Protocol Class = "protocol"
	TooLarge Class = "too-large"
	Function Class = "function-error" // an Invoke that reached the function, which failed
	Refused  Class = "refused"        // HTTP/2: the server says that it did not take the request, twice
	// a complete answer that is not what the experiment expects
	Unexpected Class = "unexpected"
	// what arrived is not what was sent: a payload of a chain that did not reach a function whole
	Payload Class = "payload"
)

// Tri is yes, no or unknown: it is Unknown for a function that does not report whether it was cold.
type Tri int8

// The three values of a Tri.
const (
	Unknown Tri = iota
	No
	Yes
)

// Sample is one request as the client saw it, with what the function reported. Durations that did not happen are
// negative (None); times that did not happen are zero.
//
// The times of a request are related: PlannedAt + Lateness = SentAt, the time of its slot's turn (its first byte was
// about to be written, or its connection to be opened). Every duration on the wire counts from there: SentAt + Latency
// = ReceivedAt. The time between a burst's release and a slot's turn is in Lateness and not in Latency; the burst's
// spread is the time between the first and the last SentAt + WriteBegan.
type Sample struct {
	RequestID  string
	Host       string
	Endpoint   string // the function's name, or the path probed
	SentAt     time.Time
	ReceivedAt time.Time     // the last byte of a complete response, whatever its status; zero where none came
	Latency    time.Duration // SentAt to last byte; None where the request failed
	Burst      int           // burst number within the sub-experiment, from 0
	Round      int
	Slot       int // place within the burst, from 0
	BurstSize  int
	Warmup     bool
	PlannedAt  time.Time
	Lateness   time.Duration
	NewConn    bool
	DNS        time.Duration
	Connect    time.Duration
	TLS        time.Duration
	FirstByte  time.Duration // SentAt to first byte of the response
	Status     int
	Err        Class
	Bytes      int64 // length of the response's body as far as it was read
	Cold       Tri
	InstanceID string
	Invocation int64
	Init       time.Duration
	Service    time.Duration // what the function measured around its spin
	Desired    time.Duration
	FnReceived time.Time // the function's clock when the request arrived

	ReleasedAt time.Time     // when the burst's barrier fell; zero where a request was not released with others
	WriteBegan time.Duration // SentAt to the request's first byte being sent: 0 on a connection that stood
	Written    time.Duration // SentAt to the last byte of the request being handed to the kernel
	// what the functions of a chain said, in data-transfers.csv; nil: nothing, or there is no chain
	Chain   *Chain
	Stream  *Stream // of a streamed response, in streams.csv and chunks.csv; nil: it is not looked at
	Cmds    *Cmds   // results of micro-tests, in cmds.csv; nil: none were asked for, or the function gave none
	Suspect string  // why the client may have made this latency, words joined by "+"; empty: no sign of it

	// how a cold row became cold, Forced or Idle; Missed: it is warm where a cold start was forced; empty: it is warm,
	// or it is not known
	ColdStart string

	// What the platform reports of the request.
	ProviderDuration time.Duration // of the function's code, without its init
	Billed           time.Duration
	ProviderInit     time.Duration
	Restore          time.Duration // of a snapshot, instead of an init
	MemorySizeMB     int           // as configured; 0: none
	MaxMemoryMB      int           // the most that was in use; 0: none

	// The parts of a cold row's latency, None on others. Rounded to µs, their sum is the latency.
	Network      time.Duration
	Residual     time.Duration // what is not reported: start of the sandbox, download and unpacking of the package
	Start        time.Duration // init or restore
	FirstRequest time.Duration

	Cost float64 // USD; NaN: none

	// number of the request's body among those that the experiment names, from 0; empty: it names one, or none
	Body string

	// of the trace that the request's header field traceparent named, 32 hex digits; empty: it had none
	TraceID string
}

// The values of ColdStart.
const (
	Forced = "forced" // the function was updated, or its instances were retired, so that the request had to be cold
	Idle   = "idle"   // no instance was alive
	Missed = "missed" // a cold start was forced, and an instance of before has answered: the row is warm
)

// None marks a duration that did not happen.
const None = time.Duration(-1)

// Empty is a sample of which nothing is known: every duration is None.
func Empty() Sample {
	return Sample{
		Latency: None, Lateness: None, DNS: None, Connect: None, TLS: None, FirstByte: None,
		Init: None, Service: None, Desired: None, WriteBegan: None, Written: None,
		ProviderDuration: None, Billed: None, ProviderInit: None, Restore: None,
		Network: None, Residual: None, Start: None, FirstRequest: None, Cost: math.NaN(),
	}
}

// Equal compares two rows; two that have no cost are alike in that.
func (s Sample) Equal(other Sample) bool {
	if math.IsNaN(s.Cost) && math.IsNaN(other.Cost) {
		s.Cost, other.Cost = 0, 0
	}
	return s == other
}
