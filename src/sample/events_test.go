package sample

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestEventsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), EventsFile)
	w, err := CreateEvents(path)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	s := Empty()
	s.RequestID, s.Burst, s.Slot, s.SentAt = "e", 2, 1, at
	s.Latency, s.ProviderDuration = 3*time.Millisecond, 90*time.Millisecond
	w.AppendRow(&s, at.Add(100*time.Millisecond))
	w.AppendRow(&s, time.Time{})
	w.AppendRow(&s, at.Add(-time.Millisecond)) // the platform's clock is behind
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	want := "Request ID,Burst ID,Slot,Warmup,Sent At,Accepted (ms),Function Ended At,Sent To End (ms)," +
		"Provider Duration (ms)\n" +
		"e,2,1,false,2026-11-28T12:00:00.000000000Z,3.000,2026-11-28T12:00:00.100000000Z,100.000,90.000\n" +
		"e,2,1,false,2026-11-28T12:00:00.000000000Z,3.000,,,90.000\n" +
		"e,2,1,false,2026-11-28T12:00:00.000000000Z,3.000,2026-11-28T11:59:59.999000000Z,-1.000,90.000\n"
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("%v\n%s\nwant\n%s", err, got, want)
	}
}
