package main

import "testing"

// TestTokenOfAnEvent: names of headers differ in their case from platform to platform, and the others do not matter.
func TestTokenOfAnEvent(t *testing.T) {
	for _, c := range []struct{ name, event, want string }{
		{"HTTP API", `{"requestContext":{},"headers":{"host":"a","x-stellar-token":"t","accept":"*/*"}}`, "t"},
		{"REST API", `{"requestContext":{},"headers":{"Host":"a","X-Stellar-Token":"t"}}`, "t"},
		{"any case", `{"requestContext":{},"headers":{"X-STELLAR-token":"t"}}`, "t"},
		{"none", `{"requestContext":{},"headers":{"x-stellar-tokens":"t","stellar-token":"t"}}`, ""},
		{"no headers", `{"requestContext":{}}`, ""},
		{"headers null", `{"requestContext":{},"headers":null}`, ""},
		{"direct", `{"X-Stellar-Token":"t"}`, "t"},
		{"direct, no token", `{"headers":{"x-stellar-token":"t"}}`, ""},
	} {
		var r request
		if fromEvent([]byte(c.event), &r); r.token != c.want {
			t.Errorf("%s: token %q, want %q", c.name, r.token, c.want)
		}
	}
}
