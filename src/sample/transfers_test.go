package sample

import (
	"bytes"
	"encoding/csv"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"stellar/src/fail"
)

// at is an instant some milliseconds after a fixed one.
func at(ms float64) time.Time {
	return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).Add(time.Duration(ms * float64(time.Millisecond)))
}

func TestHop(t *testing.T) {
	ms := func(n float64) time.Duration { return time.Duration(n * float64(time.Millisecond)) }
	// 1,000,000 bytes take 8 ms there and 2 ms back; the receiver's clock is 100 ms ahead.
	ahead := Hop{SentAt: at(0), ReceivedAt: at(108), RepliedAt: at(110), AnsweredAt: at(12), Bytes: 1_000_000}
	behind := Hop{SentAt: at(0), ReceivedAt: at(-92), RepliedAt: at(-90), AnsweredAt: at(12), Bytes: 1_000_000}
	for name, c := range map[string]struct {
		hop                     Hop
		transfer, offset, bound time.Duration
		mbps                    float64
		told, measured          bool
	}{
		"ahead":  {ahead, ms(108), ms(103), ms(5), 8 / 0.108, true, true},
		"behind": {behind, ms(-92), ms(-97), ms(5), 0, true, true},
		"old":    {Hop{SentAt: at(0), AnsweredAt: at(12), Bytes: 5}, 0, 0, 0, 0, false, false},
		"half":   {Hop{SentAt: at(0), ReceivedAt: at(8), Bytes: 1_000_000}, ms(8), 0, 0, 1000, true, false},
		"clock": {Hop{SentAt: at(0), ReceivedAt: at(1), RepliedAt: at(9), AnsweredAt: at(2), Bytes: 0}, ms(1), 0, 0,
			0, true, false},
		"nothing": {Hop{Bytes: -1}, 0, 0, 0, 0, false, false},
	} {
		transfer, told := c.hop.Transfer()
		offset, bound, measured := c.hop.Offset()
		mbps, _ := c.hop.Bandwidth()
		if transfer != c.transfer || told != c.told || offset != c.offset || bound != c.bound ||
			measured != c.measured || mbps != c.mbps {
			t.Errorf("%s: transfer %v %v, offset %v ± %v %v, %v Mb/s", name, transfer, told, offset, bound, measured,
				mbps)
		}
		if measured && (offset-bound > ms(100)*sign(c.transfer) || offset+bound < ms(100)*sign(c.transfer)) {
			t.Errorf("%s: the true offset lies outside %v ± %v", name, offset, bound)
		}
	}
}

func sign(d time.Duration) time.Duration {
	if d < 0 {
		return -1
	}
	return 1
}

func TestTransfersFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), TransfersFile)
	w, err := CreateTransfers(path, 3)
	if err != nil {
		t.Fatal(err)
	}
	whole := Empty()
	whole.RequestID, whole.Host, whole.Burst = `a,"b"`, "producer:80", 4
	whole.Chain = &Chain{Stamps: []time.Time{at(0), at(108), at(300)}, Hops: []Hop{
		{SentAt: at(1), ReceivedAt: at(109), RepliedAt: at(111), AnsweredAt: at(13), Bytes: 1_000_000},
		{SentAt: at(200), ReceivedAt: at(150), Bytes: 1_000_000},
	}}
	old := Empty()
	old.RequestID, old.Chain = "old", &Chain{Stamps: []time.Time{at(0), {}, at(2)}}
	lost := Empty()
	lost.RequestID, lost.Host, lost.Err = "lost", "producer:80", HTTP5xx
	for _, s := range []Sample{whole, old, lost} {
		w.AppendRow(&s)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", TransfersFile)
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s (%v)", got, want, err)
	}
	rows, err := csv.NewReader(bytes.NewReader(got)).ReadAll()
	if err != nil || len(rows) != 4 || rows[1][0] != whole.RequestID || len(rows[0]) != 3+3+2*7 {
		t.Errorf("encoding/csv reads %d rows of %d columns, error %v", len(rows), len(rows[0]), err)
	}
	if _, err := CreateTransfers(path, 3); fail.Code(err) != fail.CodeInput {
		t.Errorf("a file that is there is overwritten: %v", err)
	}
	if _, err := CreateTransfers(filepath.Join(t.TempDir(), "missing", "x"), 2); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
}
