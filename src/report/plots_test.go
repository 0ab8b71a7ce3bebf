package report

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"image"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

func TestParseVisualization(t *testing.T) {
	for in, want := range map[string]Visualization{
		"":          {CDF: true},
		"cdf":       {CDF: true},
		"all":       {CDF: true, Bars: true},
		"bar":       {Bars: true},
		"bar-200":   {Bars: true, BarsMS: 200},
		"bar-0.5":   {Bars: true, BarsMS: .5},
		"histogram": {Histogram: true},
		"none":      {},
	} {
		if got, err := ParseVisualization(in); err != nil || got != want {
			t.Errorf("%q: %+v, %v; want %+v", in, got, err, want)
		}
	}
	for _, in := range []string{"bar-", "bar-0", "bar--5", "bar-x", "bar-NaN", "bar-Inf", "ALL", "cdf ", "pie"} {
		if got, err := ParseVisualization(in); fail.Code(err) != fail.CodeInput || got != (Visualization{}) {
			t.Errorf("%q: %+v, %v", in, got, err)
		}
	}
}

// decoded reads a PNG back and says how many of its pixels are not white.
func decoded(t *testing.T, path string) (img *image.RGBA, ink int) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	decoded, err := png.Decode(f)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	switch decoded := decoded.(type) {
	case *image.RGBA:
		img = decoded
	case *image.Paletted:
		img = image.NewRGBA(decoded.Rect)
		var colors [maxPalette]uint32
		for i, c := range decoded.Palette {
			r, g, b, a := c.RGBA()
			colors[i] = r>>8 | g>>8<<8 | b>>8<<16 | a>>8<<24
		}
		pix := img.Pix
		for _, index := range decoded.Pix { // no copy of 4 bytes: the race detector looks at each as a range
			color := colors[index]
			binary.LittleEndian.PutUint32(pix, color)
			pix = pix[4:]
			if color != math.MaxUint32 {
				ink++
			}
		}
		return img, ink
	default:
		t.Fatalf("%s is a %T", path, decoded)
	}
	for y := range img.Rect.Dy() {
		ink += inked(img, y, 0, img.Rect.Dx())
	}
	return img, ink
}

// inked counts the pixels of a row, from one column to before another, that are not white.
func inked(img *image.RGBA, y, from, to int) int {
	n := 0
	row := img.Pix[y*img.Stride : (y+1)*img.Stride]
	for x := from; x < to; x++ {
		if binary.LittleEndian.Uint32(row[4*x:]) != math.MaxUint32 {
			n++
		}
	}
	return n
}

func TestWritePlots(t *testing.T) {
	s := workload{title: "mixed", bursts: 2, size: 50, coldShare: .1, warmMS: 2.1, coldMS: 80, failShare: .02,
		seed: 1}.summary(t)
	for v, want := range map[string][]string{
		"all":       {CDFFile, BarsFile},
		"cdf":       {CDFFile},
		"bar":       {BarsFile},
		"bar-50":    {BarsFile},
		"histogram": {"histograms/burst0-1.png"},
		"none":      nil,
	} {
		t.Run(v, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "new")
			vis, err := ParseVisualization(v)
			if err != nil {
				t.Fatal(err)
			}
			got, err := drawIn(context.Background(), func(d *Drawing) { d.Plots(dir, vis, s) })
			if err != nil || len(got.Skipped) != 0 || !reflect.DeepEqual(got.Files, want) {
				t.Fatalf("%+v, %v; want %v", got, err, want)
			}
			for _, name := range want {
				img, ink := decoded(t, filepath.Join(dir, name))
				size := img.Bounds().Size()
				least, most := 950, 1100
				if v == "histogram" {
					least, most = 440, 440 // one row of bursts
				}
				if size.X != 1536 || size.Y < least || size.Y > most {
					t.Errorf("%s is %v", name, size)
				}
				if part := float64(ink) / float64(size.X*size.Y); part < 0.01 || part > 0.9 {
					t.Errorf("%s: %.4f of it is drawn on", name, part)
				}
			}
		})
	}
}

// Nothing may be drawn in the outermost pixels: text or glyphs there would be cut off.
func TestPlotsKeepTheirMargin(t *testing.T) {
	dir := t.TempDir()
	long := workload{title: strings.Repeat("a very long title ", 12), bursts: 300, size: 2, coldShare: .1, warmMS: 900,
		coldMS: 98765, seed: 1}.summary(t)
	if _, err := drawIn(context.Background(), func(d *Drawing) {
		d.Plots(dir, Visualization{CDF: true, Bars: true}, long)
	}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{CDFFile, BarsFile} {
		img, _ := decoded(t, filepath.Join(dir, name))
		const edge = 12
		w, h := img.Rect.Dx(), img.Rect.Dy()
		for y := range h {
			from := w - edge
			if y < edge || y >= h-edge {
				from = 0
			}
			if inked(img, y, 0, edge)+inked(img, y, from, w) > 0 {
				t.Fatalf("%s: something is drawn at the edge, in row %d of %d", name, y, h)
			}
		}
	}
}

func TestPlotsOfNothing(t *testing.T) {
	failed := workload{title: "failed", bursts: 2, size: 3, failShare: 1, seed: 1}.summary(t)
	none, err := analyze.Summarize(analyze.Samples(nil), analyze.Options{Identity: analyze.Identity{Title: "none"}})
	if err != nil {
		t.Fatal(err)
	}
	warmup, err := analyze.Summarize(analyze.Samples([]sample.Sample{{Warmup: true}}),
		analyze.Options{Identity: analyze.Identity{Title: "warm-up"}})
	if err != nil {
		t.Fatal(err)
	}
	all := Visualization{CDF: true, Bars: true, Histogram: true}
	for _, c := range []struct {
		s       analyze.Summary
		files   []string
		reasons []string
	}{
		{none, nil, []string{"none: no request was made", "none: no request was made", "none: no request was made"}},
		{warmup, nil, []string{"warm-up: all 1 requests were warm-up", "warm-up: all 1 requests were warm-up",
			"warm-up: all 1 requests were warm-up"}},
		// Bursts that failed are still worth a bar.
		{failed, []string{BarsFile}, []string{"failed: all 6 requests failed", "failed: all 6 requests failed"}},
	} {
		dir := t.TempDir()
		got, err := drawIn(context.Background(), func(d *Drawing) { d.Plots(dir, all, c.s) })
		var reasons []string
		for _, k := range got.Skipped {
			reasons = append(reasons, k.Reason)
			if _, err := os.Stat(filepath.Join(dir, k.File)); err == nil {
				t.Errorf("%s was skipped and is there", k.File)
			}
		}
		if err != nil || !reflect.DeepEqual(got.Files, c.files) || !reflect.DeepEqual(reasons, c.reasons) {
			t.Errorf("%s: %+v, %v", c.s.Title, got, err)
		}
	}
	got, err := drawIn(context.Background(), func(d *Drawing) {
		d.CombinedCDF(t.TempDir(), []analyze.Summary{failed, none})
	})
	if err != nil || len(got.Files) != 0 || len(got.Skipped) != 1 || got.Skipped[0].Reason != "no sub-experiment has "+
		"a successful request" {
		t.Errorf("combined: %+v, %v", got, err)
	}
}

// Odd samples must draw: zero, one, years long.
func TestPlotsOfOddSamples(t *testing.T) {
	for name, latencies := range map[string][]time.Duration{
		"zeros":   {0, 0, time.Hour},
		"one":     {3 * time.Millisecond},
		"1 µs":    {time.Microsecond, 2 * time.Microsecond, time.Minute},
		"longest": {time.Millisecond, math.MaxInt64},
	} {
		var rows []sample.Sample
		for i, l := range latencies {
			rows = append(rows, sample.Sample{Latency: l, Burst: i % 2})
		}
		s, err := analyze.Summarize(analyze.Samples(rows), analyze.Options{Identity: analyze.Identity{Title: name}})
		if err != nil {
			t.Fatal(err)
		}
		got, err := drawIn(context.Background(), func(d *Drawing) {
			d.Plots(t.TempDir(), Visualization{CDF: true, Bars: true, BarsMS: 1,
				Histogram: true}, s)
		})
		if err != nil || len(got.Skipped) != 0 {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// The same data gives the same bytes, from several goroutines at once too.
func TestPlotsAreReproducible(t *testing.T) {
	s := workload{title: "mixed", bursts: 20, size: 20, coldShare: .1, warmMS: 2.1, coldMS: 80, seed: 1}.summary(t)
	const copies = 4
	data := make([][]byte, copies)
	var all sync.WaitGroup
	for i := range copies {
		all.Go(func() {
			f, err := cdfFigure(s)
			if err == nil {
				data[i], err = f.png()
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for i := range copies {
		if len(data[i]) == 0 || !bytes.Equal(data[i], data[0]) {
			t.Errorf("copy %d differs", i)
		}
	}
}

func TestWriteCombinedCDF(t *testing.T) {
	var all []analyze.Summary
	for i := range 12 {
		all = append(all, workload{title: strings.Repeat("sub-experiment ", 2), bursts: 5, size: 10,
			warmMS: 2 + float64(i), seed: uint64(i)}.summary(t))
	}
	dir := t.TempDir()
	got, err := drawIn(context.Background(), func(d *Drawing) { d.CombinedCDF(dir, all) })
	if err != nil || !reflect.DeepEqual(got.Files, []string{CDFFile}) {
		t.Fatalf("%+v, %v", got, err)
	}
	few, err := combinedFigure(all[:2])
	if err != nil {
		t.Fatal(err)
	}
	if err := few.write(filepath.Join(dir, "few.png"), PNG); err != nil {
		t.Fatal(err)
	}
	many, _ := decoded(t, filepath.Join(dir, CDFFile))
	two, _ := decoded(t, filepath.Join(dir, "few.png"))
	// The legend's further rows make the picture higher; the plot below keeps its size.
	if many.Bounds().Dy() <= two.Bounds().Dy() {
		t.Errorf("twelve curves are %v, two %v", many.Bounds(), two.Bounds())
	}
}

func TestPlotErrors(t *testing.T) {
	s := workload{title: "mixed", bursts: 2, size: 5, warmMS: 2, seed: 1}.summary(t)
	stopped := errors.New("stopped by the user")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(stopped)
	all := Visualization{CDF: true, Bars: true, Histogram: true}
	if got, err := drawIn(ctx, func(d *Drawing) {
		d.Plots(t.TempDir(), all, s)
	}); !errors.Is(err, stopped) || len(got.Files) != 0 {
		t.Errorf("after a stop: %+v, %v", got, err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, v := range []Visualization{{CDF: true}, {Bars: true}, {Histogram: true}} {
		if got, err := drawIn(context.Background(), func(d *Drawing) {
			d.Plots(file, v, s)
		}); err == nil || len(got.Files) != 0 {
			t.Errorf("into a file as the folder: %+v, %v", got, err)
		}
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, CDFFile), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := drawIn(context.Background(), func(d *Drawing) {
		d.CombinedCDF(dir, []analyze.Summary{s})
	}); err == nil ||
		!strings.Contains(err.Error(), CDFFile) {
		t.Errorf("over a folder: %v", err)
	}
}
