package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Error types of responses that a function gave and the gateway cannot pass on.
const (
	classTooLarge  = "Function.ResponseSizeTooLarge" // Lambda's
	classMalformed = "Gateway.MalformedResponse"     // an HTTP API logs it as a malformed Lambda proxy response
)

// badResponse is the result of a request whose response cannot be passed on.
func (f *function) badResponse(res result, why error) result {
	return result{kind: kindBadResponse, class: classMalformed, at: res.at,
		msg: fmt.Sprintf("function %s: malformed response: %v", f.spec.Name, why)}
}

// notJSON says where a response stops being JSON, and how it begins.
func notJSON(raw []byte, err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("it is not JSON: %v at byte %d of %d; it begins with %s",
			syntax, syntax.Offset, len(raw), cut(string(raw)))
	}
	return fmt.Errorf("it is not JSON: %v", err)
}

// malformed explains, key by key, why an object is not an HTTP response; nil if it has no statusCode and so does not
// claim to be one.
func malformed(raw []byte) error {
	var keys struct{ StatusCode, Headers, MultiValueHeaders, Cookies, Body, IsBase64Encoded json.RawMessage }
	if err := json.Unmarshal(raw, &keys); err != nil {
		return notJSON(raw, err)
	}
	if typeOf(keys.StatusCode) == "null" {
		return nil
	}
	var status json.Number
	switch {
	case json.Unmarshal(keys.StatusCode, &status) != nil:
		return fmt.Errorf("statusCode is %.40s; it must be a number from 200 to 599", keys.StatusCode)
	case !isType(keys.Body, "a string"):
		return fmt.Errorf("body is %s; it must be a string (give an object as JSON text)", typeOf(keys.Body))
	case !isType(keys.IsBase64Encoded, "true or false"):
		return fmt.Errorf("isBase64Encoded is %s; it must be true or false", typeOf(keys.IsBase64Encoded))
	}
	if err := malformedHeaders("headers", keys.Headers, func(value json.RawMessage) error {
		switch kind := typeOf(value); kind {
		case "a string", "a number", "true or false":
			return nil
		case "a list":
			return errors.New("is a list; it must be a string (several values belong into multiValueHeaders)")
		default:
			return fmt.Errorf("is %s; it must be a string", kind)
		}
	}); err != nil {
		return err
	}
	if err := malformedHeaders("multiValueHeaders", keys.MultiValueHeaders, func(value json.RawMessage) error {
		return malformedList(value, "a string", "a number", "true or false")
	}); err != nil {
		return err
	}
	if !isType(keys.Cookies, "a list") {
		return fmt.Errorf("cookies is %s; it must be a list of strings", typeOf(keys.Cookies))
	}
	if err := malformedList(keys.Cookies, "a string"); err != nil {
		return fmt.Errorf("cookies %w", err)
	}
	return errors.New("its keys have values of other types than an HTTP API takes")
}

// malformedHeaders checks each value of an object of headers, by name.
func malformedHeaders(key string, raw json.RawMessage, check func(json.RawMessage) error) error {
	if !isType(raw, "an object") {
		return fmt.Errorf("%s is %s; it must be an object", key, typeOf(raw))
	}
	var values map[string]json.RawMessage
	if len(raw) == 0 || json.Unmarshal(raw, &values) != nil {
		return nil
	}
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := check(values[name]); err != nil {
			return fmt.Errorf("%s: %s %w", key, cut(name), err)
		}
	}
	return nil
}

// malformedList checks a list's elements; null is an empty list.
func malformedList(raw json.RawMessage, allowed ...string) error {
	if !isType(raw, "a list") {
		return fmt.Errorf("is %s; it must be a list of strings", typeOf(raw))
	}
	var elements []json.RawMessage
	if len(raw) == 0 || json.Unmarshal(raw, &elements) != nil {
		return nil
	}
	for i, e := range elements {
		if kind := typeOf(e); !slices.Contains(allowed, kind) {
			return fmt.Errorf("holds %s at position %d; it must be a list of strings", kind, i)
		}
	}
	return nil
}

// isType reports whether a value is of that type, null or absent.
func isType(raw json.RawMessage, want string) bool {
	kind := typeOf(raw)
	return kind == want || kind == "null"
}

// typeOf names the type of a JSON value in a sentence; an absent value counts as null.
func typeOf(raw json.RawMessage) string {
	if len(raw) == 0 {
		return "null"
	}
	switch raw[0] {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a string"
	case 't', 'f':
		return "true or false"
	case 'n':
		return "null"
	}
	return "a number"
}

// cut quotes a function's text, shortened, because it is printed in a log and on terminals.
func cut(text string) string {
	const most = 80
	if len(text) > most {
		return strconv.Quote(strings.ToValidUTF8(text[:most], "")) + "…"
	}
	return strconv.Quote(text)
}
