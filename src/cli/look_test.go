package cli

import (
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/app"
	"github.com/vhive-serverless/STeLLAR/src/report"
)

// TestLook: colours need a terminal that has them, and somebody who wants them.
func TestLook(t *testing.T) {
	for _, c := range []struct {
		terminal bool
		env      string
		want     bool
	}{{true, "", true}, {false, "", false}, {true, "NO_COLOR=1", false}, {true, "TERM=dumb", false},
		{true, "NO_COLOR=", true}} {
		p := testProcess()
		name, value, _ := strings.Cut(c.env, "=")
		p.StdoutTTY, p.Width = c.terminal, 77
		p.Getenv = func(asked string) string {
			if asked == name {
				return value
			}
			return ""
		}
		if got := newCommand(p).look(); got != (report.SummaryOptions{Width: 77, Color: c.want}) {
			t.Errorf("%+v: %+v", c, got)
		}
	}
}

// TestProvidersFit: where the table of providers is wider than the terminal, each has a block, broken between words
// only; in a pipe it stays a table.
func TestProvidersFit(t *testing.T) {
	all := []app.ProviderStatus{{Name: "aws", Deploys: "serverless deploy", Packages: []string{"Zip", "Image"},
		Can:         []string{"SnapStart", "arm64", "forced cold starts", "reports of requests", "existing functions"},
		Credentials: "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY", Where: map[string]string{"region": "eu-west-1"},
		Limits: []string{"ZIP 250 MB unpacked", "image 10 GiB", "memory 128 to 10240 MB", "timeout 900 s"}},
		{Name: "url"}}
	for _, width := range []int{0, 60, 80, 400} {
		var out strings.Builder
		if err := printProviders(&out, all, report.SummaryOptions{Width: width}); err != nil {
			t.Fatal(err)
		}
		text := out.String()
		row := strings.Contains(text, "aws       serverless deploy  Zip, Image")
		if row != (width == 0 || width == 400) {
			t.Errorf("%d columns: in a table: %v\n%s", width, row, text)
		}
		words := strings.Fields(text)
		for _, word := range []string{"AWS_SECRET_ACCESS_KEY", "SnapStart,", "eu-west-1", "10240", "url"} {
			found := false
			for _, w := range words {
				found = found || w == word
			}
			if !found {
				t.Errorf("%d columns: no word %s in\n%s", width, word, text)
			}
		}
		if width > 0 && widest(text) > width {
			t.Errorf("%d columns of %d:\n%s", widest(text), width, text)
		}
	}
}
