package sample

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestStreamFiles(t *testing.T) {
	dir := t.TempDir()
	streams, err := CreateStreams(filepath.Join(dir, StreamsFile))
	if err != nil {
		t.Fatal(err)
	}
	chunks, err := CreateChunks(filepath.Join(dir, ChunksFile))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	good := Empty()
	good.RequestID, good.Burst, good.Slot, good.Bytes = "r", 3, 1, 2500
	good.FirstByte, good.Latency = time.Millisecond, 9*time.Millisecond
	good.Stream = &Stream{Chunks: []Chunk{
		{ReceivedAt: at, SinceSent: 2 * time.Millisecond, Bytes: 1000, ReadAfter: None},
		{SentAt: at, ReceivedAt: at.Add(time.Millisecond), SinceSent: 3 * time.Millisecond, Bytes: 1000,
			ReadAfter: 20 * time.Microsecond},
		{SentAt: at, ReceivedAt: at.Add(7 * time.Millisecond), SinceSent: 9 * time.Millisecond, Bytes: 500}}}
	bad := Empty()
	bad.RequestID, bad.Warmup = "f", true
	bad.Stream = &Stream{}
	for _, w := range []interface {
		AppendRow(row *Sample)
		Close() error
	}{streams, chunks} {
		w.AppendRow(&good)
		w.AppendRow(&bad)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{
		StreamsFile: "Request ID,Burst ID,Slot,Warmup,Chunks,Response Bytes,First Byte (ms),Last Byte (ms)," +
			"Mean Gap (ms),Median Gap (ms),Max Gap (ms)\n" +
			"r,3,1,false,3,2500,1.000,9.000,3.500,3.500,6.000\n" +
			"f,0,0,true,,,,,,,\n",
		ChunksFile: "Request ID,Burst ID,Slot,Chunk,Chunk Bytes,Function Sent At,Received At,Since Sent (ms),Gap (ms)," +
			"Read After (ms)\n" +
			"r,3,1,0,1000,,2026-11-28T12:00:00.000000000Z,2.000,,\n" +
			"r,3,1,1,1000,2026-11-28T12:00:00.000000000Z,2026-11-28T12:00:00.001000000Z,3.000,1.000,0.020\n" +
			"r,3,1,2,500,2026-11-28T12:00:00.000000000Z,2026-11-28T12:00:00.007000000Z,9.000,6.000,0.000\n",
	} {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || string(got) != want {
			t.Errorf("%s: %v\n%s\nwant\n%s", name, err, got, want)
		}
	}
}
