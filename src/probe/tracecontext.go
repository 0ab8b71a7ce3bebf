package probe

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
)

// With Config.TraceContext every request has a header field traceparent of its own (W3C Trace Context, section 3.2):
// version 00, a trace id of 32 hex digits, the client's span id of 16, and the flag that says that the trace is
// recorded. The span id is the second half of the trace id, so that the row's trace id says both.
const (
	traceField  = "traceparent"
	traceDigits = 32
	blankTrace  = "00-00000000000000000000000000000000-0000000000000000-01"
	traceStart  = len("00-")
	spanStart   = traceStart + traceDigits + 1
)

// appendTraceLine appends the field to the head of an HTTP/1.1 request; at is where the trace id begins.
func appendTraceLine(head []byte) (out []byte, at int) {
	head = append(head, traceField+": "...)
	at = len(head) + traceStart
	return append(head, blankTrace+"\r\n"...), at
}

// appendTraceField appends the field to a header block of HTTP/2: a literal without indexing and with a new name, not
// in Huffman's code (RFC 7541, section 6.2.2), so that the digits can be replaced.
func appendTraceField(block []byte) (out []byte, at int) {
	block = append(block, 0, byte(len(traceField)))
	block = append(block, traceField...)
	block = append(block, byte(len(blankTrace)))
	at = len(block) + traceStart
	return append(block, blankTrace...), at
}

// newTrace draws a trace id. It is not of the experiment's seed: two runs of one file must not share traces. Neither
// half is zero, which would not be valid.
func newTrace() (id [16]byte) {
	for _, half := range [][]byte{id[:8], id[8:]} {
		n := rand.Uint64()
		for n == 0 {
			n = rand.Uint64()
		}
		binary.BigEndian.PutUint64(half, n)
	}
	return id
}

// identify gives the slot a copy of its request with a trace of its own, where requests have one. The buffer is used
// again: nothing is allocated in a sustained load.
func (s *slot) identify() {
	shared := &s.b.requests[s.variant]
	if shared.trace == 0 {
		return
	}
	s.trace = newTrace()
	s.traced.body = shared.body
	s.traced.head = append(s.traced.head[:0], shared.head...)
	digits := s.traced.head[shared.trace:]
	hex.Encode(digits, s.trace[:])
	copy(digits[spanStart-traceStart:], digits[traceDigits/2:traceDigits])
}

// request is what the slot sends.
func (s *slot) request() *message {
	if len(s.traced.head) > 0 {
		return &s.traced
	}
	return &s.b.requests[s.variant]
}

// traceID is the row's.
func (s *slot) traceID() string {
	if len(s.traced.head) == 0 {
		return ""
	}
	return hex.EncodeToString(s.trace[:])
}
