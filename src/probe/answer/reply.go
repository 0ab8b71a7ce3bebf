package answer

import (
	"encoding/binary"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// Numbers of the fields of InvokeChainReply. All functions on vHive tell the first; those from 100 up are the
// measurement function's.
const (
	replyStamps     = 1   // string: [ms ms]
	replyRequestID  = 100 // string
	replyInstanceID = 101 // string
	replyCold       = 102 // bool
	replyInvocation = 103 // int64
	replyInit       = 104 // int64, ns
	replySpin       = 105 // int64, ns
	replyReceived   = 106 // int64, Unix ns
	replyExact      = 108 // repeated message: function, Unix ns
	replyHops       = 109 // repeated message: function, sent, received (Unix ns), bytes, replied, answered (Unix ns)
)

// functionsMost is the number of functions of a chain that are read; it is also the longest chain that can be asked
// for.
const functionsMost = 1000

// callReply is the content of a reply's message. Missing numbers are nil.
type callReply struct {
	stamps          string
	requestID, inst string
	cold            *bool
	invocation      int64
	init, spin      optional
	received        int64
	exact           [][2]int64
	hops            [][6]int64
}

// parseReply parses a reply's body. Malformed parts are ignored.
func parseReply(body []byte) (r callReply, ok bool) {
	if len(body) < 5 || body[0] != 0 || int64(binary.BigEndian.Uint32(body[1:])) != int64(len(body)-5) {
		return callReply{}, false
	}
	ok = eachField(body[5:], func(number protowire.Number, value uint64, data []byte) bool {
		switch number {
		case replyStamps:
			r.stamps = string(data)
		case replyRequestID:
			r.requestID = string(data)
		case replyInstanceID:
			r.inst = string(data)
		case replyCold:
			is := value != 0
			r.cold = &is
		case replyInvocation:
			r.invocation = int64(value)
		case replyInit:
			r.init = optional{int64(value), true}
		case replySpin:
			r.spin = optional{int64(value), true}
		case replyReceived:
			r.received = int64(value)
		case replyExact:
			r.exact = append(r.exact, [2]int64{})
			return readInts(data, r.exact[len(r.exact)-1][:]) && len(r.exact) <= functionsMost
		case replyHops:
			r.hops = append(r.hops, [6]int64{3: -1})
			return readInts(data, r.hops[len(r.hops)-1][:]) && len(r.hops) <= functionsMost
		}
		return true
	})
	if !ok {
		return callReply{}, false
	}
	return r, true
}

// readInts parses a message of numbers; field n goes to index n-1.
func readInts(m []byte, to []int64) bool {
	return eachField(m, func(number protowire.Number, value uint64, _ []byte) bool {
		if int(number) <= len(to) {
			to[number-1] = int64(value)
		}
		return true
	})
}

// eachField goes through a message in the protocol buffers' encoding, past fields of other types than numbers and
// texts. It reports false where the message is malformed, or do says so.
func eachField(m []byte, do func(number protowire.Number, value uint64, data []byte) bool) bool {
	for len(m) > 0 {
		number, kind, n := protowire.ConsumeTag(m)
		if n < 0 {
			return false
		}
		m = m[n:]
		var value uint64
		var data []byte
		switch kind {
		case protowire.VarintType:
			value, n = protowire.ConsumeVarint(m)
		case protowire.BytesType:
			data, n = protowire.ConsumeBytes(m)
		case protowire.Fixed32Type, protowire.Fixed64Type:
			n = protowire.ConsumeFieldValue(number, kind, m)
		default: // groups, which this contract does not have
			return false
		}
		if n < 0 {
			return false
		}
		m = m[n:]
		if (kind == protowire.VarintType || kind == protowire.BytesType) && !do(number, value, data) {
			return false
		}
	}
	return true
}

// DescribeCall completes a row with what the message of a gRPC reply says. Functions of vHive itself send stamps only.
func DescribeCall(s *sample.Sample, body []byte) {
	r, ok := parseReply(body)
	if !ok {
		return
	}
	s.RequestID, s.InstanceID = Clean(r.requestID), Clean(r.inst)
	s.Invocation = max(r.invocation, 0)
	s.Init, s.Service = r.init.plausible(), r.spin.plausible()
	if r.cold != nil {
		s.Cold = triState(*r.cold)
	}
	stamps := r.instants()
	if s.FnReceived = instant(r.received); s.FnReceived.IsZero() && len(stamps) > 0 {
		s.FnReceived = stamps[0]
	}
	if len(stamps) > 1 || len(r.hops) > 0 {
		s.Chain = &sample.Chain{Stamps: stamps, Hops: r.ways()}
	}
}

// instants are the functions' stamps, in nanoseconds from functions that report them and in milliseconds from the
// others.
func (r *callReply) instants() []time.Time {
	texts := strings.Fields(strings.Trim(r.stamps, "[] "))
	if len(texts) > functionsMost {
		texts = texts[:functionsMost]
	}
	out := make([]time.Time, len(texts))
	for k, text := range texts {
		out[k] = parseStamp([]byte(text))
	}
	for _, e := range r.exact {
		if k := e[0]; k >= 0 && k < int64(len(out)) && !instant(e[1]).IsZero() {
			out[k] = instant(e[1])
		}
	}
	return out
}

// ways are the hops in their order.
func (r *callReply) ways() []sample.Hop {
	var out []sample.Hop
	for _, h := range r.hops {
		k := h[0]
		if k < 0 || k >= functionsMost {
			continue
		}
		for int64(len(out)) <= k {
			out = append(out, sample.Hop{Bytes: -1})
		}
		out[k] = sample.Hop{SentAt: instant(h[1]), ReceivedAt: instant(h[2]), Bytes: h[3], RepliedAt: instant(h[4]),
			AnsweredAt: instant(h[5])}
	}
	return out
}

// instant is a Unix time in nanoseconds, between the years 2001 and 2262 as stamp has it; anything else is none.
func instant(ns int64) time.Time {
	if ns < 1e18 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}
