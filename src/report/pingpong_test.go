package report

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// pinged is a sub-experiment of round trips of 1 ms to 2 ms, every tenth of which is lost.
func pinged(n int) analyze.Summary {
	var rows []sample.PingPong
	for i := range n {
		sent := time.Unix(1_800_000_000, int64(i)*1e6)
		row := sample.PingPong{Number: i, ClientSend: sent, Lost: sample.Yes}
		if i%10 != 5 {
			way := time.Duration(500_000 + i*i%500_000)
			row.ServerRcv, row.ServerSend, row.ClientRcv = sent.Add(way), sent.Add(way), sent.Add(2*way)
			row.Lost = sample.No
		}
		rows = append(rows, row)
	}
	var s analyze.Summary
	s.Title = "pp"
	s.PingPong = analyze.DescribePingPong("udp", rows, nil, func(*sample.PingPong) time.Duration { return 0 })
	return s
}

func TestPingPongPlots(t *testing.T) {
	dir := t.TempDir()
	got, err := drawIn(t.Context(), func(d *Drawing) { d.Plots(dir, Visualization{}, pinged(300)) })
	if err != nil || !slices.Equal(got.Files, []string{"histogram.png", "round-trips.png"}) || got.Skipped != nil {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, name := range got.Files {
		if _, ink := decoded(t, filepath.Join(dir, name)); ink < 10_000 {
			t.Errorf("%s has %d pixels that are not white", name, ink)
		}
	}
	lossy, err := rttFigure(pinged(300))
	if err != nil || len(lossy.legend) != 2 || lossy.legend[1].label != "lost (30), at the top" ||
		lossy.subtitle != "n = 300 over udp, 30 lost" {
		t.Errorf("%+v, %v", lossy, err)
	}
	long := pinged(300)
	long.PingPong.Trips[7].MS, long.PingPong.Sorted[len(long.PingPong.Sorted)-1] = 100, 100
	if log, err := rttFigure(long); err != nil || log.plot.Y.Label.Text != "Round trip (ms, log scale)" ||
		log.plot.Y.Max < 2 || log.plot.Y.Max > 2.1 || log.plot.Y.Min > 0 {
		t.Errorf("a long round trip: axis %g to %g, %v", log.plot.Y.Min, log.plot.Y.Max, err)
	}
	none, err := drawIn(t.Context(), func(d *Drawing) { d.Plots(dir, Visualization{}, pinged(0)) })
	if err != nil || len(none.Files) != 0 || len(none.Skipped) != 2 {
		t.Errorf("without rows: %+v, %v", none, err)
	}
}

// TestPingPongBins: an outlier does not make millions of bins, and all values are in one.
func TestPingPongBins(t *testing.T) {
	sorted := make([]float64, 0, 1001)
	for i := range 1000 {
		sorted = append(sorted, 1+float64(i)/1e6)
	}
	h := binsOn(append(sorted, 1e4), false, maxRTTBins)
	sum := 0
	for _, n := range h.Counts {
		sum += n
	}
	if len(h.Counts) != maxRTTBins || sum != 1001 {
		t.Errorf("%d bins with %d values", len(h.Counts), sum)
	}
}
