// Package apitest is a Lambda Runtime API to test bootstraps and functions against: it hands out events one by one and
// keeps what is answered.
package apitest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"
)

const prefix = "/2018-06-01/runtime/"

// API is a running Runtime API.
type API struct {
	server    *httptest.Server
	events    chan event
	initError chan Answer
	closing   sync.Once

	mu      sync.Mutex
	waiting map[string]chan Answer
	count   int
	refuse  int
}

type event struct {
	id       string
	body     []byte
	deadline time.Time
}

// Answer is what the function said to one event.
type Answer struct {
	Path      string // after /2018-06-01/runtime/: invocation/<id>/response, invocation/<id>/error, init/error
	ErrorType string // header Lambda-Runtime-Function-Error-Type
	Body      []byte
}

// Start starts an API on loopback; Close ends it.
func Start() *API {
	a := &API{events: make(chan event), initError: make(chan Answer, 1), waiting: map[string]chan Answer{}}
	a.server = httptest.NewServer(a)
	return a
}

// Address is what belongs into AWS_LAMBDA_RUNTIME_API.
func (a *API) Address() string { return strings.TrimPrefix(a.server.URL, "http://") }

// Close breaks all connections. A second call does nothing.
func (a *API) Close() {
	a.closing.Do(func() {
		a.server.CloseClientConnections()
		a.server.Close()
	})
}

// RefuseResponses answers the next n responses with 413, as for one that is too long.
func (a *API) RefuseResponses(n int) {
	a.mu.Lock()
	a.refuse = n
	a.mu.Unlock()
}

// InitError waits for what the function says when it cannot start.
func (a *API) InitError(ctx context.Context) (Answer, error) {
	select {
	case answer := <-a.initError:
		return answer, nil
	case <-ctx.Done():
		return Answer{}, ctx.Err()
	}
}

// Invoke hands an event to the function and waits for its answer.
func (a *API) Invoke(ctx context.Context, body string, left time.Duration) (Answer, error) {
	a.mu.Lock()
	a.count++
	e := event{id: fmt.Sprintf("request-%d", a.count), body: []byte(body), deadline: time.Now().Add(left)}
	answers := make(chan Answer, 1)
	a.waiting[e.id] = answers
	a.mu.Unlock()
	select {
	case a.events <- e:
	case early := <-a.initError:
		return Answer{}, fmt.Errorf("the function did not start: %s", early.Body)
	case <-ctx.Done():
		return Answer{}, fmt.Errorf("no request asked for the event: %w", ctx.Err())
	}
	select {
	case answer := <-answers:
		return answer, nil
	case <-ctx.Done():
		return Answer{}, fmt.Errorf("no answer to the event: %w", ctx.Err())
	}
}

// ServeHTTP is the API's side of the conversation.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, ok := strings.CutPrefix(r.URL.Path, prefix)
	switch {
	case !ok:
		http.NotFound(w, r)
	case path == "invocation/next" && r.Method == http.MethodGet:
		a.next(w, r)
	case r.Method == http.MethodPost:
		a.take(w, r, path)
	default:
		http.NotFound(w, r)
	}
}

func (a *API) next(w http.ResponseWriter, r *http.Request) {
	select {
	case e := <-a.events:
		h := w.Header()
		h.Set("Lambda-Runtime-Aws-Request-Id", e.id)
		h.Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(e.deadline.UnixMilli()))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:local:0:function:test")
		h.Set("Lambda-Runtime-Trace-Id", "Root=1-test")
		h.Set("Content-Type", "application/json")
		if len(e.body)%2 == 0 {
			w.(http.Flusher).Flush() // every other event comes in chunks
		}
		_, _ = w.Write(e.body)
	case <-r.Context().Done(): // the connection is closed
	}
}

func (a *API) take(w http.ResponseWriter, r *http.Request, path string) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer := Answer{Path: path, ErrorType: r.Header.Get("Lambda-Runtime-Function-Error-Type"), Body: body}
	if path == "init/error" {
		a.initError <- answer
		w.WriteHeader(http.StatusAccepted)
		return
	}
	parts := strings.Split(path, "/")
	a.mu.Lock()
	refuse := a.refuse > 0
	if refuse {
		a.refuse--
	}
	var waiting chan Answer
	if len(parts) == 3 {
		waiting = a.waiting[parts[1]]
		delete(a.waiting, parts[1])
	}
	a.mu.Unlock()
	if waiting == nil {
		http.Error(w, `{"errorType":"InvalidRequestID"}`, http.StatusBadRequest)
		return
	}
	waiting <- answer
	if refuse {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}
