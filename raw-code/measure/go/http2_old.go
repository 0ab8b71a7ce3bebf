//go:build !go1.24

package main

import (
	"net/http"
	"time"
)

// speakHTTP2 leaves the server at HTTP/1.1: HTTP/2 in clear came into the standard library with Go 1.24.
func speakHTTP2(*http.Server) {}

// http2Transport says that there is none.
func http2Transport(time.Duration) http.RoundTripper { return nil }
