package sample

import (
	"bytes"
	"encoding/csv"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestBurstWriter(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var out bytes.Buffer
	w := NewBurstWriter(&out)
	for _, l := range []BurstLine{
		{Burst: 3, Endpoint: `f0,"0"`, Round: 1, BurstSize: 10, PlannedAt: at, ReleasedAt: at.Add(1500), Lateness: 1500,
			Spread: 4756 * time.Microsecond,
			Errors: 2, Suspect: "gc+cpu", Median: 12345678, Max: time.Second, NewConns: 3},
		{Burst: 4, Warmup: true, Lateness: None, Spread: None, Median: None, Max: None},
	} {
		if err := w.Append(&l); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	const want = "Burst ID,Endpoint,Round,Burst Size,Warmup,Planned At,Released At,Lateness (ms),Spread " +
		"(ms),Errors,Suspect,Median (ms),Max (ms),New Connections\n" +
		"3,\"f0,\"\"0\"\"\",1,10,false,2026-03-01T12:00:00.000000000Z,2026-03-01T12:00:00.000001500Z,0.002,4.756,2,gc+cpu,12.346,1000.000,3\n" +
		"4,,0,,true,,,,,0,,,,0\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
	if rows, err := csv.NewReader(&out).ReadAll(); err != nil || len(rows) != 3 || rows[1][1] != `f0,"0"` {
		t.Errorf("encoding/csv reads %v, %v", rows, err)
	}
}

func TestBurstWriterInPieces(t *testing.T) {
	var out bytes.Buffer
	w := NewBurstWriter(&out)
	for i := range 20_000 { // more than one piece
		if err := w.Append(&BurstLine{Burst: i}); err != nil {
			t.Fatal(err)
		}
	}
	if out.Len() == 0 {
		t.Error("all was held back")
	}
	err := w.Flush()
	if s := out.String(); err != nil || strings.Count(s, "\n") != 20_001 || !strings.Contains(s, "\n19999,") {
		t.Errorf("%d bytes, %v", len(s), err)
	}
	full := errors.New("disk full")
	w = NewBurstWriter(brokenDisk{write: full})
	for range 20_000 {
		err = w.Append(&BurstLine{})
	}
	if !errors.Is(err, full) || !errors.Is(w.Flush(), full) {
		t.Errorf("on a full disk: %v", err)
	}
}
