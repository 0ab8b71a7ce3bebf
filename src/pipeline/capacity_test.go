package pipeline

import (
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
)

// An address of this machine is one with and without a scheme.
func TestLoopback(t *testing.T) {
	for provider, want := range map[string]bool{
		"local":                            true,
		"localhost":                        true,
		"localhost:8080":                   true,
		"localhost/f":                      true,
		"127.0.0.1":                        true,
		"127.0.0.1:8080":                   true,
		"127.8.0.1:80/f?x=1":               true,
		"[::1]:8080":                       true,
		"http://127.0.0.1:8080":            true,
		"https://localhost/f":              true,
		"http://[::1]":                     true,
		"aws":                              false,
		"example.com":                      false,
		"example.com:8080":                 false,
		"10.0.0.1:8080":                    false,
		"http://10.0.0.1":                  false,
		"localhost.example.com":            false,
		"example.com/?at=http://localhost": false,
	} {
		if got := loopback(&experiment.Experiment{Provider: provider}); got != want {
			t.Errorf("%s: loopback %t, want %t", provider, got, want)
		}
	}
}
