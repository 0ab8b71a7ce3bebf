package study

import (
	"strings"
	"testing"
)

func TestAdvertised(t *testing.T) {
	var e Env
	for url, want := range map[string]string{"http://127.0.0.1:80/f": "127.0.0.1", "http://127.0.0.7": "127.0.0.1",
		"http://localhost:80/f": "127.0.0.1", "http://[::1]:80/f": "127.0.0.1"} {
		got, err := e.Advertised(t.Context(), Endpoint{URL: url})
		if strings.Contains(url, "[") && err != nil {
			continue // a machine without IPv6
		}
		if err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", url, got, err, want)
		}
	}
	if got, err := e.Advertised(t.Context(), Endpoint{URL: "http://name.invalid/f"}); err == nil {
		t.Errorf("a host that does not exist: %s", got)
	}
	e.Sub.AdvertiseAddress = "h.example"
	if got, err := e.Advertised(t.Context(), Endpoint{URL: "http://name.invalid/f"}); err != nil || got != "h.example" {
		t.Errorf("an address of the file: %s, %v", got, err)
	}
}
