package cli

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/app"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
)

func TestAddressLast(t *testing.T) {
	for in, want := range map[string]string{
		"stellar http://h:1/a -n 5 -b 1,10": "stellar -n 5 -b 1,10 http://h:1/a",
		"stellar example.org -n 5":          "stellar -n 5 example.org",
		"stellar localhost/a --json":        "stellar --json localhost/a",
		"stellar plan -c x.json":            "stellar plan -c x.json",
		"stellar x.json -n 5":               "stellar x.json -n 5",
		"stellar -c x.json -r 1":            "stellar -c x.json -r 1",
		"stellar":                           "stellar",
		"stellar ./a.b -n 5":                "stellar ./a.b -n 5",
		"stellar url.go -n 5":               "stellar url.go -n 5", // a file
	} {
		if got := strings.Join(addressLast(strings.Fields(in)), " "); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestURLExperiment(t *testing.T) {
	text, err := urlExperiment("http://h.org:80/x?y=1", 100, "1, 10", 0.1)
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := experiment.Parse("x", text, app.KnownProviders())
	if err != nil {
		t.Fatal(err)
	}
	s := loaded.Experiment.SubExperiments[0]
	// 9 times 11 requests, then one more.
	if s.Bursts != 19 || s.Requests() != 100 || !slices.Equal(s.BurstSizes, []int{1, 10}) || s.Title != "h.org" ||
		s.IATSeconds != 0.1 || s.TimeoutSeconds != 30 || loaded.Experiment.Provider != "http://h.org:80/x?y=1" {
		t.Errorf("%+v of %s", s, loaded.Experiment.Provider)
	}
	for _, bad := range []struct {
		n     int
		sizes string
	}{{0, "1"}, {5, ""}, {5, "1,x"}, {5, "0"}, {5, "1,,2"}} {
		if _, err := urlExperiment("h.org", bad.n, bad.sizes, 0); fail.Code(err) != fail.CodeInput {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// TestOptionsOfAddressesWithAFile: options that the file's own keys stand for are refused beside it, not left out.
func TestOptionsOfAddressesWithAFile(t *testing.T) {
	for _, option := range []string{"-n", "-b", "--iat"} {
		w := testProcess("-c", "none.json", option, "5")
		code := Run(t.Context(), w)
		if text := w.Stderr.(*bytes.Buffer).String(); code != fail.CodeInput || !strings.Contains(text, "BurstSizes") {
			t.Errorf("%s: exit code %d: %s", option, code, text)
		}
	}
}
