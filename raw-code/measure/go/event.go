package main

import (
	"encoding/base64"
	"encoding/json"
)

// event is what is needed of an HTTP API event, version 2.0 (version 1.0 has the same fields).
type event struct {
	RequestContext  json.RawMessage   `json:"requestContext"`
	Query           map[string]string `json:"queryStringParameters"`
	Headers         eventHeaders      `json:"headers"`
	Body            string            `json:"body"`
	IsBase64Encoded bool              `json:"isBase64Encoded"`
}

// eventHeaders are the headers that matter. encoding/json does not mind the case of their names' letters.
type eventHeaders struct {
	Token string `json:"X-Stellar-Token"`
}

// fromEvent translates an invocation's event. One without a request context is a direct invocation: its own members
// are the parameters, X-Stellar-Token among them.
func fromEvent(data []byte, r *request) {
	var e event
	if json.Unmarshal(data, &e) != nil || e.RequestContext == nil {
		fromDirect(data, r)
		return
	}
	r.param = func(name string) (string, bool) {
		v, ok := e.Query[name]
		return v, ok
	}
	r.token = e.Headers.Token
	body := []byte(e.Body)
	if e.IsBase64Encoded {
		body, _ = base64.StdEncoding.DecodeString(e.Body) // what is not base64 asks for nothing
	}
	_, payload := e.Query[shaParameter]
	object := len(body) > 0 && body[0] == '{'
	if payload || object {
		r.body = body
	}
	if object && !payload {
		r.cmds = askedCmds(body)
	}
}

func fromDirect(data []byte, r *request) {
	var members map[string]json.RawMessage
	_ = json.Unmarshal(data, &members) // an event that is no object has no parameters
	r.param = func(name string) (string, bool) {
		raw, ok := members[name]
		if !ok {
			return "", false
		}
		var text string
		if json.Unmarshal(raw, &text) == nil {
			return text, true
		}
		return string(raw), true
	}
	r.token, _ = r.param("X-Stellar-Token")
}

// proxyResponse is the HTTP API's form of a response.
type proxyResponse struct {
	StatusCode int               `json:"statusCode"`
	Headers    map[string]string `json:"headers"`
	Body       string            `json:"body"`
}

func toProxyResponse(status int, body []byte) ([]byte, error) {
	return json.Marshal(proxyResponse{
		StatusCode: status,
		Headers:    map[string]string{"Content-Type": "application/json"},
		Body:       string(body),
	})
}
