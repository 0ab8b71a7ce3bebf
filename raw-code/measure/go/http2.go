//go:build go1.24

package main

import (
	"net"
	"net/http"
	"time"
)

// speakHTTP2 lets the server speak HTTP/2 in clear beside HTTP/1.1: gRPC comes that way.
func speakHTTP2(server *http.Server) {
	server.Protocols = new(http.Protocols)
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(true)
}

// http2Transport speaks HTTP/2 in clear, without an upgrade; a connection must stand within the given time.
func http2Transport(dial time.Duration) http.RoundTripper {
	t := &http.Transport{DialContext: (&net.Dialer{Timeout: dial}).DialContext, DisableCompression: true,
		Protocols:       new(http.Protocols),
		IdleConnTimeout: 50 * time.Second} // gateways drop idle connections after about 55 s, some without a word
	t.Protocols.SetUnencryptedHTTP2(true)
	return t
}
