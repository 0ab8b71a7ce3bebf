package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/experiment/sebs"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// rowWriter is a writer of a table.
type rowWriter[Row any] interface {
	Append(row *Row)
	Close() error
}

func wrote[Row any](t *testing.T, rows []Row) func(rowWriter[Row], error) {
	return func(w rowWriter[Row], err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		for i := range rows {
			w.Append(&rows[i])
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestProcessSeBS writes each experiment's tables from the newest run that has results.
func TestProcessSeBS(t *testing.T) {
	dir := t.TempDir()
	for _, id := range []string{"20260101T000000Z-local-aaaa", "20260102T000000Z-local-aaaa"} {
		rec := &run.Record{ID: id, Experiment: &experiment.Experiment{}, Results: []run.ResultRecord{{Folder: "0-s"}}}
		from := filepath.Join(dir, id, "0-s")
		if err := os.MkdirAll(from, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := rec.Write(filepath.Join(dir, id)); err != nil {
			t.Fatal(err)
		}
		at := time.Unix(1_800_000_000, 0)
		request := sample.Empty()
		request.RequestID, request.Cold, request.Latency, request.SentAt = id, sample.Yes, time.Second, at
		over, err := sample.CreateOverheads(filepath.Join(from, sample.OverheadFile))
		wrote(t, []sample.Overhead{{RequestID: id, Wanted: sample.No, Cold: sample.No, Start: at, Finish: at,
			Clock: true}})(over, err)
		pings, err := sample.CreatePingPongs(filepath.Join(from, sample.PingPongFile))
		wrote(t, []sample.PingPong{{RequestID: id, ClientSend: at, ServerRcv: at, ServerSend: at,
			ClientRcv: at}})(pings, err)
		waits, err := sample.CreateEvictions(filepath.Join(from, sample.EvictionsFile))
		wrote(t, []sample.Eviction{{RequestID: id, Lived: sample.Yes, SentAt: at}})(waits, err)
		costs, err := sample.CreatePerfCosts(filepath.Join(from, sample.PerfCostFile))
		wrote(t, []sample.PerfCost{{MemoryMB: 77, Type: "cold", Wanted: sample.Yes, Row: request}})(costs, err)
		requests, err := sample.Create(filepath.Join(from, "latencies.csv"))
		if err != nil {
			t.Fatal(err)
		}
		requests.AppendRow(&request)
		if err := requests.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "20260103T000000Z-local-aaaa"), 0o755); err != nil {
		t.Fatal(err)
	}
	// A link that a copied folder has from elsewhere need not lead to its newest run.
	if err := os.Symlink("20260101T000000Z-local-aaaa", filepath.Join(dir, run.LatestLink)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{sebs.Overhead: "20260102", sebs.PingPong: "20260102",
		sebs.Eviction: "20260102", sebs.PerfCost: "77,cold,True,,0,1000000"} {
		files, err := App{}.ProcessSeBS(dir, name, nil)
		if both := name == sebs.Overhead || name == sebs.PingPong; err != nil || len(files) != map[bool]int{true: 2,
			false: 1}[both] {
			t.Errorf("%s: %q, %v", name, files, err)
		}
		for _, f := range files {
			if text, err := os.ReadFile(f); err != nil || !strings.Contains(string(text), want) {
				t.Errorf("%s: %v, %s", f, err, text)
			}
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	for _, none := range []string{filepath.Join(dir, "none"), t.TempDir()} {
		if _, err := (App{}).ProcessSeBS(none, sebs.PerfCost, nil); fail.Code(err) != fail.CodeInput {
			t.Errorf("without results: %v", err)
		}
	}
}
