package pipeline

import "testing"

func TestPortHere(t *testing.T) {
	for address, want := range map[string]int{
		"http://127.0.0.1:8080/a": 8080, "http://localhost/": 80, "https://[::1]/": 443, "http://127.9.9.9:1": 1,
		"http://10.0.0.1:8080": 0, "http://example.org": 0, "http://localhost.example.org:81": 0, ":": 0,
	} {
		if got := portHere(address); got != want {
			t.Errorf("%s: %d, want %d", address, got, want)
		}
	}
}
