package providertest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Outputs shows a vendor's reader what real deployments printed, by versions of the tools that decorate the same lines
// otherwise: it finds the endpoints in any. want are the addresses in files of testdata.
func Outputs(t *testing.T, read func(text string) []string, want map[string][]string) {
	t.Helper()
	for file, urls := range want {
		raw, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		text := string(raw)
		for how, text := range map[string]string{"as it is": text,
			"in Windows' lines": strings.ReplaceAll(text, "\n", "\r\n"),
			"among others":      "Warning: x\n" + text + "\n\nDone: 1 - 2\n"} {
			if got := read(text); !slices.Equal(got, urls) {
				t.Errorf("%s, %s: %q; want %q", file, how, got, urls)
			}
		}
	}
}
