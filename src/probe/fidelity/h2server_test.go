package fidelity

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/probe"
)

// playH2 has the standard library's server play the script: an implementation of HTTP/2 that the probe shares nothing
// with.
func (s *server) playH2(t *testing.T, l net.Listener) {
	t.Helper()
	h := &http.Server{
		Handler: s, ConnContext: s.connected, TLSConfig: s.tls, ReadHeaderTimeout: time.Minute,
		ErrorLog: log.New(io.Discard, "", 0), // handshakes that fail are what some scenarios are after
		HTTP2:    &http.HTTP2Config{MaxConcurrentStreams: cmp.Or(s.streams, 250)}, Protocols: new(http.Protocols),
	}
	h.Protocols.SetHTTP2(true)
	h.Protocols.SetUnencryptedHTTP2(true)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if s.secure {
			_ = h.ServeTLS(l, "", "") // it ends with the listener
		} else {
			_ = h.Serve(l)
		}
	}()
	t.Cleanup(func() {
		close(s.over)
		_ = h.Close()
		<-ended
	})
}

// ServeHTTP answers one request of HTTP/2, each in a goroutine of its own.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil { // a call's message comes behind its head
		return
	}
	h := s.logRequest(linkOf(r.Context()))
	body := s.reply(w, &h)
	if !s.pause(s.due(&h)) || h.reset && s.between == 0 {
		panic(http.ErrAbortHandler) // it resets the stream
	}
	h.first = time.Now()
	h.wrote = h.first
	if s.between > 0 {
		half := len(body) / 2
		_, err := w.Write(body[:half])
		if err != nil || http.NewResponseController(w).Flush() != nil || !s.pause(h.first.Add(s.between)) || h.reset {
			panic(http.ErrAbortHandler)
		}
		body = body[half:]
		h.wrote = time.Now()
	}
	s.enter(h)
	_, _ = w.Write(body)
	if s.protocol == probe.GRPC {
		w.Header().Set("Grpc-Status", callStatus(h.status))
	}
}

// reply sets the head of the answer and gives its body: of gRPC one message as the functions send it, which holds when
// the request came; its number is in the head then.
func (s *server) reply(w http.ResponseWriter, h *handled) []byte {
	number := strconv.Itoa(h.number)
	if s.protocol != probe.GRPC {
		w.Header().Set("Content-Type", "application/json")
		if h.status != http.StatusOK {
			w.WriteHeader(h.status)
		}
		body := fmt.Sprintf(`{"RequestID":%q}`, number)
		return []byte(body + strings.Repeat(" ", max(s.body-len(body), 0)))
	}
	w.Header().Set("Content-Type", "application/grpc")
	w.Header().Set("Trailer", "Grpc-Status")
	w.Header().Set("X-Request-Id", number)
	stamp := fmt.Sprintf("[%d]", h.read.UnixNano())
	message := append([]byte{1<<3 | 2, byte(len(stamp))}, stamp...) // field 1, a text
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
}

// callStatus is the status of gRPC that stands for one of HTTP (google/rpc/code.proto): OK or UNAVAILABLE.
func callStatus(status int) string {
	if status == http.StatusServiceUnavailable {
		return "14"
	}
	return "0"
}
