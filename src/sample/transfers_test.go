package sample

import (
	"bytes"
	"encoding/csv"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/goldentest"
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
		"ahead":  {ahead, ms(108), ms(103), ms(5), 8 / 0.005, true, true},
		"behind": {behind, ms(-92), ms(-97), ms(5), 8 / 0.005, true, true},
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
	goldentest.CheckFile(t, "testdata/"+TransfersFile, string(got))
	rows, err := csv.NewReader(bytes.NewReader(got)).ReadAll()
	if err != nil || len(rows) != 4 || rows[1][0] != whole.RequestID || len(rows[0]) != 3+3+2*(7+6)+3 {
		t.Errorf("encoding/csv reads %d rows of %d columns, error %v", len(rows), len(rows[0]), err)
	}
	if _, err := CreateTransfers(path, 3); fail.Code(err) != fail.CodeInput {
		t.Errorf("a file that is there is overwritten: %v", err)
	}
	if _, err := CreateTransfers(filepath.Join(t.TempDir(), "missing", "x"), 2); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
}

// TestExamine: what cannot be is marked: a transfer below zero by more than its bound, and a path that takes longer
// than the request.
func TestExamine(t *testing.T) {
	ms := func(n float64) time.Duration { return time.Duration(n * float64(time.Millisecond)) }
	hop := func(corrected, bound float64) Hop {
		return Hop{SentAt: at(0), ReceivedAt: at(corrected + 50), Clock: ClockOffset{ms(50), ms(bound)}, Bytes: 1}
	}
	for _, c := range []struct {
		hops []Hop
		fan  int
		want string
	}{
		{[]Hop{hop(4, 1), hop(5, 1)}, 1, ""},
		{[]Hop{hop(4, 1), hop(9, 1)}, 1, "sum"},
		{[]Hop{hop(4, 1), hop(9, 3)}, 1, ""},
		{[]Hop{hop(-0.9, 1), hop(1, 1)}, 1, ""},
		{[]Hop{hop(-1.1, 1), hop(1, 1)}, 1, "negative"},
		{[]Hop{hop(-5, 1), hop(30, 1)}, 1, "negative+sum"},
		{[]Hop{hop(4, 1), hop(9, 1)}, 2, ""}, // side by side
		{[]Hop{hop(4, 1), hop(1, 1), hop(2, 1), hop(5, 1), hop(1, 1), hop(9, 1)}, 2, "sum"},
		{[]Hop{{Bytes: -1}, hop(4, 1)}, 1, ""},
		{nil, 1, ""},
	} {
		chain := Chain{Hops: c.hops}
		if chain.Examine(ms(10), c.fan); chain.Check != c.want {
			t.Errorf("%+v: %q, want %q", c.hops, chain.Check, c.want)
		}
		if chain.Examine(None, c.fan); strings.Contains(chain.Check, CheckSum) {
			t.Errorf("a failed request has no sum: %q", chain.Check)
		}
	}
}

// TestReadTransfers: the file is read back, and so is one of an older version.
func TestReadTransfers(t *testing.T) {
	dir := t.TempDir()
	w, err := CreateTransfers(filepath.Join(dir, TransfersFile), 2)
	if err != nil {
		t.Fatal(err)
	}
	s := Empty()
	s.RequestID, s.Warmup = "a", true
	s.Chain = &Chain{Stamps: []time.Time{at(0), at(1)}, SHA256: "ab", Check: CheckSum, Hops: []Hop{{SentAt: at(0),
		ReceivedAt: at(3), CalledAt: at(2), ArrivedAt: at(2.5), RepliedAt: at(4), AnsweredAt: at(4.5), Bytes: 7,
		Put: 2 * time.Millisecond, FirstByte: 1, Get: time.Millisecond, InstanceID: "i", Cold: Yes}}}
	w.AppendRow(&s)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	rows, err := ReadTransfers(dir, 2)
	if err != nil || len(rows) != 1 || len(rows[0].Hops) != 1 {
		t.Fatalf("%+v, %v", rows, err)
	}
	want := TransferHop{Known: true, Corrected: 3 * time.Millisecond, Bound: time.Millisecond / 2, Bytes: 7,
		Put: 2 * time.Millisecond, FirstByte: 0, Get: time.Millisecond}
	if r := rows[0]; r.RequestID != "a" || r.SHA256 != "ab" || r.Check != CheckSum || !r.Warmup || r.Hops[0] != want {
		t.Errorf("%+v, want %+v", r, want)
	}
	text, err := os.ReadFile(filepath.Join(dir, TransfersFile))
	if err != nil {
		t.Fatal(err)
	}
	var older []string
	for line := range strings.Lines(string(text)) {
		older = append(older, strings.Join(strings.Split(strings.TrimSpace(line), ",")[:3+2+7], ","))
	}
	whole := []byte(strings.Join(older, "\n") + "\n")
	if err := os.WriteFile(filepath.Join(dir, TransfersFile), whole, 0o644); err != nil {
		t.Fatal(err)
	}
	if rows, err = ReadTransfers(dir, 2); err != nil || len(rows) != 1 || rows[0].Hops[0].Bytes != 7 ||
		rows[0].Hops[0].Known {
		t.Errorf("older: %+v, %v", rows, err)
	}
}
