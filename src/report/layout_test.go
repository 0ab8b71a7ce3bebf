package report

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/goldentest"
)

func TestLayout(t *testing.T) {
	style := textStyle(textSize, inkColor)
	entry := func(label string) key { return key{label: label, box: coldColor} }
	if _, rows := layout(nil, 500); rows != 0 {
		t.Errorf("%d rows for no entries", rows)
	}
	if _, rows := layout([]key{entry("one"), entry("two")}, 500); rows != 1 {
		t.Errorf("%d rows for two short entries", rows)
	}
	pair := []key{entry("one"), {label: "two", box: coldColor, fresh: true}, entry(strings.Repeat("three ", 10))}
	if out, rows := layout(pair, 500); rows != 1 || out[1].row != 0 {
		t.Errorf("entries that fit one row take %d", rows)
	}
	if out, rows := layout(pair, 200); rows != 2 && rows != 3 || out[1].row != 1 {
		t.Errorf("a fresh entry did not start a row: %+v", out)
	}
	var many []key
	for i := range 20 {
		many = append(many, entry(strings.Repeat("x", 6+i*i%11)))
	}
	many = append(many, entry(strings.Repeat("long ", 60)))
	out, rows := layout(many, 500)
	starts := map[string]bool{}
	for i, p := range out {
		end := p.x + p.sampleWidth() + sampleGap + style.Width(p.label)
		if end > 500.01 {
			t.Errorf("%q ends at %v", p.label, end)
		}
		if i > 0 && out[i-1].row == p.row && out[i-1].x+p.sampleWidth()+sampleGap+style.Width(out[i-1].label) > p.x {
			t.Errorf("%q lies over %q", p.label, out[i-1].label)
		}
		starts[short(float64(p.x))] = true
	}
	if last := out[len(out)-1]; !strings.HasSuffix(last.label, "…") || last.row != rows-1 {
		t.Errorf("the long entry: %+v of %d rows", last, rows)
	}
	if len(starts) > 5 {
		t.Errorf("columns start at %d places", len(starts))
	}
	if got := fit(style, "abc", 1); got != "" {
		t.Errorf("nothing fits, got %q", got)
	}
}

// drawIn draws, and waits for it.
func drawIn(ctx context.Context, what func(d *Drawing)) (Plots, error) {
	d := NewDrawing(ctx, PNG)
	what(d)
	return d.Wait()
}

// TestQuickstartPictures: the plots of a run like the quickstart's, as text that can be compared.
func TestQuickstartPictures(t *testing.T) {
	var all []analyze.Summary
	for i, title := range []string{"warm,Runtime=go", "warm,Runtime=python3.13", "cold,Runtime=go"} {
		w := workload{title: title, bursts: 10, size: 4, warmMS: 1.6 * float64(i+1), coldMS: 30, seed: uint64(i)}
		if i == 2 {
			w.coldShare, w.failShare = 0.7, 0.05
		}
		all = append(all, w.summary(t))
	}
	dir := t.TempDir()
	d := NewDrawing(t.Context(), SVG)
	d.Plots(dir, Visualization{Bars: true, Histogram: true}, all[2])
	d.CombinedCDF(dir, all)
	plots, err := d.Wait()
	if want := []string{"bursts_characterization.svg", "histograms/burst0-9.svg", "empirical_CDF.svg"}; err != nil ||
		!slices.Equal(plots.Files, want) {
		t.Fatalf("%+v, %v; want %v", plots, err, want)
	}
	for _, name := range plots.Files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			goldentest.Check(t, string(text))
		})
	}
}

// TestFormats: a plot is found in the format in which it was drawn, and none draws nothing.
func TestFormats(t *testing.T) {
	s := workload{title: "mixed", bursts: 2, size: 5, warmMS: 2, seed: 1}.summary(t)
	for name, file := range map[string]string{"": "empirical_CDF.png", "svg": "empirical_CDF.svg", "none": ""} {
		dir := t.TempDir()
		format, err := ParseFormat(name)
		if err != nil {
			t.Fatal(err)
		}
		d := NewDrawing(t.Context(), format)
		d.CombinedCDF(dir, []analyze.Summary{s})
		if _, err := d.Wait(); err != nil {
			t.Error(err)
		}
		if got := Drawn(dir, CDFFile); file == "" && got != "" || file != "" && got != filepath.Join(dir, file) {
			t.Errorf("plots %q: found %q, want %q", name, got, file)
		}
	}
	if _, err := ParseFormat("jpeg"); fail.Code(err) != fail.CodeInput {
		t.Errorf("jpeg: %v", err)
	}
}
