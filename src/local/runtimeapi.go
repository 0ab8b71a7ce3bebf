package local

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// Lambda's limits for one invocation, in bytes.
const (
	maxEvent    = 6291456
	maxResponse = 6291556
)

const runtimePrefix = "/2018-06-01/runtime/"

// runtimeAPI is the Lambda Runtime API of one instance (version 2018-06-01).
type runtimeAPI instance

// ServeHTTP handles the requests of a function's runtime loop.
func (a *runtimeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	in := (*instance)(a)
	path, ok := strings.CutPrefix(r.URL.Path, runtimePrefix)
	if !ok {
		answer(w, http.StatusNotFound, "NotFound", "no such path: "+r.URL.Path)
		return
	}
	want := http.MethodPost
	if path == "invocation/next" {
		want = http.MethodGet
	}
	if r.Method != want {
		w.Header().Set("Allow", want)
		answer(w, http.StatusMethodNotAllowed, "MethodNotAllowed", "use "+want)
		return
	}
	c, ok := w.(*apiConn)
	if ok && !c.own {
		answer(w, http.StatusForbidden, "Forbidden", "this is the Runtime API of another instance")
		return
	}
	switch path {
	case "invocation/next":
		in.serveNext(c)
		return
	case "init/error":
		in.serveInitError(w, r)
		return
	}
	rest, ok := strings.CutPrefix(path, "invocation/")
	id, verb, _ := strings.Cut(rest, "/")
	switch {
	case ok && verb == "response":
		in.serveResponse(w, r, id)
	case ok && verb == "error":
		in.serveError(w, r, id)
	default:
		answer(w, http.StatusNotFound, "NotFound", "no such path: "+r.URL.Path)
	}
}

// answer writes the Runtime API's error form.
func answer(w http.ResponseWriter, status int, kind, msg string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	body, _ := json.Marshal(map[string]string{"errorType": kind, "errorMessage": msg}) // two strings always marshal
	_, _ = w.Write(body)
}

var accepted = []byte("{\"status\":\"OK\"}\n")

func accept(w http.ResponseWriter) {
	h := w.Header()
	h["Content-Type"] = []string{"application/json"}
	h["Content-Length"] = []string{strconv.Itoa(len(accepted))}
	w.WriteHeader(http.StatusAccepted)
	_, _ = w.Write(accepted)
}

// noteReady records the end of init, which is the first request for work.
func (in *instance) noteReady() {
	in.mu.Lock()
	first := in.ready.IsZero()
	if first {
		in.ready = time.Now()
		if in.endInit != nil {
			in.endInit.Stop()
		}
	}
	in.mu.Unlock()
	if !first {
		return
	}
	// From here on the function has the share of a CPU that its memory buys; init ran without a limit, as on Lambda.
	if err := in.fn.limitCPU(in.limiter()); err != nil && !in.ending() {
		in.fn.platform.opts.Warnf("function %s: limit CPU: %v", in.fn.spec.Name, err)
	}
	in.fn.becameReady(in)
}

// find returns an invocation that the function holds.
func (in *instance) find(id string) *invocation {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.inflight[id]
}

// completeInvocation gives the invocation its result and frees the function's slot; false: it is over already.
func (in *instance) completeInvocation(inv *invocation, res result) bool {
	in.mu.Lock()
	ok := in.setResult(inv, res)
	in.mu.Unlock()
	if ok {
		<-in.slots
		if inv.resume != nil { // here and now: the function's answer goes to the client before the function is thanked
			inv.resume()
		}
	}
	return ok
}

// refuseAnswer refuses the answer to a request that the function does not hold, or that timed out. After a timeout, its
// loop may ask for work again: the slot is free.
func (in *instance) refuseAnswer(w http.ResponseWriter, id string) {
	in.mu.Lock()
	late := in.late[id]
	delete(in.late, id)
	in.mu.Unlock()
	if late {
		<-in.slots
	}
	answer(w, http.StatusBadRequest, "InvalidRequestID", fmt.Sprintf("request id %q is not being handled", id))
}

func (in *instance) serveResponse(w http.ResponseWriter, r *http.Request, id string) {
	inv := in.find(id)
	if inv == nil {
		in.refuseAnswer(w, id)
		return
	}
	if inv.stream != nil && r.Header.Get(responseMode) == "streaming" {
		in.serveStream(w, r, inv)
		return
	}
	body, err := readBounded(r, maxResponse)
	var big *tooBig
	switch {
	case errors.As(err, &big):
		msg := fmt.Sprintf("function %s: response payload size exceeded maximum allowed payload size (%d bytes)",
			in.fn.spec.Name, maxResponse)
		if !in.completeInvocation(inv, result{kind: kindResponseTooLarge, class: "Function.ResponseSizeTooLarge",
			msg: msg}) {
			in.refuseAnswer(w, id)
			return
		}
		answer(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", msg)
	case err != nil:
		answer(w, http.StatusBadRequest, "InvalidRequest", err.Error())
	case !in.completeInvocation(inv, result{body: body}):
		in.refuseAnswer(w, id)
	default:
		accept(w)
	}
}

func (in *instance) serveError(w http.ResponseWriter, r *http.Request, id string) {
	inv := in.find(id)
	if inv == nil {
		in.refuseAnswer(w, id)
		return
	}
	text, class, body := readFault(r)
	if !in.completeInvocation(inv, result{kind: kindFunctionError, class: class, body: body,
		msg: fmt.Sprintf("function %s: %s", in.fn.spec.Name, text)}) {
		in.refuseAnswer(w, id)
		return
	}
	accept(w)
}

// serveInitError reads the function's report of a failed start; the function should then exit, and is ended otherwise.
func (in *instance) serveInitError(w http.ResponseWriter, r *http.Request) {
	text, _, body := readFault(r)
	in.mu.Lock()
	late := !in.ready.IsZero()
	if !late {
		in.initFail, in.initBody = text, body
	}
	in.mu.Unlock()
	if late {
		answer(w, http.StatusForbidden, "InvalidStateTransition", "init is over")
		return
	}
	accept(w)
	time.AfterFunc(time.Second, fail.Caught(in.fn.platform.defect, in.kill))
}

// maxFault is the largest report of an error that is read.
const maxFault = 256 << 10

// readFault reads the body of an error report, {"errorMessage","errorType"}, and shortens long texts. body is the whole
// report, nil where it is not a JSON object.
func readFault(r *http.Request) (text, class string, body []byte) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxFault))
	var fault struct{ ErrorMessage, ErrorType string }
	if err != nil || json.Unmarshal(body, &fault) != nil {
		fault.ErrorMessage = string(body)
		body = nil
	}
	class = fault.ErrorType
	if class == "" {
		class = r.Header.Get("Lambda-Runtime-Function-Error-Type")
	}
	class = oneLineOf(class)
	text = fault.ErrorMessage[:min(len(fault.ErrorMessage), 2000)]
	if class != "" {
		text = class + ": " + text
	}
	return text, class, body
}

// oneLineOf is an error type as a log line can have it.
func oneLineOf(class string) string { return strings.Map(oneLine, class[:min(len(class), 200)]) }

// clientContext is the JSON of a client's context, which comes in base64 and goes to the function as it is.
func clientContext(given string) string {
	if text, err := base64.StdEncoding.DecodeString(given); err == nil {
		return strings.Map(oneLine, string(text))
	}
	return given
}

func oneLine(r rune) rune {
	if r < ' ' {
		return ' '
	}
	return r
}

type tooBig struct{ limit int64 }

func (e *tooBig) Error() string { return fmt.Sprintf("body over %d bytes", e.limit) }

// readBounded reads a whole body into one piece of memory of its size, and at most limit bytes.
func readBounded(r *http.Request, limit int64) ([]byte, error) {
	switch {
	case r.ContentLength > limit:
		return nil, &tooBig{limit}
	case r.ContentLength == 0:
		return nil, nil
	case r.ContentLength > 0:
		body := make([]byte, r.ContentLength)
		_, err := io.ReadFull(r.Body, body)
		return body, err
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if err == nil && int64(len(body)) > limit {
		err = &tooBig{limit}
	}
	return body, err
}
