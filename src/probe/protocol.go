package probe

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http2/hpack"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// The protocols.
const (
	HTTP1 = "http1" // HTTP/1.1, one request at a time on a connection
	H2    = "h2"    // HTTP/2 over TLS
	H2C   = "h2c"   // HTTP/2 in clear, without an upgrade (prior knowledge, RFC 9113, section 3.3)
	GRPC  = "grpc"  // unary calls over HTTP/2, in clear for http:// and over TLS for https://
)

// protocol is how a target is spoken to.
type protocol struct {
	alpn  string // as TLS negotiates it
	multi bool   // one connection carries many requests
	grpc  bool
}

// protocolOf finds the protocol of a target.
func protocolOf(name string, t *target) (protocol, error) {
	switch name {
	case HTTP1, "":
		return protocol{alpn: "http/1.1"}, nil
	case H2:
		if !t.secure {
			return protocol{}, fail.Input("endpoint %q: %s is spoken over https, and its URL says http", t.label, H2).
				WithHint("in clear it is Protocol %q", H2C)
		}
		return protocol{alpn: "h2", multi: true}, nil
	case H2C:
		if t.secure {
			return protocol{}, fail.Input("endpoint %q: %s is spoken in clear, and its URL says https", t.label, H2C).
				WithHint("over TLS it is Protocol %q", H2)
		}
		return protocol{multi: true}, nil
	case GRPC:
		return protocol{alpn: "h2", multi: true, grpc: true}, nil
	}
	return protocol{}, fail.Input("Protocol %q is none of %s, %s, %s and %s", name, HTTP1, H2, H2C, GRPC)
}

// judge is the class of a complete answer.
func (p protocol) judge(r *response) sample.Class {
	if p.grpc {
		return judgeCall(r)
	}
	return statusClass(r.status)
}

// field is a header field.
type field struct{ name, value string }

// mostFields is how many bytes of header fields a request may have: over HTTP/2 they are sent in one frame of 16 KiB.
const mostFields = 12 << 10

// headerFields are the header fields of a target, in the order of their names: the same bytes every time.
func (t *target) headerFields(user *url.Userinfo, header http.Header) ([]field, error) {
	var out []field
	size := 0
	if user != nil {
		password, _ := user.Password()
		pair := base64.StdEncoding.EncodeToString([]byte(user.Username() + ":" + password))
		out = append(out, field{"Authorization", "Basic " + pair})
	}
	names := make([]string, 0, len(header))
	for name := range header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if !isToken(name) || slices.Contains(ownFields(), http.CanonicalHeaderKey(name)) {
			return nil, fail.Input("endpoint %q: header field %q cannot be set", t.label, name)
		}
		for _, value := range header[name] {
			// The value may be a secret: it does not go into the message.
			if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
				return nil, fail.Input("endpoint %q: header field %q has a control character in its value", t.label,
					name)
			}
			out = append(out, field{name, value})
			size += len(name) + len(value)
		}
	}
	if size > mostFields {
		return nil, fail.Input("endpoint %q: %d bytes of header fields; at most %d fit", t.label, size, mostFields)
	}
	return out, nil
}

// headerBlock encodes a request's head for HTTP/2 so that it fits any stream of any connection: no part of it enters
// the dynamic table (RFC 7541, section 6.2.2).
func (cfg *Config) headerBlock(t *target, round int, body []byte, fields []field) []byte {
	var out bytes.Buffer
	enc := hpack.NewEncoder(&out)
	enc.SetMaxDynamicTableSizeLimit(0)
	put := func(name, value string) {
		// Writing to a buffer does not fail.
		_ = enc.WriteField(hpack.HeaderField{Name: strings.ToLower(name), Value: value})
	}
	scheme, method, path := "http", cfg.method(t), t.pathQuery(cfg, round)
	if t.secure {
		scheme = "https"
	}
	if t.proto.grpc {
		method, path = http.MethodPost, t.callPath()
	}
	put(":method", method)
	put(":scheme", scheme)
	put(":authority", t.hostPort)
	put(":path", path)
	put("user-agent", cfg.UserAgent)
	if t.proto.grpc {
		put("content-type", "application/grpc")
		put("te", "trailers")
	} else {
		if !t.sets("Accept") {
			put("accept", "*/*")
		}
		if len(body) > 0 || method == http.MethodPost || method == http.MethodPut {
			put("content-length", strconv.Itoa(len(body)))
		}
	}
	for _, f := range fields {
		put(f.name, f.value)
	}
	return out.Bytes()
}
