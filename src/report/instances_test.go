package report

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gonum.org/v1/plot/plotter"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
)

// lives makes instances of "from-to" in seconds; a c before it marks a cold start.
func lives(spans ...string) []analyze.Life {
	var out []analyze.Life
	start := time.Unix(1_780_000_000, 0)
	for _, span := range spans {
		rest, cold := strings.CutPrefix(span, "c")
		var from, to float64
		if _, err := fmt.Sscanf(rest, "%f-%f", &from, &to); err != nil {
			panic(err)
		}
		at := func(s float64) time.Time { return start.Add(time.Duration(s * float64(time.Second))) }
		out = append(out, analyze.Life{First: at(from), Last: at(to), Requests: 1, Cold: cold})
	}
	return out
}

func TestAliveOver(t *testing.T) {
	for _, c := range []struct {
		spans string
		steps string
		cold  string
		most  float64
	}{
		{"c0-10", "0,0 0,1 10,1 10,0", "0,1", 1},
		{"c0-4 2-10", "0,0 0,1 2,1 2,2 4,2 4,1 10,1 10,0", "0,1", 2},
		// One that begins when another one ends lives beside it.
		{"0-5 c5-10", "0,0 0,1 5,1 5,2 5,2 5,1 10,1 10,0", "5,2", 2},
		// A peak within one column of the page is seen.
		{"c0-10 c5.0001-5.0002 c5.0003-5.0004", "0,0 0,1 5.0001,1 5.0001,2 5.0004,2 5.0004,1 10,1 10,0",
			"0,1 5.0001,2", 2},
		{"c0-0", "0,0 0,1 0,1 0,0", "0,1", 1},
	} {
		got := aliveOver(lives(strings.Fields(c.spans)...))
		text := func(all plotter.XYs) string {
			var out []string
			for _, p := range all {
				out = append(out, fmt.Sprintf("%g,%g", p.X, p.Y))
			}
			return strings.Join(out, " ")
		}
		if s := text(got.steps); s != c.steps {
			t.Errorf("%s: steps %s, want %s", c.spans, s, c.steps)
		}
		if s := text(got.starts); s != c.cold || got.most != c.most {
			t.Errorf("%s: cold starts at %s, at most %g; want %s, %g", c.spans, s, got.most, c.cold, c.most)
		}
	}
}

// TestInstancesPlot draws a run of many instances, and none where no row names one.
func TestInstancesPlot(t *testing.T) {
	n := 5000
	if raceEnabled { // the part data draws all of them
		n = 1500
	}
	var spans []string
	for i := range n {
		spans = append(spans, fmt.Sprintf("c%d.%d-%d", i/3, i%3, i/3+7))
	}
	s := analyze.Summary{Identity: analyze.Identity{Title: "many"}}
	s.Instances = analyze.Instances{Count: analyze.Of(float64(n)), Requests: analyze.Of(1), Lifetime50: analyze.Of(7),
		Lives: lives(spans...)}
	if curve := aliveOver(s.Instances.Lives); len(curve.steps) > 4*stepColumns+8 || len(curve.starts) > markColumns+1 ||
		curve.cold != n {
		t.Errorf("%d steps, %d marks, %d cold starts", len(curve.steps), len(curve.starts), curve.cold)
	}
	dir := t.TempDir()
	got, err := drawIn(t.Context(), func(d *Drawing) { d.Instances(dir, s) })
	if err != nil || len(got.Files) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, ink := decoded(t, filepath.Join(dir, InstancesFile)); ink < 10_000 {
		t.Errorf("%d pixels are not white", ink)
	}
	got, err = drawIn(t.Context(), func(d *Drawing) { d.Instances(dir, analyze.Summary{}) })
	if err != nil || len(got.Files) != 0 || len(got.Skipped) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestParts draws the parts of those sub-experiments that have some, and writes their table.
func TestParts(t *testing.T) {
	divided := analyze.Summary{Identity: analyze.Identity{Index: 1, Title: "zip"}}
	divided.ColdParts = analyze.Parts{Count: 9, Network: analyze.Of(2), Residual: analyze.Of(60), Start: analyze.Of(30),
		FirstRequest: analyze.Of(8)}
	all := []analyze.Summary{{}, divided}
	f, err := partsFigure(all)
	if err != nil || f.plot.Y.Max < 100 || f.plot.Y.Max > 110 || f.plot.X.Max != 0.5 || len(f.legend) != 4 {
		t.Errorf("%+v, %v", f, err)
	}
	dir := t.TempDir()
	got, err := drawIn(t.Context(), func(d *Drawing) { d.Parts(dir, all) })
	if err = errors.Join(err, WriteParts(dir, all)); err != nil || len(got.Files) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	img, _ := decoded(t, filepath.Join(dir, PartsPlot))
	seen := map[rgb]int{}
	for i := 0; i < len(img.Pix); i += 4 {
		seen[rgb(img.Pix[i])<<16|rgb(img.Pix[i+1])<<8|rgb(img.Pix[i+2])]++
	}
	// Beside its place in the legend, each part has as many pixels as it has ms.
	for i, least := range []int{500, 20_000, 10_000, 2_000} {
		if n := seen[partColors()[i].(rgb)]; n < least {
			t.Errorf("part %d has %d pixels", i, n)
		}
	}
	table, err := os.ReadFile(filepath.Join(dir, PartsTable))
	if err != nil || !strings.Contains(string(table), "\n1,zip,9,2.000,60.000,30.000,8.000,100.000\n") {
		t.Errorf("%s, %v", table, err)
	}
	got, err = drawIn(t.Context(), func(d *Drawing) { d.Parts(t.TempDir(), all[:1]) })
	if err != nil || len(got.Files) != 0 || len(got.Skipped) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	none := t.TempDir()
	if err := WriteParts(none, all[:1]); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(none, PartsTable)); err == nil {
		t.Error("a table without parts")
	}
}
