package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// TestClientCoresAreRefused: cores that are none, that are not there, or that a platform which stays would not keep off
// are refused before anything is made.
func TestClientCoresAreRefused(t *testing.T) {
	for args, says := range map[string]string{
		"--client-cores x":        "no list of cores",
		"--client-cores 8000":     "core", // there is none, or this system binds to none
		"--client-cores 0 --keep": "",
	} {
		w := testProcess(append(strings.Fields(args), "https://localhost:1/")...)
		code := Run(t.Context(), w)
		text := w.Stderr.(*bytes.Buffer).String()
		if code != fail.CodeInput || !strings.Contains(text, "--client-cores") || !strings.Contains(text, says) {
			t.Errorf("%s: exit code %d: %s", args, code, text)
		}
	}
}
