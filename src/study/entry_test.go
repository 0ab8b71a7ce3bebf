package study

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// entryRows are requests whose numbers are known: one of the warm-up, one that failed, two others.
func entryRows() []sample.Sample {
	const ms = time.Millisecond
	rows := make([]sample.Sample, 4)
	for i := range rows {
		rows[i] = sample.Empty()
		rows[i].SentAt = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
		rows[i].FirstByte, rows[i].Latency = time.Duration(i)*ms, time.Duration(10*i)*ms
		rows[i].ProviderDuration = time.Duration(5*i) * ms
		rows[i].Stream = &sample.Stream{Chunks: []sample.Chunk{{SinceSent: ms}, {SinceSent: 3 * ms},
			{SinceSent: 3*ms + time.Duration(i)*ms}}}
	}
	rows[0].Warmup = true
	rows[1].Latency, rows[1].ProviderDuration = sample.None, sample.None
	return rows
}

// TestStatisticsOfEntries: first byte, last byte and gaps of streams, and the ends of events, without the warm-up.
func TestStatisticsOfEntries(t *testing.T) {
	dir, rows := t.TempDir(), entryRows()
	streams, err := sample.CreateStreams(filepath.Join(dir, sample.StreamsFile))
	if err != nil {
		t.Fatal(err)
	}
	events, err := sample.CreateEvents(filepath.Join(dir, sample.EventsFile))
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		streams.AppendRow(&rows[i])
		ended := rows[i].SentAt.Add(time.Duration(i-1) * time.Millisecond)
		if rows[i].ProviderDuration < 0 {
			ended = time.Time{}
		}
		events.AppendRow(&rows[i], ended)
	}
	for _, w := range []interface{ Close() error }{streams, events} {
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	const head = "number,unit,n,missing,mean,std,cv,min,p50,p95,p99,max,p50_ci95_low,p50_ci95_high\n"
	for file, c := range map[string]struct {
		sub         experiment.SubExperiment
		table, says string
	}{
		StreamStatisticsFile: {
			experiment.SubExperiment{Entry: experiment.EntryURL, InvokeMode: experiment.InvokeStreamed},
			head +
				"first_byte,ms,2,1,2.500000,0.707107,0.282843,2.000000,2.000000,3.000000,3.000000,3.000000,n<6,n<6\n" +
				"last_byte,ms,2,1,25.000000,7.071068,0.282843,20.000000,20.000000,30.000000,30.000000,30.000000,n<6,n<6\n" +
				"mean_gap,ms,2,1,2.250000,0.353553,0.157135,2.000000,2.000000,2.500000,2.500000,2.500000,n<6,n<6\n" +
				"max_gap,ms,2,1,2.500000,0.707107,0.282843,2.000000,2.000000,3.000000,3.000000,3.000000,n<6,n<6\n",
			"first_byte: mean 2.5, std 0.7071, min 2, P50 2, P95 3, P99 3, max 3 ms, n = 2"},
		EventStatisticsFile: {experiment.SubExperiment{Entry: experiment.EntryAsync},
			head +
				"accepted,ms,2,1,25.000000,7.071068,0.282843,20.000000,20.000000,30.000000,30.000000,30.000000,n<6,n<6\n" +
				"sent_to_end,ms,2,1,1.500000,0.707107,0.471405,1.000000,1.000000,2.000000,2.000000,2.000000,n<6,n<6\n" +
				"provider_duration,ms,2,1,12.500000,3.535534,0.282843,10.000000,10.000000,15.000000,15.000000,15.000000," +
				"n<6,n<6\n",
			"provider_duration: mean 12.5, std 3.536, min 10, P50 10, P95 15, P99 15, max 15 ms, n = 2"},
	} {
		var sum Summary
		if err := summarizeEntry(&sum, &c.sub, dir); err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(filepath.Join(dir, file)); err != nil || string(text) != c.table {
			t.Errorf("%s: %v\n%s\nwant\n%s", file, err, text, c.table)
		}
		if said := strings.Join(sum.Latencies.Findings, "\n"); !strings.Contains(said, c.says) {
			t.Errorf("it says %s, want %s", said, c.says)
		}
	}
	var sum Summary
	for _, sub := range []experiment.SubExperiment{{Entry: experiment.EntryURL}, {Entry: experiment.EntryHTTP}} {
		if err := summarizeEntry(&sum, &sub, t.TempDir()); err != nil || sum.Latencies.Findings != nil {
			t.Errorf("%s: %v, %v", sub.Entry, err, sum)
		}
	}
}
