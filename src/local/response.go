package local

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"unicode/utf8"

	"golang.org/x/net/http/httpguts"
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

// headerValue is a header's value: a string, or a number or bool that is used as it is written.
type headerValue string

// UnmarshalJSON accepts only scalars.
func (v *headerValue) UnmarshalJSON(b []byte) error {
	switch {
	case len(b) > 1 && b[0] == '"' && bytes.IndexByte(b, '\\') < 0 && utf8.Valid(b): // the usual case
		*v = headerValue(b[1 : len(b)-1])
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

// parseResponse returns the HTTP answer for a function's response.
func parseResponse(raw []byte) (*rawResponse, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		raw = []byte("null") // a function may answer nothing
	}
	if res, ok := readUsual(raw); ok {
		return parseObject(&res)
	}
	if raw[0] == '{' {
		var res functionResponse
		err := json.Unmarshal(raw, &res)
		var syntax *json.SyntaxError
		switch {
		case errors.As(err, &syntax):
			return nil, notJSON(raw, err)
		case err != nil:
			if err := malformed(raw); err != nil {
				return nil, err
			}
		case res.StatusCode != nil:
			return parseObject(&res)
		}
		return jsonResponse(raw), nil // an object of the function's own
	}
	if raw[0] == '"' {
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			return nil, notJSON(raw, err)
		}
		return jsonResponse([]byte(text)), nil
	}
	var value json.RawMessage
	if err := json.Unmarshal(raw, &value); err != nil {
		return nil, notJSON(raw, err)
	}
	return jsonResponse(raw), nil
}

// jsonResponse is the answer for a function that gives no status: 200, as the HTTP API infers it.
func jsonResponse(body []byte) *rawResponse {
	return &rawResponse{http.StatusOK, http.Header{"Content-Type": {"application/json"}}, body}
}

func parseObject(res *functionResponse) (*rawResponse, error) {
	status, err := strconv.Atoi(res.StatusCode.String())
	if err != nil || status < 200 || status > 599 {
		return nil, fmt.Errorf("statusCode %.40s is not allowed; allowed are 200 to 599", res.StatusCode)
	}
	var body []byte
	if res.Body != nil {
		body = []byte(*res.Body)
		if res.IsBase64Encoded {
			if body, err = base64.StdEncoding.DecodeString(*res.Body); err != nil {
				return nil, fmt.Errorf("isBase64Encoded is true, and body is not base64: %w", err)
			}
		}
	}
	h, err := headersOf(res)
	if err != nil {
		return nil, err
	}
	if h.Get("Content-Type") == "" && res.Body != nil {
		h.Set("Content-Type", "text/plain; charset=utf-8")
	}
	return &rawResponse{status, h, body}, nil
}

// headersOf returns the headers and cookies of a function's answer.
func headersOf(res *functionResponse) (http.Header, error) {
	h := make(http.Header, len(res.Headers)+1)
	for name, value := range res.Headers {
		if err := checkHeader("headers", name, string(value)); err != nil {
			return nil, err
		}
		if forwarded(name) {
			h.Set(name, string(value))
		}
	}
	for name, values := range res.MultiValueHeaders {
		for _, value := range values {
			if err := checkHeader("multiValueHeaders", name, string(value)); err != nil {
				return nil, err
			}
			if forwarded(name) {
				h.Add(name, string(value))
			}
		}
	}
	for _, cookie := range res.Cookies {
		if err := checkHeader("cookies", "Set-Cookie", cookie); err != nil {
			return nil, err
		}
		h.Add("Set-Cookie", cookie)
	}
	return h, nil
}

// checkHeader refuses what HTTP does not allow: the server would drop such a header silently.
func checkHeader(key, name, value string) error {
	if !httpguts.ValidHeaderFieldName(name) {
		return fmt.Errorf("%s: %s is not the name of a header", key, cut(name))
	}
	if !httpguts.ValidHeaderFieldValue(value) {
		return fmt.Errorf("%s: %s has a control character in its value %s", key, name, cut(value))
	}
	return nil
}

// forwarded leaves out headers that belong to the connection, not to the message, and the platform's own.
func forwarded(name string) bool {
	switch http.CanonicalHeaderKey(name) {
	case "Connection", "Content-Length", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding",
		"Upgrade",
		"X-Amzn-Requestid", "X-Stellar-Error":
		return false
	}
	return true
}

// writeAnswer writes a function's answer.
func writeAnswer(w http.ResponseWriter, res *rawResponse) {
	maps.Copy(w.Header(), res.header)
	writeBody(w, "", res.status, res.body)
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
