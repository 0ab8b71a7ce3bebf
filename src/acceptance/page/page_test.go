// Package page_test opens report.html in headless Chromium, and uses it as a reader does.
package page_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/report/page"
	"github.com/vhive-serverless/STeLLAR/src/report/page/pagetest"
)

// look is what look.mjs found.
type look struct {
	Version string
	Views   []struct {
		Width       int
		ColorScheme string
		Console     []string
		Requests    []string
		Axe         []struct {
			ID, Impact string
			Nodes      []string
		}
		OpenMS   int
		Overflow float64
		Title    string
		Charts   []struct {
			Kind  string
			Marks int
		}
	}
	Used map[string]any
}

// TestPageInABrowser opens a page with all that pages have, at the width of a desktop and of a phone, light and dark.
func TestPageInABrowser(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, page.File)
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	const name = "20260102T150405Z-local-abcd"
	p := page.Page{Version: "test", Runs: []page.Run{pagetest.Run(name, pagetest.Shapes()...)}}
	if err := p.Write(f); err != nil || f.Close() != nil {
		t.Fatal(err)
	}
	shots := dir
	if to := os.Getenv("STELLAR_TEST_SCREENSHOTS"); to != "" {
		shots = to
	}
	modules := filepath.Join(lab.Repo(), "scripts", "browser")
	cmd := exec.CommandContext(t.Context(), "node", "testdata/look.mjs", modules, file, shots)
	cmd.Env = append(os.Environ(), "HOME="+dir, "NODE_OPTIONS=")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var found look
	if err := json.Unmarshal(out, &found); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if len(found.Views) != 4 {
		t.Fatalf("%d views", len(found.Views))
	}
	for _, v := range found.Views {
		t.Logf("Chromium %s, %d px, %s: open in %d ms", found.Version, v.Width, v.ColorScheme, v.OpenMS)
		if len(v.Console)+len(v.Requests)+len(v.Axe) > 0 {
			t.Errorf("%d px, %s: console %q, requests %q, axe %+v", v.Width, v.ColorScheme, v.Console, v.Requests,
				v.Axe)
		}
		if v.Overflow > 0 || v.Title != name {
			t.Errorf("%d px, %s: the page is %v px too wide, its title is %q", v.Width, v.ColorScheme, v.Overflow,
				v.Title)
		}
		var kinds []string
		for _, c := range v.Charts {
			kinds = append(kinds, c.Kind)
			if c.Marks < 5 {
				t.Errorf("%d px, %s: the chart %s has %d marks", v.Width, v.ColorScheme, c.Kind, c.Marks)
			}
		}
		for _, want := range []string{"comparison", "cdf", "timeline", "rate", "load", "bursts", "parts", "instances"} {
			if !slices.Contains(kinds, want) {
				t.Errorf("%d px, %s: there is no chart %s", v.Width, v.ColorScheme, want)
			}
		}
	}
	checkUse(t, found.Used)
}

// checkUse holds what keyboard, pointer and buttons brought.
func checkUse(t *testing.T, used map[string]any) {
	t.Helper()
	for what, want := range map[string]string{
		"cdf":        "load, warm: ",
		"timeline":   "warm; burst 0; after 0 s, at 15:04:05.000 UTC",
		"bursts":     "burst 0; 10 warm; median ",
		"instances":  "after 0 s; 1 instances",
		"parts":      "cold,Runtime=python3.13; network: ",
		"comparison": "FunctionMemoryMB ",
		"rate":       " requests/s; ",
		"load":       "; median ",
		"tip":        "at most ",
		"hidden":     "false",
		"csv":        "#,sub-experiment,requests,errors,cold,cold p50 (ms),",
	} {
		if text, ok := used[what].(string); !ok || !strings.Contains(text, want) {
			t.Errorf("%s: %q; want %q in it", what, text, want)
		}
	}
	for _, what := range []string{"zoomed", "unzoomed", "dragged"} {
		if used[what] != true {
			t.Errorf("%s: %v", what, used[what])
		}
	}
	if csv, _ := used["csv"].(string); !strings.Contains(csv, "\n1,\"cold,Runtime=python3.13\",298,2,298,160.196,") {
		t.Errorf("copied:\n%s", csv)
	}
	up, _ := used["ascending"].([]any)
	down, _ := used["descending"].([]any)
	slices.Reverse(down)
	if len(up) != 3 || up[0] != "298" || !slices.Equal(up, down) {
		t.Errorf("sorted: %v, %v", up, used["descending"])
	}
}
