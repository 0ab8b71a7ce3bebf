package local

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// Response streaming (docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming).
const (
	maxStream       = 200 << 20 // bytes of a streamed response
	streamPiece     = 64 << 10  // the most that is passed on at once
	responseMode    = "Lambda-Runtime-Function-Response-Mode"
	httpIntegration = "application/vnd.awslambda.http-integration-response"
)

// Why a streamed response ends early.
var (
	errCallerGone  = errors.New("the caller does not read any more")
	errInterrupted = errors.New("the invocation has ended")
)

// streamClient gets a function's response while the function writes it.
type streamClient interface {
	// begin is called once, before the first piece. contentType is what the function says of its response.
	begin(contentType string)
	// piece passes a part on; after an error, the rest of the response is not wanted. p is not kept.
	piece(p []byte) error
}

// stream is a response on its way from the function to a caller who wants it as it comes. The function's connection
// writes and the caller's reads, so that each keeps to its own goroutine.
type stream struct {
	client streamClient
	begun  chan struct{} // closed when the response begins; contentType is set then
	once   sync.Once

	contentType string
	read        *io.PipeReader
	write       *io.PipeWriter
}

func newStream(c streamClient) *stream {
	s := &stream{client: c, begun: make(chan struct{})}
	s.read, s.write = io.Pipe()
	return s
}

// await gives the invocation's result. A streamed response is passed on meanwhile.
func (inv *invocation) await() result {
	if inv.stream == nil {
		return <-inv.result
	}
	select {
	case res := <-inv.result:
		select {
		case <-inv.stream.begun: // an empty response, or one that was interrupted at once
			inv.stream.pump()
		default:
		}
		return res
	case <-inv.stream.begun:
		inv.stream.pump()
		return <-inv.result
	}
}

// pump passes the response on to its end. The function is not stopped when the caller is gone.
func (s *stream) pump() {
	s.client.begin(s.contentType)
	for buf := make([]byte, streamPiece); ; {
		n, err := s.read.Read(buf)
		if n > 0 && s.client.piece(buf[:n]) != nil {
			_ = s.read.CloseWithError(errCallerGone)
			return
		}
		if err != nil {
			return
		}
	}
}

// serveStream reads a response that the function sends while it makes it.
func (in *instance) serveStream(w http.ResponseWriter, r *http.Request, inv *invocation) {
	s := inv.stream
	s.once.Do(func() {
		s.contentType = r.Header.Get("Content-Type")
		close(s.begun)
	})
	limit := int64(maxStream)
	if s.contentType == httpIntegration {
		limit += maxPrelude
	}
	size, err := s.copyFrom(r.Body, limit)
	_ = s.write.CloseWithError(err) // nil: io.EOF
	var big *tooBig
	if err != nil && !errors.As(err, &big) {
		in.awaitEnd() // an instance that has ended says why
	}
	res := result{streamed: true}
	switch fault := r.Trailer.Get("Lambda-Runtime-Function-Error-Type"); {
	case errors.As(err, &big):
		res.kind, res.class = kindResponseTooLarge, classTooLarge
		res.msg = fmt.Sprintf("function %s: response payload size exceeded maximum allowed payload size (%d bytes)",
			in.fn.spec.Name, maxStream)
	case err != nil:
		res.kind, res.class = kindCrash, "Runtime.TruncatedResponse"
		res.msg = fmt.Sprintf("function %s: its response broke off after %d bytes: %v", in.fn.spec.Name, size, err)
	case fault != "":
		res.kind, res.class = kindFunctionError, oneLineOf(fault)
		res.body, _ = base64.StdEncoding.DecodeString(r.Trailer.Get("Lambda-Runtime-Function-Error-Body"))
		res.msg = fmt.Sprintf("function %s: %s in the middle of its response", in.fn.spec.Name, res.class)
	}
	switch {
	case !in.completeInvocation(inv, res):
		in.refuseAnswer(w, inv.id)
	case big != nil:
		answer(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", res.msg)
	default:
		accept(w)
	}
}

// awaitEnd waits a moment for the instance's end, after which its requests have their results.
func (in *instance) awaitEnd() {
	timer := time.NewTimer(time.Second)
	defer timer.Stop()
	select {
	case <-in.removed:
	case <-timer.C:
	}
}

// copyFrom passes a body on, piece by piece as it comes. A caller who is gone does not end it: the rest is read, so
// that the function ends as it would have.
func (s *stream) copyFrom(body io.Reader, limit int64) (size int64, err error) {
	wanted := true
	for buf := make([]byte, streamPiece); ; {
		n, err := body.Read(buf)
		if size += int64(n); size > limit {
			return size, &tooBig{limit}
		}
		if n > 0 && wanted {
			_, gone := s.write.Write(buf[:n])
			wanted = gone == nil
		}
		switch {
		case errors.Is(err, io.EOF):
			return size, nil
		case err != nil:
			return size, err
		}
	}
}

// interrupt ends the response of an invocation that is over, if it is not complete.
func (s *stream) interrupt() {
	if s != nil {
		_ = s.write.CloseWithError(errInterrupted)
	}
}
