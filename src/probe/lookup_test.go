package probe

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestNamesUnderLocalhostAreThisMachine(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_,
			_ = w.Write([]byte(r.Host))
	}))
	defer server.Close()
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"api.localhost", "a1b2.execute-api.LOCALHOST"} {
		reply, err := Once(t.Context(), Client{Timeout: patience}, Target{URL: "http://" + host + ":" + port + "/f0-0"},
			nil)
		if err != nil || string(reply.Body) != host+":"+port {
			t.Errorf("%s: %v, answered %q", host, err, reply.Body)
		}
	}
	for _, host := range []string{"localhost.invalid", "notlocalhost.invalid"} {
		if addrs, err := lookupHost(t.Context(), host); err == nil {
			t.Errorf("%s is %v, it should not be this machine", host, addrs)
		}
	}
}
