package probe

import (
	"encoding/binary"
	"net/url"
	"strconv"
	"strings"

	"stellar/src/sample"
)

// gRPC over HTTP/2, as github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md has it: a unary call is one message with a
// prefix of five bytes in each direction, and the status stands in the trailers.

// callMethod is the unary method of functions on vHive and Knative.
const callMethod = "/proto_gen.ProducerConsumer/InvokeNext"

// callPath is the method that a target's URL names, else that of the functions.
func (t *target) callPath() string {
	if t.path == "/" {
		return callMethod
	}
	return t.path
}

// Numbers of the fields of InvokeChainRequest and InvokeChainReply.
const (
	callIncrements = 1
	callChain      = 2
	callPayload    = 3
	replyStamps    = 1
)

// callMessage is a request's message with its prefix: of the parameters those that the functions' contract has.
func callMessage(q url.Values) []byte {
	var m []byte
	for _, f := range []struct {
		number byte
		name   string
	}{{callIncrements, "IncrementLimit"}, {callChain, "DataTransferChainIDs"}, {callPayload, "PayloadLengthBytes"}} {
		if value := q.Get(f.name); value != "" {
			m = append(m, f.number<<3|2) // wire type 2: a length, then the text
			m = binary.AppendUvarint(m, uint64(len(value)))
			m = append(m, value...)
		}
	}
	out := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(m))) // 0: not compressed
	return append(out, m...)
}

// replyText finds the text with a number in a reply's message, past fields that are not known. What is malformed has none.
func replyText(body []byte, number uint64) (string, bool) {
	if len(body) < 5 || body[0] != 0 || int64(binary.BigEndian.Uint32(body[1:])) != int64(len(body)-5) {
		return "", false
	}
	for m := body[5:]; len(m) > 0; {
		key, n := binary.Uvarint(m)
		if n <= 0 {
			return "", false
		}
		m = m[n:]
		length, skip := uint64(0), 0
		switch key & 7 {
		case 0: // a number
			_, skip = binary.Uvarint(m)
		case 1:
			skip = 8
		case 2:
			length, skip = binary.Uvarint(m)
		case 5:
			skip = 4
		}
		if skip <= 0 || skip > len(m) || length > uint64(len(m)-skip) {
			return "", false
		}
		if key>>3 == number && key&7 == 2 {
			return string(m[skip : skip+int(length)]), true
		}
		m = m[skip+int(length):]
	}
	return "", false
}

// judgeCall is the class of a call's answer. Its status becomes the HTTP status that stands for it in Google's API design
// guide (google/rpc/code.proto), so that rows of all protocols read alike.
func judgeCall(r *response) sample.Class {
	if r.status != 200 {
		return statusClass(r.status)
	}
	code, err := strconv.Atoi(r.header("grpc-status"))
	statuses := [...]int{200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401}
	if err != nil || code < 0 || code >= len(statuses) {
		return sample.Protocol
	}
	if r.status = statuses[code]; code == 4 { // DEADLINE_EXCEEDED
		return sample.Timeout
	}
	return statusClass(r.status)
}

// describeCall completes a sample with what a reply says: the function's first stamp.
func (r *response) describeCall(s *sample.Sample) {
	stamps, ok := replyText(r.body, replyStamps)
	if !ok {
		return
	}
	first, _, _ := strings.Cut(strings.Trim(stamps, "[] "), " ")
	if first != "" {
		s.FnReceived = stamp([]byte(first))
	}
}
