package answer

import (
	"encoding/base64"
	"encoding/json"
)

// Unwrap reads a function's response of the form that HTTP APIs of AWS take, {"statusCode", "body", "isBase64Encoded"}:
// the status and the body in it. ok is false for any other response.
func Unwrap(response []byte) (status int, body []byte, ok bool) {
	var r struct {
		StatusCode      *int
		Body            *string
		IsBase64Encoded bool
	}
	if json.Unmarshal(response, &r) != nil || r.StatusCode == nil || *r.StatusCode < 100 || *r.StatusCode > 599 {
		return 0, nil, false
	}
	if r.Body == nil {
		return *r.StatusCode, nil, true
	}
	if r.IsBase64Encoded {
		body, err := base64.StdEncoding.DecodeString(*r.Body)
		return *r.StatusCode, body, err == nil
	}
	return *r.StatusCode, []byte(*r.Body), true
}
