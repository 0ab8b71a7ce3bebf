package report

import (
	"bytes"
	"errors"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/goldentest"
)

// compared is a made-up comparison of three sizes and two kinds of package.
func compared(t *testing.T) []analyze.Comparison {
	t.Helper()
	var all []analyze.Summary
	for i, cold := range []float64{80, 90, 120, 200, 205, 199} {
		s := workload{title: "t", bursts: 40, size: 2, coldShare: 0.5, warmMS: 2, coldMS: cold,
			seed: uint64(i)}.summary(t)
		s.Index = i
		all = append(all, s)
	}
	return analyze.Compare(all, []analyze.Axis{
		{Key: "PackageType", Labels: []string{"Zip", "Zip", "Zip", "Image", "Image", "Image"}},
		{Key: "FunctionImageSizeMB", Unit: "MiB", Labels: []string{"10", "50", "100", "10", "50", "100"},
			Values: []float64{10, 50, 100, 10, 50, 100}},
	})
}

func TestComparisons(t *testing.T) {
	var out bytes.Buffer
	if err := Comparisons(&out, compared(t), SummaryOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := WriteComparisonCSV(&out, compared(t)); err != nil {
		t.Fatal(err)
	}
	goldentest.Check(t, out.String())
}

func TestComparisonPlots(t *testing.T) {
	dir := t.TempDir()
	plots, err := drawIn(t.Context(), func(d *Drawing) { d.Comparisons(dir, compared(t)) })
	if err != nil || len(plots.Files) != 4 || len(plots.Skipped) != 0 {
		t.Fatalf("%v %+v", err, plots)
	}
	for _, name := range plots.Files {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(f)
		f.Close()
		if err != nil || img.Bounds().Dx() < 1000 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestComparisonOfNothing(t *testing.T) {
	none, err := analyze.Summarize(analyze.Samples(nil), analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := analyze.Compare([]analyze.Summary{none}, []analyze.Axis{{Key: "Runtime", Labels: []string{"go"}}})
	var skip fail.Skip
	if _, err := comparisonFigure(c[0]); !errors.As(err, &skip) {
		t.Errorf("%v, want a skip", err)
	}
	if err := Comparisons(&bytes.Buffer{}, c, SummaryOptions{}); err != nil {
		t.Error(err)
	}
}
