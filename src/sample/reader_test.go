package sample

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

const older = "Request ID,Host,Sent At,Received At,Client Latency (ms),Burst ID\n"

func readAll(in io.Reader) (rows []Sample, torn int, err error) {
	r, err := NewReader(in, "l.csv")
	if err != nil {
		return nil, 0, err
	}
	for {
		var s Sample
		err := r.Read(&s)
		if errors.Is(err, io.EOF) {
			return rows, r.Torn(), nil
		}
		if err != nil {
			return rows, 0, err
		}
		rows = append(rows, s)
	}
}

func TestReadOlderFile(t *testing.T) {
	const row = "abc,h.example.com,2021-06-22T19:05:16+02:00,2021-06-22T19:05:17.5+02:00,1500,4"
	for _, c := range []struct{ name, file string }{
		{"as written", older + row + "\n"},
		{"no last line break", older + row},
		{"carriage returns and a byte order mark", "\ufeff" + strings.ReplaceAll(older+row+"\n", "\n", "\r\n")},
		{"an empty line", older + "\n" + row + "\n\n"},
		{"quoted", older + strings.ReplaceAll(`"`+row+`"`, ",", `","`) + "\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rows, torn, err := readAll(strings.NewReader(c.file))
			if err != nil || torn != 0 || len(rows) != 1 {
				t.Fatalf("%d rows, torn %d, error %v", len(rows), torn, err)
			}
			want := Empty()
			want.RequestID, want.Host, want.Burst, want.Latency = "abc", "h.example.com", 4, 1500*time.Millisecond
			want.SentAt = time.Date(2021, 6, 22, 17, 5, 16, 0, time.UTC)
			want.ReceivedAt = want.SentAt.Add(1500 * time.Millisecond)
			if !rows[0].Equal(want) {
				t.Errorf("got  %+v\nwant %+v", rows[0], want)
			}
		})
	}
}

// TestReadFirstStage: files from before the columns of the provider's report read as they did.
func TestReadFirstStage(t *testing.T) {
	whole, err := os.ReadFile(filepath.Join("testdata", "latencies-first-stage.csv"))
	if err != nil {
		t.Fatal(err)
	}
	rows, torn, err := readAll(bytes.NewReader(whole))
	if err != nil || torn != 0 {
		t.Fatalf("torn %d, error %v", torn, err)
	}
	want := []Sample{full(), failed(), warm()}
	for i := range want {
		want[i] = bare(want[i])
	}
	if !slices.EqualFunc(rows, want, Sample.Equal) {
		t.Errorf("got\n%+v\nwant\n%+v", rows, want)
	}
}

func TestReadForeignColumn(t *testing.T) {
	in := strings.TrimSuffix(older, "\n") + ",Mood,Status\na,h,,,,0,happy,200\n"
	rows, _, err := readAll(strings.NewReader(in))
	if err != nil || len(rows) != 1 || rows[0].Status != 200 || rows[0].Latency != None {
		t.Errorf("rows %+v, error %v", rows, err)
	}
}

func TestReadErrors(t *testing.T) {
	for _, c := range []struct{ name, file, want string }{
		{"empty", "", "l.csv: the file is empty"},
		{"another file", "a,b,c\n", `l.csv:1: column 1 must be "Request ID"`},
		{"too few columns", "Request ID,Host\n", `l.csv:1: column 3 must be "Sent At"`},
		{"a column twice", strings.TrimSuffix(older, "\n") + ",Slot,Slot\n",
			`l.csv:1: column "Slot" appears twice`},
		{"far too many columns", older[:len(older)-1] + strings.Repeat(",x", 600) + "\n", "l.csv:1: 606 columns"},
		{"header with a stray quote", "Request\" ID,\"\n", "l.csv:1: cell 1: a quote inside"},
		{"few cells", older + "a,b\n", "l.csv:2: 2 cells where the header has 6 columns"},
		{"text after the quote", older + `"a"b,h,,,,1` + "\n", "l.csv:2: cell 1: text after the closing quote"},
		{"time", older + "a,h,yesterday,,,1\n", `l.csv:2: column "Sent At": "yesterday" is not an RFC 3339 time`},
		{"year", older + "a,h,0000-01-01T00:00:00Z,,,1\n", "outside the years"},
		{"latency", older + "a,h,,,-1,1\n", `l.csv:2: column "Client Latency (ms)": "-1" is not a number of ` +
			`milliseconds`},
		{"not a number", older + "a,h,,,NaN,1\n", "is not a number of milliseconds"},
		{"burst", older + "a,h,,,1,x\n", `column "Burst ID": "x" is not a whole number`},
		{"huge burst", older + "a,h,,,1,99999999999999999999\n", "is too large"},
		{"burst over an int32", older + "a,h,,,1,99999999999\n", "is too large"},
		{"after a row that holds a line break", older + "\"a\nb\",h,,,1,0\na,h\n", "l.csv:4: 2 cells"},
		{"endless line", older + strings.Repeat("x", maxLine+1) + "\n",
			"l.csv:2: the line is longer than 1048576 bytes"},
		{"long cell is clipped", older + "a,h,,," + strings.Repeat("9", 90) + "x,1\n", "999…"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := readAll(strings.NewReader(c.file))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got error %v, want %q", err, c.want)
			}
			if fail.Code(err) != fail.CodeInput {
				t.Errorf("exit code %d, want that of bad input", fail.Code(err))
			}
		})
	}
}

func TestReadBadCells(t *testing.T) {
	for _, c := range []struct{ column, cell, want string }{
		{"Warmup", "maybe", "neither true nor false"},
		{"Connection", "old", "neither new nor reused"},
		{"Cold", "lukewarm", "neither true, false nor empty"},
		{"Error", "sad", "is not an error class"},
		{"Desired Service Time", "5 apples", "is not a duration"},
		{"Response Bytes", "-4", "not a whole number"},
		{"Instance Invocation", "1.5", "not a whole number"},
		{"Cold Start", "warm", "neither forced, idle, missed nor empty"},
		{"Billed Duration (ms)", "-1", "is not a number of milliseconds"},
		{"Max Memory Used (MB)", "31.5", "not a whole number"},
		{"Cost (USD)", "free", "is not an amount"},
		{"Cost (USD)", "NaN", "is not an amount"},
		{"Cost (USD)", "-0.1", "is not an amount"},
	} {
		names := strings.Split(Header(), ",")
		cells := make([]string, len(names))
		for i, n := range names {
			if n == c.column {
				cells[i] = c.cell
			}
		}
		_, _, err := readAll(strings.NewReader(Header() + "\n" + strings.Join(cells, ",") + "\n"))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.column) {
			t.Errorf("%s = %q: got error %v, want %q", c.column, c.cell, err, c.want)
		}
	}
}

func TestReadTorn(t *testing.T) {
	var b bytes.Buffer
	w := NewWriter(&b)
	for range 3 {
		s := failed()
		w.AppendRow(&s)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	whole := b.String()
	start := strings.LastIndexByte(whole[:len(whole)-1], '\n') + 1
	// Wherever the crash cuts the last row, the rows before it read and the torn one is reported, never half read.
	for end := start + 1; end < len(whole); end++ {
		rows, torn, err := readAll(strings.NewReader(whole[:end]))
		if err != nil || len(rows) != 2 || torn != 4 {
			t.Fatalf("cut at %q: %d rows, torn line %d, error %v", whole[start:end], len(rows), torn, err)
		}
	}
	rows, torn, err := readAll(strings.NewReader(older + "a,h,,,1,0\na,h,2021"))
	if err != nil || len(rows) != 1 || torn != 3 {
		t.Errorf("older file: %d rows, torn line %d, error %v", len(rows), torn, err)
	}
	if rows, torn, err := readAll(strings.NewReader(Header())); err != nil || len(rows) != 0 || torn != 0 {
		t.Errorf("header alone: %d rows, torn line %d, error %v", len(rows), torn, err)
	}
}

func TestReadFileFailures(t *testing.T) {
	dir := t.TempDir()
	if _, _, err := ReadFile(filepath.Join(dir, "none.csv")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got error %v, want one of a missing file", err)
	}
	if _, _, err := ReadFile(dir); fail.Code(err) != fail.CodeInput {
		t.Errorf("reading a folder: got error %v", err)
	}
	path := filepath.Join(dir, "bad.csv")
	if err := os.WriteFile(path, []byte(older+"a,h,,,1,0\nx\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	rows, _, err := ReadFile(path)
	if len(rows) != 1 || err == nil || !strings.Contains(err.Error(), path+":3:") {
		t.Errorf("%d rows, error %v: want the row before the defect, and its place", len(rows), err)
	}
	broken := io.MultiReader(strings.NewReader(older+"a,h,"), iotest.ErrReader(errors.New("cable pulled")))
	if _, _, err := readAll(broken); err == nil || !strings.Contains(err.Error(), "cable pulled") {
		t.Errorf("got error %v, want that of the disk", err)
	}
}

// FuzzReader: whatever the bytes, the reader does not panic, and what it reads survives being written and read again.
func FuzzReader(f *testing.F) {
	golden, err := os.ReadFile(filepath.Join("testdata", "latencies.csv"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(golden)
	f.Add([]byte(older + "abc,h,2021-06-22T19:05:16+02:00,,1500.5,4\n"))
	f.Add([]byte(older + "\"a\"\"\nb\",h,,,1,0\n\x00\x00"))
	f.Fuzz(func(t *testing.T, in []byte) {
		rows, tear, fault := readAll(bytes.NewReader(in))
		if each, t2, e2 := eachOf(bytes.NewReader(in)); !slices.EqualFunc(each, rows, Sample.Equal) || t2 != tear ||
			fmt.Sprint(e2) != fmt.Sprint(fault) {
			t.Fatalf("Each gives %d rows, torn %d, %v; Read %d, %d, %v", len(each), t2, e2, len(rows), tear, fault)
		}
		var out bytes.Buffer
		w := NewWriter(&out)
		for i := range rows {
			w.AppendRow(&rows[i])
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		first := out.String()
		again, torn, err := readAll(strings.NewReader(first))
		if err != nil || torn != 0 || len(again) != len(rows) {
			t.Fatalf("%d rows became %d, torn %d, error %v:\n%s", len(rows), len(again), torn, err, first)
		}
		out.Reset()
		w = NewWriter(&out)
		for i := range again {
			w.AppendRow(&again[i])
		}
		if err := w.Flush(); err != nil || out.String() != first {
			t.Fatalf("written again, the file differs: %v\n%s\n%s", err, first, out.String())
		}
	})
}
