package local

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/local/client"
)

// urlPrefix is where function URLs are, below the gateway: /lambda-url/<service>/<function>/<path>. Lambda gives each
// function a host of its own.
const urlPrefix = "/lambda-url/"

// functionURL is the address of a function that has one.
func (f *function) functionURL() string {
	return f.platform.GatewayURL() + urlPrefix + f.service + "/" + f.spec.Name + "/"
}

// serveURL answers a request to a function URL (docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html); false: its
// path is not one of a function URL.
func (g *gateway) serveURL(w http.ResponseWriter, r *http.Request, id string) bool {
	p := (*Platform)(g)
	rest, ok := strings.CutPrefix(r.URL.Path, urlPrefix)
	if !ok {
		return false
	}
	service, rest, _ := strings.Cut(rest, "/")
	name, path, _ := strings.Cut(rest, "/")
	body, ok := readBody(w, r)
	if !ok {
		return true
	}
	for {
		f := (*p.byName.Load())[service+"-"+name]
		if f == nil || f.spec.URL == nil || f.spec.Name != name {
			refuseRequest(w, kindNoRoute, fmt.Sprintf("no function URL at %s", r.URL.Path))
			return true
		}
		if f.spec.URL.AuthType == client.AuthIAM {
			if refused := p.checkSignature(r, body); refused != nil {
				w.Header().Set("X-Amzn-Errortype", refused.Code)
				writeBody(w, "application/json", http.StatusForbidden, []byte(`{"Message":"Forbidden"}`))
				return true
			}
		}
		if !f.enter() {
			continue // the table has the next version, or none
		}
		f.serveOnURL(w, r, id, "/"+path, body)
		return true
	}
}

// serveOnURL runs one request to the function's URL. The caller has entered the function.
func (f *function) serveOnURL(w http.ResponseWriter, r *http.Request, id, path string, body []byte) {
	inv := newInvocation(id)
	inv.trace, inv.onURL = traceID(inv.arrival), true
	inv.event = appendEvent(r, f, inv, path, body)
	out := &httpStream{w: w}
	if f.spec.URL.InvokeMode == client.InvokeStreamed {
		inv.stream, inv.direct = newStream(out), true
	}
	res := f.invoke(r.Context(), inv)
	f.exit() // a client that does not take its answer does not hold it either
	switch {
	case out.sent && (res.kind != "" || out.fault != nil):
		panic(http.ErrAbortHandler) // the status is sent: only the connection's end can tell that the rest is missing
	case out.sent:
	case res.kind != "":
		refuseRequest(w, res.kind, res.msg)
	case out.begun:
		refuseRequest(w, kindBadResponse, fmt.Sprintf("function %s: malformed response: %v", f.spec.Name, out.finish()))
	case inv.stream != nil:
		writeBody(w, "application/json", http.StatusOK, payloadOf(f, id, res))
	default:
		writeAnswer(w, res.raw)
	}
}

// maxPrelude is the largest prelude of a streamed HTTP response.
const maxPrelude = 64 << 10

// httpStream writes a streamed response as the answer to an HTTP request. A function may put a prelude in front: a JSON
// object with status, headers and cookies, and eight zero bytes.
type httpStream struct {
	w       http.ResponseWriter
	begun   bool
	sent    bool   // the status is
	prelude bool   // it has not been read to its end
	partial []byte // of the prelude
	fault   error  // why the rest is not wanted
}

var _ streamClient = (*httpStream)(nil)

func (h *httpStream) begin(contentType string) {
	h.begun = true
	if h.prelude = contentType == httpIntegration; h.prelude {
		return
	}
	if contentType == "" {
		contentType = "application/octet-stream"
	}
	h.w.Header().Set("Content-Type", contentType)
	h.writeHeader(http.StatusOK)
}

func (h *httpStream) writeHeader(status int) {
	h.sent = true
	h.w.WriteHeader(status)
}

func (h *httpStream) piece(p []byte) error {
	if h.prelude {
		p, h.fault = h.readPrelude(p)
	}
	if h.fault == nil && len(p) > 0 {
		h.fault = writeNow(h.w, p)
	}
	return h.fault
}

// readPrelude takes a piece of the prelude. With the last one, it writes the status and the headers, and returns what
// follows the prelude.
func (h *httpStream) readPrelude(p []byte) (rest []byte, err error) {
	h.partial = append(h.partial, p...)
	text, rest, whole := bytes.Cut(h.partial, make([]byte, 8))
	if !whole {
		if len(h.partial) > maxPrelude {
			return nil, fmt.Errorf("the prelude of the response is over %d bytes", maxPrelude)
		}
		return nil, nil
	}
	h.prelude = false
	var res functionResponse
	if err := json.Unmarshal(text, &res); err != nil {
		return nil, fmt.Errorf("the prelude of the response is not an object of status, headers and cookies: %w", err)
	}
	if res.StatusCode == nil {
		res.StatusCode = new(json.Number("200"))
	}
	raw, err := parseObject(&res)
	if err != nil {
		return nil, err
	}
	maps.Copy(h.w.Header(), raw.header)
	if raw.header.Get("Content-Type") == "" {
		h.w.Header().Set("Content-Type", "application/octet-stream")
	}
	h.writeHeader(raw.status)
	return rest, nil
}

// finish says why a response that has begun has no status: its prelude is wrong, or not complete.
func (h *httpStream) finish() error {
	if h.fault != nil {
		return h.fault
	}
	return fmt.Errorf("it ended within its prelude, which begins with %s", cut(string(h.partial)))
}
