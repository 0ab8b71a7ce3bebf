package probe

import (
	"encoding/binary"
	"net/url"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/vhive-serverless/STeLLAR/src/probe/answer"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// gRPC over HTTP/2, as github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md has it: a unary call is one message with
// a prefix of five bytes in each direction, and the status stands in the trailers.

// callMethod is the unary method of functions on vHive and Knative.
const callMethod = "/proto_gen.ProducerConsumer/InvokeNext"

// callPath is the method that a target's URL names, else that of the functions.
func (t *target) callPath() string {
	if t.path == "/" {
		return callMethod
	}
	return t.path
}

// Numbers of the fields of InvokeChainRequest.
const (
	callIncrements = 1
	callChain      = 2
	callPayload    = 3
)

// callMessage is a request's message with its prefix; it has the parameters of the functions' contract.
func callMessage(q url.Values) []byte {
	var m []byte
	for _, f := range []struct {
		number protowire.Number
		name   string
	}{{callIncrements, "IncrementLimit"}, {callChain, "DataTransferChainIDs"}, {callPayload, "PayloadLengthBytes"}} {
		if value := q.Get(f.name); value != "" {
			m = protowire.AppendString(protowire.AppendTag(m, f.number, protowire.BytesType), value)
		}
	}
	out := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(m))) // 0: not compressed
	return append(out, m...)
}

// judgeCall is the class of a call's answer. Its status becomes the corresponding HTTP status in Google's API design
// guide (google/rpc/code.proto), so that rows of all protocols can be read alike.
func judgeCall(r *response) sample.Class {
	if r.status != 200 {
		return statusClass(r.status)
	}
	code, err := strconv.Atoi(answer.Header(r.head, "grpc-status"))
	statuses := [...]int{200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401}
	if err != nil || code < 0 || code >= len(statuses) {
		return sample.Protocol
	}
	if r.status = statuses[code]; code == 4 { // DEADLINE_EXCEEDED
		return sample.Timeout
	}
	return statusClass(r.status)
}

// reason is the text of a call's status, bounded; empty if it has none.
func (r *response) reason() string {
	text := answer.Header(r.head, "grpc-message")
	if plain, err := url.PathUnescape(text); err == nil {
		text = plain
	}
	return answer.Clean(text)
}
