package app

import (
	"context"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/archive"
)

// A value is found wherever it lies in a file, also across the pieces in which files are read.
func TestHolds(t *testing.T) {
	forms := map[string][][]byte{"A": {[]byte("sesame")}, "B": {[]byte("sesame%2F")}, "C": nil}
	for name, c := range map[string]struct{ text, want string }{
		"none":   {"open sesam", ""},
		"begin":  {"sesame", "A"},
		"both":   {"x sesame%2F", "A B"},
		"across": {strings.Repeat("x", 256<<10+4) + "sesame", "A"},
		"far":    {strings.Repeat("x", 3<<18) + "sesame" + strings.Repeat("y", 10), "A"},
		"empty":  {"", ""},
	} {
		got, err := holds(context.Background(), archive.File{Name: name, Text: []byte(c.text)}, forms)
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, %v; want %q", name, got, err, c.want)
		}
	}
}
