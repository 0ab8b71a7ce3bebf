package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// chained is the summary of a chain of two with transfers of these ms.
func chained(way string, bytes int64, ms ...float64) analyze.Summary {
	s := analyze.Summary{Identity: analyze.Identity{Title: way}, Count: len(ms)}
	var rows []sample.Transfer
	for _, v := range ms {
		h := sample.TransferHop{Known: true, Corrected: time.Duration(v * 1e6), Bound: 1e5, Bytes: bytes, Put: 1e6,
			FirstByte: 1e6, Get: 2e6}
		rows = append(rows, sample.Transfer{SHA256: "a", Hops: []sample.TransferHop{h}})
	}
	s.Transfers = analyze.DescribeTransfers(rows, []int{0}, way, bytes)
	all := s.Transfers.All.Transfer
	s.P50, s.P99, s.CDF = all.P50, all.P99, all.CDF
	return s
}

// TestTransferPlots: hops have their distribution, also below zero; sizes have a plot where there are two.
func TestTransferPlots(t *testing.T) {
	dir := t.TempDir()
	plots, err := drawIn(t.Context(), func(d *Drawing) {
		d.Plots(dir, Visualization{CDF: true}, chained(analyze.Storage, 1000, -0.2, 1, 5))
	})
	if err != nil || !strings.Contains(strings.Join(plots.Files, " "), TransfersFile) {
		t.Fatalf("%+v, %v", plots, err)
	}
	f, err := transfersFigure(chained(analyze.Inline, 1000, -0.2, 1, 5))
	if err != nil || f.plot.X.Min > -0.2 || len(f.legend) != 4 || !strings.Contains(f.subtitle, "1000 B inline") {
		t.Errorf("%v, from %g, legend %+v, %s", err, f.plot.X.Min, f.legend, f.subtitle)
	}
	if _, err := transfersFigure(chained(analyze.Inline, 1000)); err == nil {
		t.Error("no transfer has a plot")
	}
	all := []analyze.Summary{chained(analyze.Inline, 0, 1), chained(analyze.Inline, 1000, 1), chained(analyze.Inline,
		100_000, 9), chained(analyze.Storage, 1000, 3), chained(analyze.Storage, 100_000, 4)}
	sizes, err := drawIn(t.Context(), func(d *Drawing) { d.Sizes(dir, all) })
	if info, statErr := os.Stat(filepath.Join(dir, SizesFile)); err != nil || len(sizes.Files) != 1 || statErr != nil ||
		info.Size() < 1000 {
		t.Errorf("%+v, %v, %v", sizes, err, statErr)
	}
	f, err = sizesFigure(all)
	if err != nil || len(f.legend) != 4 ||
		!strings.HasPrefix(f.subtitle, "storage has the smaller median from 97.7 KiB on") {
		t.Errorf("%v, %d lines, %q", err, len(f.legend), f.subtitle)
	}
	if sizes, err := drawIn(t.Context(), func(d *Drawing) {
		d.Sizes(dir, all[:2])
	}); err != nil || len(sizes.Skipped) != 1 {
		t.Errorf("one size: %+v, %v", sizes, err)
	}
}
