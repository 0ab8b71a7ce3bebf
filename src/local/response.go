package local

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
)

// functionResponse is the object form of a function's answer (HTTP API, payload format 2.0).
type functionResponse struct {
	StatusCode        *json.Number             `json:"statusCode"`
	Headers           map[string]headerValue   `json:"headers"`
	MultiValueHeaders map[string][]headerValue `json:"multiValueHeaders"`
	Cookies           []string                 `json:"cookies"`
	Body              *string                  `json:"body"`
	IsBase64Encoded   bool                     `json:"isBase64Encoded"`
}

// headerValue is a header's value: a string, or a number or bool that is taken as it is written.
type headerValue string

// UnmarshalJSON takes scalars only.
func (v *headerValue) UnmarshalJSON(b []byte) error {
	switch {
	case len(b) > 0 && b[0] == '"':
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		*v = headerValue(s)
	case len(b) > 0 && b[0] != '{' && b[0] != '[' && string(b) != "null":
		*v = headerValue(b)
	default:
		return fmt.Errorf("header value %.40s is neither string nor number", b)
	}
	return nil
}

// writeResponse writes what a function answered. An error means that nothing has been written.
func writeResponse(w http.ResponseWriter, raw []byte) error {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		raw = []byte("null") // a function may answer nothing
	}
	if raw[0] == '{' {
		var res functionResponse
		err := json.Unmarshal(raw, &res)
		var syntax *json.SyntaxError
		switch {
		case errors.As(err, &syntax):
			return fmt.Errorf("its response is not JSON: %w", err)
		case res.StatusCode != nil && err != nil:
			return fmt.Errorf("its response is malformed: %w", err)
		case res.StatusCode != nil:
			return writeObject(w, &res)
		}
		writeBody(w, "application/json", http.StatusOK, raw) // an object of the function's own
		return nil
	}
	if !json.Valid(raw) {
		return errors.New("its response is not JSON")
	}
	if raw[0] == '"' {
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			return fmt.Errorf("its response is not JSON: %w", err)
		}
		raw = []byte(text)
	}
	writeBody(w, "application/json", http.StatusOK, raw)
	return nil
}

func writeObject(w http.ResponseWriter, res *functionResponse) error {
	status, err := strconv.Atoi(res.StatusCode.String())
	if err != nil || status < 200 || status > 599 {
		return fmt.Errorf("its response has statusCode %s, allowed are 200 to 599", res.StatusCode)
	}
	var body []byte
	if res.Body != nil {
		body = []byte(*res.Body)
		if res.IsBase64Encoded {
			if body, err = base64.StdEncoding.DecodeString(*res.Body); err != nil {
				return fmt.Errorf("its response's body is not base64: %w", err)
			}
		}
	}
	h := w.Header()
	for name, value := range res.Headers {
		if forwarded(name) {
			h.Set(name, string(value))
		}
	}
	for name, values := range res.MultiValueHeaders {
		for _, value := range values {
			if forwarded(name) {
				h.Add(name, string(value))
			}
		}
	}
	for _, cookie := range res.Cookies {
		h.Add("Set-Cookie", cookie)
	}
	kind := h.Get("Content-Type")
	if kind == "" {
		kind = "text/plain; charset=utf-8"
		if res.Body == nil {
			kind = ""
		}
	}
	writeBody(w, kind, status, body)
	return nil
}

// forwarded leaves out headers that belong to the connection, not to the message, and the platform's own.
func forwarded(name string) bool {
	switch http.CanonicalHeaderKey(name) {
	case "Connection", "Content-Length", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
		"X-Amzn-Requestid", "X-Stellar-Error":
		return false
	}
	return true
}

func writeBody(w http.ResponseWriter, kind string, status int, body []byte) {
	h := w.Header()
	if kind != "" {
		h["Content-Type"] = []string{kind}
	}
	if status != http.StatusNoContent && status != http.StatusNotModified {
		h["Content-Length"] = []string{strconv.Itoa(len(body))}
	}
	w.WriteHeader(status)
	if len(body) > 0 {
		_, _ = w.Write(body) // the client may be gone; the function's work is done all the same
	}
}
