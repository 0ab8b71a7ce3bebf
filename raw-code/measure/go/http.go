package main

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"
)

// maxCmds is how much of a body that may be a request for micro-tests is kept to be looked at.
const maxCmds = 1 << 20

// serveHTTP answers on the port until the process is ended, on every address of the machine unless STELLAR_HOST names
// one.
func serveHTTP(f *function, port string) error {
	timeout := time.Duration(0)
	if s, err := strconv.ParseFloat(os.Getenv("STELLAR_TIMEOUT_SECONDS"), 64); err == nil && s > 0 {
		timeout = time.Duration(s * float64(time.Second))
	}
	server := &http.Server{Addr: net.JoinHostPort(os.Getenv("STELLAR_HOST"), port), Handler: httpHandler(f, timeout),
		ReadHeaderTimeout: time.Minute}
	speakHTTP2(server)
	f.ready()
	return server.ListenAndServe()
}

// httpHandler translates HTTP requests, and leaves gRPC calls to serveCall; a request may run for timeout, 0 if that is
// not known.
func httpHandler(f *function, timeout time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if isCall(req) {
			f.serveCall(w, req, timeout)
			return
		}
		r := request{instance: f.claim(), id: httpRequestID(req.Header), token: req.Header.Get("X-Stellar-Token")}
		query, queryErr := url.ParseQuery(req.URL.RawQuery)
		r.param = fromQuery(query)
		err := r.readBody(req.Body, query.Has(shaParameter), req.ContentLength)
		r.received = time.Now() // the whole request is in
		if timeout > 0 {
			r.deadline = r.received.Add(timeout)
		}
		var status int
		var answer []byte
		switch {
		case err != nil:
			status, answer = refusal(http.StatusBadRequest, "the request's body broke off: "+err.Error())
		case queryErr != nil:
			status, answer = refusal(http.StatusBadRequest, "the query cannot be read: "+queryErr.Error())
		default:
			status, answer = f.handle(r)
		}
		writeAnswer(w, status, answer)
	})
}

// readBody reads a request's body to its end. A payload is kept; of others only what may ask for something.
func (r *request) readBody(from io.Reader, payload bool, length int64) (err error) {
	if payload {
		room := max(0, min(length, maxPayload)) // or it would be copied as it grows
		kept := bytes.NewBuffer(make([]byte, 0, room+bytes.MinRead))
		_, err = io.Copy(kept, io.LimitReader(from, maxPayload+1))
		r.body = kept.Bytes()
		return err
	}
	body := bufio.NewReader(from)
	if first, _ := body.Peek(1); len(first) == 1 && first[0] == '{' {
		r.body, _ = io.ReadAll(io.LimitReader(body, maxCmds))
		r.cmds = askedCmds(r.body)
	}
	_, err = io.Copy(io.Discard, body)
	return err
}

func writeAnswer(w http.ResponseWriter, status int, answer []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
	w.WriteHeader(status)
	_, _ = w.Write(answer) // a client that has gone needs no answer
}

// httpRequestID finds the platform's name for the request. Anyone may send such a header: a long one is ignored.
func httpRequestID(h http.Header) string {
	for _, name := range []string{"X-Request-Id", "X-Cloud-Trace-Context", "Cf-Ray"} {
		if id := h.Get(name); id != "" && len(id) <= 256 {
			return id
		}
	}
	return ""
}

// fromQuery joins a parameter given twice as gateways do, so that it is refused in the same way everywhere.
func fromQuery(q url.Values) func(string) (string, bool) {
	return func(name string) (string, bool) {
		values, ok := q[name]
		if !ok {
			return "", false
		}
		joined := values[0]
		for _, v := range values[1:] {
			joined += "," + v
		}
		return joined, true
	}
}
