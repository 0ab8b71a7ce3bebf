package local

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/local/client"
)

// unhandled is the one value of X-Amz-Function-Error that Lambda still gives.
const unhandled = "Unhandled"

// invoke is the operation Invoke.
func (c *apiCall) invoke() {
	f := c.accept()
	if f == nil {
		return
	}
	defer f.exit()
	h := c.w.Header()
	h["X-Amz-Executed-Version"] = []string{"$LATEST"}
	switch c.r.Header.Get("X-Amz-Invocation-Type") {
	case "", "RequestResponse":
		inv := c.invocation()
		h["X-Amzn-Trace-Id"] = []string{inv.trace}
		res := f.invoke(c.r.Context(), inv)
		if c.refused(f, res) {
			return
		}
		if inv.tail != nil {
			h["X-Amz-Log-Result"] = []string{inv.tail.base64()}
		}
		if res.kind != "" {
			h["X-Amz-Function-Error"] = []string{unhandled}
		}
		writeBody(c.w, "application/json", http.StatusOK, payloadOf(f, c.id, res))
	case "Event":
		c.p.startEvent(f.lambdaName(), c.id, c.invocation().event)
		writeBody(c.w, "application/json", http.StatusAccepted, nil)
	case "DryRun":
		c.w.WriteHeader(http.StatusNoContent)
	}
}

// accept checks what an invocation asks for and finds its function, which the caller must exit; nil: the call is
// refused.
func (c *apiCall) accept() *function {
	kind, log := c.r.Header.Get("X-Amz-Invocation-Type"), c.r.Header.Get("X-Amz-Log-Type")
	kinds := []string{"RequestResponse", "Event", "DryRun"}
	if strings.HasSuffix(c.r.URL.Path, "/response-streaming-invocations") {
		kinds = []string{"RequestResponse", "DryRun"}
	}
	for _, choice := range []struct {
		what, value string
		allowed     []string
	}{{"invocationType", kind, kinds}, {"logType", log, []string{"None", "Tail"}}} {
		if choice.value != "" && !slices.Contains(choice.allowed, choice.value) {
			c.refuse(http.StatusBadRequest, "InvalidParameterValueException", fmt.Sprintf("1 validation error "+
				"detected: Value '%s' at '%s' failed to satisfy constraint: Member must satisfy enum value set: [%s]",
				choice.value, choice.what, strings.Join(choice.allowed, ", ")))
			return nil
		}
	}
	f := c.find()
	if f == nil {
		return nil
	}
	if f.spec.ImageContract == client.ContractHTTP {
		f.exit()
		c.refuse(http.StatusBadRequest, "InvalidParameterValueException",
			"the function is an HTTP server (imageContract http): send requests to its URL")
		return nil
	}
	if len(c.body) > 0 && !json.Valid(c.body) {
		f.exit()
		var value any
		err := json.Unmarshal(c.body, &value)
		c.refuse(http.StatusBadRequest, "InvalidRequestContentException",
			fmt.Sprintf("Could not parse request body into json: Could not parse payload into json: %v", err))
		return nil
	}
	return f
}

// invocation is the request that the function gets: the payload is its event.
func (c *apiCall) invocation() *invocation {
	inv := newInvocation(c.id)
	inv.trace = traceID(inv.arrival)
	inv.direct = true
	inv.context = c.r.Header.Get("X-Amz-Client-Context")
	if inv.event = c.body; len(inv.event) == 0 {
		inv.event = []byte("{}")
	}
	if c.r.Header.Get("X-Amz-Log-Type") == "Tail" && c.r.Header.Get("X-Amz-Invocation-Type") != "Event" {
		inv.tail = &logTail{}
	}
	return inv
}

// refused answers for an invocation that no instance has taken, because of a limit or a removal.
func (c *apiCall) refused(f *function, res result) bool {
	h := c.w.Header()
	switch res.kind {
	case kindThrottled, kindQueueTimeout:
		reason := "ConcurrentInvocationLimitExceeded"
		if f.spec.MaxInstances > 0 && f.count() >= f.spec.MaxInstances {
			reason = "ReservedFunctionConcurrentInvocationLimitExceeded"
		}
		h["X-Stellar-Error"] = []string{res.kind}
		c.fail(http.StatusTooManyRequests, "TooManyRequestsException",
			map[string]string{"Type": "User", "Reason": reason, "message": "Rate Exceeded."})
	case kindRemoved:
		c.refuse(http.StatusNotFound, "ResourceNotFoundException", "Function not found: "+f.arn())
	case kindBadRequest: // the caller has gone
		c.refuse(http.StatusBadRequest, "InvalidRequestContentException", res.msg)
	default:
		return false
	}
	return true
}

// payloadOf is the payload of the answer to an invocation: the function's own, or Lambda's description of its failure.
func payloadOf(f *function, id string, res result) []byte {
	switch {
	case res.kind == "" && len(res.body) == 0:
		return []byte("null")
	case res.kind == "", len(res.body) > 0:
		return res.body
	}
	return describeFailure(f, id, res)
}

// describeFailure is what Lambda answers in place of a function that has failed without a report of its own.
func describeFailure(f *function, id string, res result) []byte {
	why := strings.TrimPrefix(res.msg, "function "+f.spec.Name)
	why = strings.TrimPrefix(strings.TrimPrefix(why, ":"), " ")
	text, _ := json.Marshal(map[string]string{"errorType": res.class, // strings always marshal
		"errorMessage": "RequestId: " + id + " Error: " + why})
	return text
}

// base64 is the tail in the form of the header X-Amz-Log-Result.
func (t *logTail) base64() string { return base64.StdEncoding.EncodeToString(t.bytes()) }
