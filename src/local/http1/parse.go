package http1

import (
	"bytes"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// headEnd ends the head of a request.
const headEnd = "\r\n\r\n"

// Parse reads the head of the request that data begins with, and gives its length. ok is false where the head is not
// complete, or not of the usual form: net/http then reads the request, or refuses it. Where ok is true, the request is
// the one that http.ReadRequest gives for the same bytes, but for its body, which is left to the caller.
//
// The usual form is HTTP/1.1 with a path, one Host, lines that end with CR LF and are not folded, at most one
// Content-Length in plain digits, and no field that changes how the message or the connection goes on.
func Parse(data []byte) (r *http.Request, length int, ok bool) {
	end := bytes.Index(data, []byte(headEnd))
	if end < 0 {
		return nil, 0, false
	}
	line, fields, _ := strings.Cut(string(data[:end+2]), "\r\n")
	method, line, _ := strings.Cut(line, " ")
	target, version, _ := strings.Cut(line, " ")
	if version != "HTTP/1.1" || !usualMethod(method) || target == "" || target[0] != '/' {
		return nil, 0, false
	}
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return nil, 0, false
	}
	r = &http.Request{Method: method, URL: u, RequestURI: target, Proto: version, ProtoMajor: 1, ProtoMinor: 1,
		Body: http.NoBody}
	if !readFields(r, fields) {
		return nil, 0, false
	}
	return r, end + len(headEnd), true
}

// Parser reads the heads of a connection's requests. It remembers the last one of a request without a body, because
// most clients send the same again and again. Its zero value is ready to use.
type Parser struct {
	head    string
	request http.Request
}

// Parse is the function Parse. Requests with the same head share their URL and header, which must not be changed.
func (p *Parser) Parse(data []byte) (r *http.Request, length int, ok bool) {
	if n := len(p.head); n > 0 && len(data) >= n && string(data[:n]) == p.head {
		again := p.request
		return &again, n, true
	}
	r, length, ok = Parse(data)
	if ok && r.ContentLength == 0 {
		p.head, p.request = string(data[:length]), *r
	}
	return r, length, ok
}

// usualMethod leaves out the methods whose answers differ in form.
func usualMethod(method string) bool {
	switch method {
	case http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
		return true
	}
	return false
}

// readFields reads the header lines, each with its end; false: one is unusual.
func readFields(r *http.Request, lines string) bool {
	n := strings.Count(lines, "\r\n")
	r.Header = make(http.Header, n)
	values := make([]string, 0, n) // one piece of memory for all lines
	hasHost := false
	for lines != "" {
		var line string
		line, lines, _ = strings.Cut(lines, "\r\n")
		name, value, found := strings.Cut(line, ":")
		value = strings.Trim(value, " \t")
		if !found || !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			return false
		}
		name = http.CanonicalHeaderKey(name)
		switch name {
		case "Host":
			if hasHost || value == "" || !httpguts.ValidHostHeader(value) {
				return false
			}
			hasHost, r.Host = true, value
			continue
		case "Content-Length":
			size, plain := plainLength(value)
			if !plain || r.Header[name] != nil {
				return false
			}
			r.ContentLength = size
		case "Connection":
			if !strings.EqualFold(value, "keep-alive") {
				return false
			}
		case "Transfer-Encoding", "Trailer", "Expect", "Upgrade", "Pragma": // the last one implies a Cache-Control
			return false
		}
		values = append(values, value)
		if r.Header[name] != nil {
			r.Header[name] = append(r.Header[name], value)
			continue
		}
		r.Header[name] = values[len(values)-1 : len(values) : len(values)]
	}
	return hasHost
}

// plainLength is the number that decimal digits stand for, where they are not too many for a length.
func plainLength(digits string) (n int64, ok bool) {
	if digits == "" || len(digits) > 15 || strings.Trim(digits, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	return n, err == nil
}
