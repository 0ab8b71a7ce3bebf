package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/local/sigv4"
)

// Lambda's limits for the payload of an invocation, in bytes
// (docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
const (
	maxSyncPayload  = maxEvent
	maxAsyncPayload = 1 << 20
)

// signedService is the service that callers of the Lambda API and of function URLs sign for.
const signedService = "lambda"

// apiVersions are the versions of the Lambda API under which operations that the platform has are found.
var apiVersions = map[string]string{
	"2015-03-31": "", "2021-11-15": "response-streaming-invocations", "2021-10-31": "url",
}

// apiCall is one request to the Lambda API.
type apiCall struct {
	p    *Platform
	w    http.ResponseWriter
	r    *http.Request
	id   string
	body []byte
	name string // as the path has it: a name, a partial ARN or an ARN
}

// serveLambda answers a request to the Lambda API; false: its path is not one of that API. The API is that of
// docs.aws.amazon.com/lambda/latest/api, with the paths, status codes and error types that it documents.
func (p *Platform) serveLambda(w http.ResponseWriter, r *http.Request, id string) bool {
	version, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	only, ok := apiVersions[version]
	if !ok || rest != "functions" && !strings.HasPrefix(rest, "functions/") {
		return false
	}
	c := &apiCall{p: p, w: w, r: r, id: id}
	var verb string
	c.name, verb, _ = strings.Cut(strings.TrimPrefix(strings.TrimPrefix(rest, "functions"), "/"), "/")
	if only != "" && verb != only || only == "" && (verb == "url" || verb == "response-streaming-invocations") {
		verb = "unknown"
	}
	limit := int64(maxSyncPayload)
	if r.Header.Get("X-Amz-Invocation-Type") == "Event" {
		limit = maxAsyncPayload
	}
	if !c.read(limit) {
		return true
	}
	if refused := p.checkSignature(r, c.body); refused != nil {
		c.fail(http.StatusForbidden, refused.Code, map[string]string{"message": refused.Message})
		return true
	}
	switch {
	case c.name == "" && r.Method == http.MethodGet:
		c.listFunctions()
	case verb == "" && r.Method == http.MethodGet:
		c.getFunction()
	case verb == "configuration" && r.Method == http.MethodGet:
		c.getConfiguration()
	case verb == "url" && r.Method == http.MethodGet:
		c.getURL()
	case verb == "invocations" && r.Method == http.MethodPost:
		c.invoke()
	case verb == "response-streaming-invocations" && r.Method == http.MethodPost:
		c.invokeStreaming()
	default:
		c.refuse(http.StatusNotImplemented, "NotImplementedException", fmt.Sprintf("%s %s: the local platform has "+
			"Invoke, InvokeWithResponseStream, GetFunction, GetFunctionConfiguration, GetFunctionUrlConfig and "+
			"ListFunctions; it is deployed to with `osls deploy`", r.Method, r.URL.Path))
	}
	return true
}

// checkSignature reports why a request to the Lambda API or to a function URL with IAM is refused, nil where it is not.
// Who has the token of the control API needs no signature: the Serverless plugin has it.
func (p *Platform) checkSignature(r *http.Request, body []byte) *sigv4.Error {
	if p.hasToken(r) {
		return nil
	}
	return sigv4.Verify(r, body, signedService, p.keys, time.Now())
}

// read reads the call's body, or refuses the call.
func (c *apiCall) read(limit int64) bool {
	var err error
	c.body, err = readBounded(c.r, limit)
	var big *tooBig
	switch {
	case errors.As(err, &big) && limit == maxAsyncPayload:
		discard(c.w, c.r)
		c.refuse(http.StatusRequestEntityTooLarge, "RequestEntityTooLargeException", fmt.Sprintf(
			"%d byte payload is too large for the Event invocation type (limit %d bytes)", c.r.ContentLength, limit))
	case errors.As(err, &big):
		discard(c.w, c.r)
		c.refuse(http.StatusRequestEntityTooLarge, "RequestTooLargeException", fmt.Sprintf(
			"Request must be smaller than %d bytes for the InvokeFunction operation", limit))
	case tooSlow(err):
		c.w.Header().Set("Connection", "close")
		c.refuse(http.StatusRequestTimeout, "RequestTimeoutException", "the request's body did not arrive")
	case err != nil:
		c.refuse(http.StatusBadRequest, "InvalidRequestContentException", "read the request's body: "+err.Error())
	default:
		arrived(c.r)
		return true
	}
	return false
}

// refuse answers with an error of the caller.
func (c *apiCall) refuse(status int, kind, msg string) {
	key := "message"
	if kind == "ResourceNotFoundException" { // the one error whose key Lambda writes otherwise
		key = "Message"
	}
	c.fail(status, kind, map[string]string{"Type": "User", key: msg})
}

// fail answers with an error of that type.
func (c *apiCall) fail(status int, kind string, body map[string]string) {
	c.w.Header().Set("X-Amzn-Errortype", kind)
	c.answer(status, body)
}

// answer answers with JSON.
func (c *apiCall) answer(status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"Type":"Service","message":"the answer is not JSON"}`)
	}
	writeBody(c.w, "application/json", status, text)
}

// find finds the call's function, or refuses the call. The caller has entered the function and must exit it.
func (c *apiCall) find() *function {
	name, qualifier := parseName(c.name)
	if q := c.r.URL.Query().Get("Qualifier"); q != "" {
		qualifier = q
	}
	for qualifier == "" || qualifier == "$LATEST" {
		f := (*c.p.byName.Load())[name]
		if f == nil {
			break
		}
		if f.enter() {
			return f
		}
	}
	arn := c.p.arnOf(name)
	if qualifier != "" {
		arn += ":" + qualifier
	}
	c.refuse(http.StatusNotFound, "ResourceNotFoundException", "Function not found: "+arn)
	return nil
}

// parseName reads the forms in which a function is named: its name, `account:function:name`, or an ARN, each with an
// optional qualifier.
func parseName(given string) (name, qualifier string) {
	parts := strings.Split(given, ":")
	if i := len(parts) - 1; i > 0 {
		for ; i > 0; i-- {
			if parts[i-1] == "function" {
				parts = parts[i:]
				break
			}
		}
	}
	name = parts[0]
	if len(parts) > 1 {
		qualifier = parts[1]
	}
	return name, qualifier
}

// lambdaName is the function's name in the Lambda API.
func (f *function) lambdaName() string { return f.service + "-" + f.spec.Name }

// arnOf is the ARN of a function of that name.
func (p *Platform) arnOf(name string) string {
	return "arn:aws:lambda:" + p.opts.Region + ":000000000000:function:" + name
}

// arn names the function as Lambda would.
func (f *function) arn() string { return f.platform.arnOf(f.lambdaName()) }
