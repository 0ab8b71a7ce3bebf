// Package page_test opens report.html in headless Chromium, and uses it as a reader does.
package page_test

import (
	"encoding/json"
	"errors"
	"io"
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
	Version      string
	Views        []view
	Used         map[string]any
	HistoryViews []view
	History      struct {
		Charts []struct {
			Stretches, Bands []int // of each curve and each band, between gaps
			Crosses          []int
			Changes          int // lines
		}
		First, Failed, Step string // what is read of single runs
		Hidden              string
		Curves              int
	}
}

// view is a page at a width and in a colour scheme.
type view struct {
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
	Scrolled []string // tables wider than the page
	Charts   []struct {
		Kind  string
		Marks int
	}
}

// TestPageInABrowser opens a page with all that pages have, at the width of a desktop and of a phone, light and dark,
// and the page of a history in the same browser.
func TestPageInABrowser(t *testing.T) {
	dir := t.TempDir()
	const name = "20260102T150405Z-local-abcd"
	file := written(t, filepath.Join(dir, page.File),
		page.Page{Version: "test", Runs: []page.Run{pagetest.Run(name, pagetest.Shapes()...)}})
	historyFile := written(t, filepath.Join(dir, "history.html"), pagetest.History())
	shots := dir
	if to := os.Getenv("STELLAR_TEST_SCREENSHOTS"); to != "" {
		shots = to
	}
	modules := filepath.Join(lab.Repo(), "scripts", "browser")
	cmd := exec.CommandContext(t.Context(), "node", "testdata/look.mjs", modules, file, historyFile, shots)
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
		v.check(t, found.Version, name)
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
	checkHistory(t, found)
}

// written writes a page into a file.
func written(t *testing.T, path string, p interface{ Write(w io.Writer) error }) string {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(p.Write(f), f.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// check holds that a view is silent, asks for nothing, is accessible, and fits.
func (v view) check(t *testing.T, version, title string) {
	t.Helper()
	t.Logf("Chromium %s, %d px, %s: open in %d ms", version, v.Width, v.ColorScheme, v.OpenMS)
	if len(v.Console)+len(v.Requests)+len(v.Axe) > 0 {
		t.Errorf("%d px, %s: console %q, requests %q, axe %+v", v.Width, v.ColorScheme, v.Console, v.Requests, v.Axe)
	}
	if v.Overflow > 0 || v.Title != title {
		t.Errorf("%d px, %s: the page is %v px too wide, its title is %q", v.Width, v.ColorScheme, v.Overflow, v.Title)
	}
}

// checkHistory holds a history of 52 runs, of which three failed, with one step.
func checkHistory(t *testing.T, found look) {
	t.Helper()
	if len(found.HistoryViews) != 2 {
		t.Fatalf("%d views of the history", len(found.HistoryViews))
	}
	for _, v := range found.HistoryViews {
		v.check(t, found.Version, "stellar history")
		if v.Width == 1280 && len(v.Scrolled) > 0 {
			t.Errorf("tables that scroll sideways at 1280 pixels: %v", v.Scrolled)
		}
	}
	h := found.History
	if len(h.Charts) != 2 {
		t.Fatalf("charts: %+v", h.Charts)
	}
	first, second := h.Charts[0], h.Charts[1]
	// cold and warm, p50 and p99: four stretches of runs each, between three gaps
	if four := []int{4, 4, 4, 4}; !slices.Equal(first.Stretches, four) || !slices.Equal(first.Bands, four[:2]) ||
		!slices.Equal(first.Crosses, []int{3}) || !slices.Equal(second.Crosses, []int{3}) {
		t.Errorf("gaps: %+v", h.Charts)
	}
	if first.Changes != 2 || second.Changes != 0 { // of p50 and of p99
		t.Errorf("changes: %+v", h.Charts)
	}
	for got, want := range map[string]string{h.First: "2026-01-05, week-00; cold p50 1", h.Step: "warm p50 +",
		h.Failed: "week-07; no latencies: failed: the platform did not answer"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q; want %q in it", got, want)
		}
	}
	if h.Hidden != "false" || h.Curves != 3 {
		t.Errorf("a series that was hidden: %s, %d curves", h.Hidden, h.Curves)
	}
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
