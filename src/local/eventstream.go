package local

import (
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"net/http"
)

// appendEventMessage adds one message of the encoding application/vnd.amazon.eventstream: lengths, headers and payload,
// each part with its CRC-32 (smithy.io/2.0/aws/amazon-eventstream.html). Headers are pairs of name and value, all
// strings.
func appendEventMessage(b []byte, payload []byte, headers ...string) []byte {
	const prelude, sums, stringType = 8, 8, 7
	length := 0
	for i := 0; i < len(headers); i += 2 {
		length += 1 + len(headers[i]) + 3 + len(headers[i+1])
	}
	from := len(b)
	b = binary.BigEndian.AppendUint32(b, uint32(prelude+sums+length+len(payload)))
	b = binary.BigEndian.AppendUint32(b, uint32(length))
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[from:]))
	for i := 0; i < len(headers); i += 2 {
		b = append(append(b, byte(len(headers[i]))), headers[i]...)
		b = binary.BigEndian.AppendUint16(append(b, stringType), uint16(len(headers[i+1])))
		b = append(b, headers[i+1]...)
	}
	b = append(b, payload...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[from:]))
}

// eventStream writes the answer of InvokeWithResponseStream.
type eventStream struct {
	w      http.ResponseWriter
	tail   *logTail
	begun  bool
	buffer []byte
}

var _ streamClient = (*eventStream)(nil)

func (e *eventStream) begin(string) {
	if e.begun {
		return
	}
	e.begun = true
	h := e.w.Header()
	h["Content-Type"] = []string{"application/vnd.amazon.eventstream"}
	h["X-Amz-Executed-Version"] = []string{"$LATEST"}
	e.w.WriteHeader(http.StatusOK)
}

func (e *eventStream) piece(p []byte) error {
	e.buffer = appendEventMessage(e.buffer[:0], p, ":event-type", "PayloadChunk",
		":content-type", "application/octet-stream", ":message-type", "event")
	return writeNow(e.w, e.buffer)
}

// end writes the last message: how the invocation ended.
func (e *eventStream) end(f *function, id string, res result) {
	e.begin("")
	var told struct {
		ErrorCode, ErrorDetails, LogResult string `json:",omitempty"`
	}
	if res.kind != "" {
		told.ErrorCode, told.ErrorDetails = unhandled, string(payloadOf(f, id, res))
	}
	if e.tail != nil {
		told.LogResult = e.tail.base64()
	}
	text, _ := json.Marshal(told) // strings always marshal
	_ = writeNow(e.w, appendEventMessage(nil, text, ":event-type", "InvokeComplete",
		":content-type", "application/json", ":message-type", "event"))
}

// writeNow writes and sends what is written.
func writeNow(w http.ResponseWriter, p []byte) error {
	if _, err := w.Write(p); err != nil {
		return err
	}
	return http.NewResponseController(w).Flush()
}

// invokeStreaming is the operation InvokeWithResponseStream.
func (c *apiCall) invokeStreaming() {
	f := c.accept()
	if f == nil {
		return
	}
	defer f.exit()
	if c.r.Header.Get("X-Amz-Invocation-Type") == "DryRun" {
		c.w.WriteHeader(http.StatusNoContent)
		return
	}
	inv := c.invocation()
	out := &eventStream{w: c.w, tail: inv.tail}
	inv.stream = newStream(out)
	res := f.invoke(c.r.Context(), inv)
	if !out.begun && c.refused(f, res) {
		return
	}
	if res.kind == "" && !res.streamed { // the function answers all at once
		out.begin("")
		_ = out.piece(payloadOf(f, c.id, res))
	}
	out.end(f, c.id, res)
}
