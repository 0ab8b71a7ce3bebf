package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// gRPC over HTTP/2, as github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md has it: a unary call is one message with
// a prefix of five bytes in each direction, and the status stands in the trailers.

const (
	callType   = "application/grpc"
	callMethod = "/proto_gen.ProducerConsumer/InvokeNext"
	prefixSize = 5

	// maxMessage leaves room for the fields beside the largest payload.
	maxMessage = maxPayload + 1<<20
	// maxWhy bounds what is told of an error: it travels in a header field.
	maxWhy = 1 << 10
)

// Status codes (github.com/grpc/grpc/blob/master/doc/statuscodes.md).
const (
	codeCancelled         = 1
	codeUnknown           = 2
	codeInvalidArgument   = 3
	codeDeadlineExceeded  = 4
	codeResourceExhausted = 8
	codeUnimplemented     = 12
	codeInternal          = 13
	codeUnavailable       = 14
	codeUnauthenticated   = 16
)

// callError is a call's end without a reply.
type callError struct {
	code int
	why  string
}

func (e *callError) Error() string { return e.why }

func callFails(code int, format string, args ...any) error {
	return &callError{code, fmt.Sprintf(format, args...)}
}

// isCall says whether a request is a gRPC call rather than an HTTP request.
func isCall(req *http.Request) bool {
	kind := req.Header.Get("Content-Type")
	return kind == callType || strings.HasPrefix(kind, callType+"+") || strings.HasPrefix(kind, callType+";")
}

// serveCall answers a gRPC call; it may run for timeout, 0 if that is not known.
func (f *function) serveCall(w http.ResponseWriter, req *http.Request, timeout time.Duration) {
	instance := f.claim()
	if req.ProtoMajor != 2 {
		status, why := refusal(http.StatusHTTPVersionNotSupported, "gRPC is spoken over HTTP/2, this came over "+
			req.Proto)
		writeAnswer(w, status, why)
		return
	}
	ctx, cancel, err := callDeadline(req, timeout)
	defer cancel()
	var message []byte
	if err == nil {
		message, err = f.answerCall(ctx, req, instance)
	}
	h := w.Header()
	h.Set("Content-Type", callType)
	if err == nil {
		h.Set(http.TrailerPrefix+"Grpc-Status", "0")
		// a client that has gone needs no reply
		_, _ = w.Write(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))))
		_, _ = w.Write(message)
		return
	}
	code, why := codeUnknown, err.Error()
	var said *callError
	if errors.As(err, &said) {
		code = said.code
	}
	h.Set("Grpc-Accept-Encoding", "identity")
	w.WriteHeader(http.StatusOK)
	h.Set(http.TrailerPrefix+"Grpc-Status", strconv.Itoa(code))
	h.Set(http.TrailerPrefix+"Grpc-Message", percentEncode(why))
}

// callDeadline is the call's context: it ends with the client's patience or the function's timeout, whichever is first.
func callDeadline(req *http.Request, timeout time.Duration) (context.Context, context.CancelFunc, error) {
	if text := req.Header.Get("Grpc-Timeout"); text != "" {
		given, ok := readTimeout(text)
		if !ok {
			return req.Context(), func() {}, callFails(codeInvalidArgument, "grpc-timeout is %q, that is no timeout",
				shorten(text))
		}
		if timeout == 0 || given < timeout {
			timeout = given
		}
	}
	if timeout == 0 {
		ctx, cancel := context.WithCancel(req.Context())
		return ctx, cancel, nil
	}
	ctx, cancel := context.WithTimeout(req.Context(), timeout)
	return ctx, cancel, nil
}

// answerCall does the work of one call.
func (f *function) answerCall(ctx context.Context, req *http.Request, instance Instance) ([]byte, error) {
	kind, _, _ := strings.Cut(req.Header.Get("Content-Type"), ";")
	switch {
	case req.URL.Path != callMethod || req.Method != http.MethodPost:
		return nil, callFails(codeUnimplemented, "there is no method %s here, only %s", shorten(req.URL.Path),
			callMethod)
	case kind != callType && kind != callType+"+proto":
		return nil, callFails(codeUnimplemented, "messages of type %s are not understood, only protocol buffers",
			shorten(kind))
	}
	token := req.Header.Get("X-Stellar-Token")
	if !f.admits(token) {
		return nil, callFails(codeUnauthenticated,
			"this function wants the run's token in the metadata x-stellar-token")
	}
	message, err := readMessage(req.Body)
	received := time.Now() // the whole request is in
	if err != nil {
		return nil, err
	}
	in, err := readRequest(message)
	if err != nil {
		return nil, callFails(codeInvalidArgument, "%v", err)
	}
	reply, err := f.passOn(ctx, visit{in: in, received: received, token: token, instance: instance,
		id: httpRequestID(req.Header)})
	if err != nil {
		return nil, err
	}
	return reply.encode(), nil
}

// readMessage reads the one message of a unary call, and nothing may follow it.
func readMessage(body io.Reader) ([]byte, error) {
	var prefix [prefixSize]byte
	if _, err := io.ReadFull(body, prefix[:]); err != nil {
		return nil, callFails(codeInternal, "the message broke off: %v", err)
	}
	size := int64(binary.BigEndian.Uint32(prefix[1:]))
	switch {
	case prefix[0] != 0:
		return nil, callFails(codeUnimplemented,
			"the message is compressed, it must not be: grpc-accept-encoding is identity")
	case size > maxMessage:
		return nil, callFails(codeResourceExhausted, "the message has %d bytes, at most %d are taken", size,
			int64(maxMessage))
	}
	message := make([]byte, size) // what does not come is never touched, and takes no memory
	if _, err := io.ReadFull(body, message); err != nil {
		return nil, callFails(codeInternal, "the message broke off: %v", err)
	}
	if n, err := body.Read(prefix[:1]); n != 0 || !errors.Is(err, io.EOF) {
		return nil, callFails(codeInternal, "something follows the message of a unary call")
	}
	return message, nil
}

// readTimeout reads a grpc-timeout: up to eight digits and a unit.
func readTimeout(text string) (time.Duration, bool) {
	last := len(text) - 1
	if last < 1 || last > 8 || !digits(text[:last]) {
		return 0, false
	}
	units := map[byte]time.Duration{'H': time.Hour, 'M': time.Minute, 'S': time.Second, 'm': time.Millisecond,
		'u': time.Microsecond, 'n': 1}
	unit, ok := units[text[last]]
	n, err := strconv.ParseInt(text[:last], 10, 64)
	if !ok || err != nil {
		return 0, false
	}
	if n > int64(longestTimeout/unit) {
		return longestTimeout, true
	}
	return time.Duration(n) * unit, true
}

// writeTimeout writes what is left of a deadline; milliseconds of an hour fit the eight digits.
func writeTimeout(left time.Duration) string {
	return strconv.FormatInt(min(int64(max(left, 0)/time.Millisecond)+1, 99999999), 10) + "m"
}

// percentEncode makes a grpc-message of a text: printable ASCII stays.
func percentEncode(text string) string {
	if len(text) > maxWhy {
		text = text[:maxWhy]
	}
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if c := text[i]; c < ' ' || c > '~' || c == '%' {
			b.WriteString(string([]byte{'%', hex[c>>4], hex[c&15]}))
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// percentDecode reads a grpc-message; what is encoded badly stays as it is.
func percentDecode(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) {
			if n, err := strconv.ParseUint(text[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(n))
				i += 2
				continue
			}
		}
		b.WriteByte(text[i])
	}
	return b.String()
}
