package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/local/client"
)

// maxTries is the number of instances that may be started for a request and end before they take it, until the request
// fails.
const maxTries = 3

// gateway is the HTTP side: routes /<service>/<path> to functions.
type gateway Platform

// routes maps service and path to the functions there, by method. It is replaced as a whole, never changed.
type routes map[string]map[string]map[string]*function

// ServeHTTP runs one request of the outside world.
func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p := (*Platform)(g)
	id := newRequestID()
	w.Header()["X-Amzn-Requestid"] = []string{id}
	pace(w, r, p.opts.bodyIdle)
	if p.serveLambda(w, r, id) || g.serveURL(w, r, id) {
		return
	}
	service, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	path = "/" + path
	var body []byte
	for read := false; ; {
		f, allow := p.route(service, path, r.Method)
		switch {
		case allow != "":
			w.Header().Set("Allow", allow)
			refuseRequest(w, kindMethod, fmt.Sprintf("%s %s: allowed are %s", r.Method, r.URL.Path, allow))
			return
		case f == nil:
			refuseRequest(w, kindNoRoute, fmt.Sprintf("no function at %s", r.URL.Path))
			return
		case !read: // before the version is entered: a body that does not come holds nothing
			var ok bool
			if body, ok = readBody(w, r); !ok {
				return
			}
			read = true
		case f.enter():
			res := f.serve(r, id, path, body)
			f.exit() // a client that does not take its answer does not hold it either
			if res.kind != "" {
				refuseRequest(w, res.kind, res.msg)
				return
			}
			writeAnswer(w, res.raw)
			return
		}
		// The version ended between look-up and entry: the table names the next one, or none.
	}
}

// route finds the function for a request: the one at the path, else the one with the longest path above it that has all
// below. allow is filled in if only the method is wrong.
func (p *Platform) route(service, path, method string) (f *function, allow string) {
	paths := (*p.routes.Load())[service]
	byMethod := paths[path]
	for above := strings.TrimSuffix(path, "/"); byMethod == nil && above != ""; {
		above = above[:strings.LastIndexByte(above, '/')]
		byMethod = paths[above+"/"+allBelow]
	}
	if f = byMethod[method]; f == nil {
		f = byMethod["ANY"]
	}
	if f == nil && len(byMethod) > 0 {
		var names []string
		for _, m := range methods {
			if byMethod[m] != nil {
				names = append(names, m)
			}
		}
		allow = strings.Join(names, ", ")
	}
	return f, allow
}

// readBody reads a request's body, or refuses the request.
func readBody(w http.ResponseWriter, r *http.Request) (body []byte, ok bool) {
	body, err := readBounded(r, maxEvent)
	var big *tooBig
	switch {
	case errors.As(err, &big):
		discard(w, r)
		refuseRequest(w, kindRequestTooLarge, fmt.Sprintf("request body over %d bytes", maxEvent))
	case tooSlow(err):
		w.Header().Set("Connection", "close")
		refuseRequest(w, kindRequestTimeout,
			fmt.Sprintf("the request's body did not arrive: send it at %d or more bytes a second", bodyMinSpeed))
	case err != nil:
		refuseRequest(w, kindBadRequest, fmt.Sprintf("read request body: %v", err))
	default:
		arrived(r)
		return body, true
	}
	return nil, false
}

// serve runs one request through the function.
func (f *function) serve(r *http.Request, id, path string, body []byte) result {
	inv := f.invocation(r, id, path, body)
	if len(inv.event) > maxEvent {
		return result{kind: kindRequestTooLarge,
			msg: fmt.Sprintf("request is %d bytes as an event; at most %d are allowed", len(inv.event), maxEvent)}
	}
	return f.invoke(r.Context(), inv)
}

// invocation makes what the function gets of a request.
func (f *function) invocation(r *http.Request, id, path string, body []byte) *invocation {
	inv := newInvocation(id)
	inv.trace = traceID(inv.arrival)
	if f.spec.ImageContract == client.ContractHTTP {
		inv.raw = &rawRequest{r.Method, f.below(path), r.URL.RawQuery, r.Header, body}
	} else {
		inv.event = appendEvent(r, f, inv, path, body)
	}
	return inv
}

// basePath is the path under which the function is called, without the variable for the paths below it.
func (f *function) basePath() string {
	base, variable := greedy(f.spec.Path)
	if variable == "" {
		return base
	}
	return strings.TrimSuffix(base, "/")
}

// below is the part of a request's path that the function's variable stands for, from its slash on; "/" without one.
func (f *function) below(path string) string {
	if base, variable := greedy(f.spec.Path); variable != "" {
		return "/" + strings.TrimPrefix(path, base)
	}
	return "/"
}

// discard reads the rest of a body that is too large, within limits, and closes the connection: a client that is still
// sending when the connection ends would see a reset instead of the answer.
func discard(w http.ResponseWriter, r *http.Request) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(5 * time.Second))
	_, _ = io.CopyN(io.Discard, r.Body, 64<<20)
	w.Header().Set("Connection", "close")
}

// invoke gives the request to an instance and waits for its result. A request in the queue ends with its client. A
// request that an instance has is completed, so that the instance is never reused in an unknown state.
func (f *function) invoke(ctx context.Context, inv *invocation) result {
	g, err := f.acquire(ctx)
	return f.invokeAt(ctx, g, err, inv)
}

// invokeAt is invoke with a place that was acquired already, or the reason why there is none.
func (f *function) invokeAt(ctx context.Context, g grant, err error, inv *invocation) result {
	for ; err == nil; g, err = f.acquire(ctx) {
		if inv.submitTo(g) {
			if res, final := f.settle(g.in, inv, inv.await()); final {
				return res
			}
			inv = inv.again()
		} else if res, final := f.bury(g); final {
			return res
		}
		if inv.tries == maxTries {
			return result{kind: kindCrash,
				msg: fmt.Sprintf("function %s: %d instances ended before they took the request", f.spec.Name, maxTries)}
		}
	}
	return f.notPlaced(err)
}

// submitTo gives the request to the instance of its place; false: that is dead.
func (inv *invocation) submitTo(g grant) bool {
	inv.given, inv.own = g.at, g.own
	if g.own { // an instance that was there and turns out to be dead is no try: each is met once at most
		inv.tries++
	}
	return g.in.submit(inv)
}

// bury returns the place in an instance that is dead and about to say so; final: the request has its result.
func (f *function) bury(g grant) (res result, final bool) {
	f.retireInstance(g.in)
	f.release(g.in)
	if g.own {
		return g.in.post(""), true
	}
	return result{}, false
}

// settle makes an HTTP answer from an instance's, or finds that the request goes to another instance.
func (f *function) settle(in *instance, inv *invocation, res result) (answer result, final bool) {
	if f.undelivered(in, res) {
		return result{}, false
	}
	early := f.releaseEarly(in, res)
	res = f.interpret(inv, res)
	f.record(in, inv, res)
	if !early {
		f.release(in)
	}
	return res, true
}

// settleLater is settle that passes the answer to send before it records the request, because that takes a while. The
// instance is free for the next request by then, and does not end before the request is recorded.
func (f *function) settleLater(in *instance, inv *invocation, res result, send func(result)) (final bool) {
	if f.undelivered(in, res) {
		return false
	}
	in.recording.RLock()
	defer in.recording.RUnlock()
	early := f.releaseEarly(in, res)
	res = f.interpret(inv, res)
	if !early {
		f.release(in)
	}
	f.log.late.RLock()
	defer f.log.late.RUnlock()
	send(res)
	f.record(in, inv, res)
	f.platform.wakeful.note(f.platform.defect)
	return true
}

// undelivered reports whether the request goes to another instance. An instance in an unknown state is retired.
func (f *function) undelivered(in *instance, res result) bool {
	if res.kind == kindTimeout || res.kind == kindUndelivered {
		f.retireInstance(in)
	}
	if res.kind == kindUndelivered {
		f.release(in)
	}
	return res.kind == kindUndelivered
}

// maxParseHeld is the largest response that is parsed while its instance is still held: parsing a long one takes
// milliseconds, which must not be part of the queue time of the next request.
const maxParseHeld = 64 << 10

// releaseEarly returns the place of a request whose response is long.
func (f *function) releaseEarly(in *instance, res result) bool {
	early := len(res.body) > maxParseHeld
	if early {
		f.release(in)
	}
	return early
}

// interpret makes an HTTP answer from an instance's answer.
func (f *function) interpret(inv *invocation, res result) result {
	if res.kind != "" || res.raw != nil || inv.direct {
		return res
	}
	raw, err := parseResponse(res.body)
	if err != nil {
		return f.badResponse(res, err)
	}
	res.raw = raw
	return res
}

// record writes the request's log lines. Whoever has the answer finds them: they are written before it, or the log is
// read after them.
func (f *function) record(in *instance, inv *invocation, res result) {
	r := inv.report(in, res)
	if inv.tail != nil {
		in.output.Load().drain()
		in.tail.CompareAndSwap(inv.tail, nil)
	}
	if res.kind != "" {
		f.log.printf("RequestId: %s Error: %s", inv.id, res.msg)
	}
	line := make([]byte, 0, 400)
	line = append(append(append(line, "END RequestId: "...), inv.id...), '\n')
	line = r.Append(line)
	f.log.line(line)
	inv.tail.line(line)
}

// notPlaced turns acquire's error into the request's result.
func (f *function) notPlaced(err error) result {
	res := result{msg: fmt.Sprintf("function %s: %v", f.spec.Name, err), at: time.Now()}
	switch {
	case errors.Is(err, errThrottled):
		res.kind = kindThrottled
		res.msg += fmt.Sprintf(" (the function has %d instances; allowed are %d, 0: no limit, "+
			"and %d on the whole platform)",
			f.count(), f.spec.MaxInstances, f.platform.opts.MaxInstances)
	case errors.Is(err, errQueueTimeout):
		res.kind = kindQueueTimeout
	case errors.Is(err, errRemoved):
		res.kind = kindRemoved
	default:
		res.kind = kindBadRequest // the client has disconnected: this is not read
	}
	return res
}

// refuseRequest writes the gateway's error form.
func refuseRequest(w http.ResponseWriter, kind, msg string) {
	res := refusal(kind, msg)
	maps.Copy(w.Header(), res.header)
	w.WriteHeader(res.status)
	_, _ = w.Write(res.body)
}

// refusal is the gateway's error form.
func refusal(kind, msg string) *rawResponse {
	body, _ := json.Marshal(map[string]string{"error": msg}) // a string always marshals
	return &rawResponse{statusOf(kind), http.Header{"Content-Type": {"application/json"}, "X-Stellar-Error": {kind}},
		append(body, '\n')}
}
