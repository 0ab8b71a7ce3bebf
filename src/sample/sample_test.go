package sample

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/goldentest"
)

// full has every cell filled in, awkward text included.
func full() Sample {
	at := time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)
	return Sample{
		RequestID: `proj/trace,"1"` + "\nx", Host: "127.0.0.1:8080", Endpoint: "f0-0",
		SentAt: at, ReceivedAt: at.Add(12345 * time.Microsecond), Latency: 12346 * time.Microsecond,
		Burst: 7, Round: 3, Slot: 2, BurstSize: 10, Warmup: true,
		PlannedAt: at.Add(-time.Microsecond), Lateness: time.Microsecond, NewConn: true,
		DNS: 1500 * time.Microsecond, Connect: 250 * time.Microsecond, TLS: 3 * time.Millisecond,
		FirstByte: 12 * time.Millisecond, Status: 200, Bytes: 311, Cold: Yes, InstanceID: "i-1", Invocation: 1,
		Init: 81234 * time.Microsecond, Service: 100235 * time.Microsecond, Desired: 100 * time.Millisecond,
		FnReceived: at.Add(time.Millisecond),
		ReleasedAt: at.Add(-500 * time.Nanosecond), WriteBegan: 4750 * time.Microsecond,
		Written: 4756 * time.Microsecond, Suspect: "gc+scheduler",
		ColdStart: Forced, ProviderDuration: 101 * time.Millisecond, Billed: 183 * time.Millisecond,
		ProviderInit: 81500 * time.Microsecond, Restore: 1250 * time.Microsecond, MemorySizeMB: 128, MaxMemoryMB: 31,
		Network: 1100 * time.Microsecond, Residual: 2746 * time.Microsecond, Start: 6 * time.Millisecond,
		FirstRequest: 2500 * time.Microsecond, Cost: 0.00000000041875, Body: "2",
		TraceID: "0af7651916cd43dd8448eb211c80319c",
	}
}

// bare is a row without what the platform reports, as most runs have them.
func bare(s Sample) Sample {
	s.ColdStart, s.MemorySizeMB, s.MaxMemoryMB, s.Cost, s.Body, s.TraceID = "", 0, 0, Empty().Cost, "", ""
	s.ProviderDuration, s.Billed, s.ProviderInit, s.Restore = None, None, None, None
	s.Network, s.Residual, s.Start, s.FirstRequest = None, None, None, None
	return s
}

// failed is a request that got no answer.
func failed() Sample {
	s := Empty()
	s.RequestID, s.Host, s.Endpoint = "b0-s1", "h", "f0-0"
	s.SentAt = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s.PlannedAt, s.Lateness = s.SentAt, 0
	s.Slot, s.BurstSize, s.Err, s.Desired = 1, 2, Connect, 0
	return s
}

func warm() Sample {
	s := full()
	s.RequestID, s.Warmup, s.NewConn, s.Cold, s.Invocation = "plain", false, false, No, 2
	s.DNS, s.Connect, s.TLS, s.Init = None, None, None, None
	s.Err, s.Status, s.Latency, s.Bytes = HTTP5xx, 503, None, 0
	s.ColdStart, s.ProviderInit, s.Restore = "", None, None
	s.Network, s.Residual, s.Start, s.FirstRequest = None, None, None, None
	return s
}

func TestWriterGolden(t *testing.T) {
	var out bytes.Buffer
	w := NewWriter(&out)
	for _, s := range []Sample{full(), failed(), warm()} {
		w.AppendRow(&s)
	}
	if out.Len() != 0 {
		t.Errorf("%d bytes were written before Flush", out.Len())
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	goldentest.CheckFile(t, "testdata/latencies.csv", out.String())
	rows, err := csv.NewReader(&out).ReadAll() // the standard library's own idea of RFC 4180
	if err != nil || len(rows) != 4 || rows[1][0] != full().RequestID {
		t.Errorf("encoding/csv reads %d rows, error %v", len(rows), err)
	}
}

func TestHeaderIsThePages(t *testing.T) {
	const want = "Request ID,Host,Sent At,Received At,Client Latency (ms),Burst ID," +
		"Endpoint,Round,Slot,Burst Size,Warmup,Planned At,Lateness (ms),Connection,DNS (ms),Connect (ms)," +
		"TLS (ms),Time To First Byte (ms),Status,Error,Response Bytes,Cold,Instance ID,Instance Invocation,Init (ms)," +
		"Service Time (ms),Desired Service Time,Function Received At,Released At,Write Began (ms),Written (ms)," +
		"Suspect,Cold Start,Provider Duration (ms),Billed Duration (ms),Provider Init (ms),Restore (ms)," +
		"Memory Size (MB),Max Memory Used (MB),Network (ms),Residual (ms),Start (ms),First Request (ms)," +
		"Cost (USD),Body,Trace ID"
	if got := Header(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestEachReportCellAlone: a row with only one of the report's cells has it, and the other ones empty.
func TestEachReportCellAlone(t *testing.T) {
	header := strings.Split(Header(), ",")
	first := len(header) - len(reportColumns())
	for i := first; i < len(header); i++ {
		cells := make([]string, len(header))
		cells[i] = "1"
		if header[i] == "Cold Start" {
			cells[i] = Forced
		}
		rows, _, err := readAll(strings.NewReader(Header() + "\n" + strings.Join(cells, ",") + "\n"))
		if err != nil || len(rows) != 1 {
			t.Fatalf("%d rows, error %v", len(rows), err)
		}
		var out bytes.Buffer
		w := NewWriter(&out)
		w.AppendRow(&rows[0])
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		again, err := csv.NewReader(&out).ReadAll()
		if err != nil || len(again) != 2 {
			t.Fatalf("%d lines, error %v", len(again), err)
		}
		for k := first; k < len(header); k++ {
			if got := again[1][k]; (got != "") != (k == i) {
				t.Errorf("with only %q, %q is %q", header[i], header[k], got)
			}
		}
	}
}

func TestRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "latencies.csv")
	w, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	want := []Sample{full(), failed(), warm()}
	for i := range want {
		w.AppendRow(&want[i])
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if w.Rows() != 3 {
		t.Errorf("Rows() = %d, want 3", w.Rows())
	}
	got, torn, err := ReadFile(path)
	if err != nil || torn != 0 {
		t.Fatalf("torn %d, error %v", torn, err)
	}
	if !slices.EqualFunc(got, want, Sample.Equal) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

func TestMillis(t *testing.T) {
	for _, c := range []struct {
		d    time.Duration
		want string
	}{
		{0, "0.000"}, {499, "0.000"}, {500, "0.001"}, {1500, "0.002"}, {time.Millisecond, "1.000"},
		{1234567 * time.Nanosecond, "1.235"}, {999999999, "1000.000"}, {15 * time.Minute, "900000.000"}, {None, ""},
		{1<<63 - 1, "9223372036854.776"},
	} {
		w := Writer{}
		w.millis(c.d)
		if string(w.buf) != c.want {
			t.Errorf("millis(%d) = %q, want %q", c.d, w.buf, c.want)
		}
	}
}

func TestCreateNeverOverwrites(t *testing.T) {
	path := filepath.Join(t.TempDir(), "l.csv")
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Create(path)
	if fail.Code(err) != fail.CodeInput || !strings.Contains(err.Error(), path) {
		t.Errorf("got error %v, want one of bad input that names the file", err)
	}
	if b, _ := os.ReadFile(path); string(b) != "precious" {
		t.Errorf("the file now holds %q", b)
	}
	if _, err := Create(filepath.Join(t.TempDir(), "missing", "l.csv")); err == nil {
		t.Error("no error for a folder that is not there")
	}
}

func TestAppend(t *testing.T) {
	row := func() string {
		var b bytes.Buffer
		w := NewWriter(&b)
		s := full()
		w.AppendRow(&s)
		_ = w.Flush()
		return strings.TrimPrefix(b.String(), Header()+"\n")
	}()
	for _, c := range []struct {
		name, content string
		cut           int64
		rows          int
		fails         string
	}{
		{"whole", Header() + "\n" + row, 0, 2, ""},
		{"torn row", Header() + "\n" + row + row[:40], 40, 2, ""},
		{"torn inside quotes", Header() + "\n" + row[:16], 16, 1, ""},
		{"zeros after a power cut", Header() + "\n" + row + "\x00\x00\x00", 3, 2, ""},
		{"torn header", Header()[:20], 20, 1, ""},
		{"empty", "", 0, 1, ""},
		{"another file", "a,b\n1,2\n", 0, 0, "not the header"},
		{"another file of one torn line", "my thesis", 0, 0, "not the header"},
		{"endless line", Header() + "\n" + strings.Repeat("x", maxLine+1), 0, 0, "longer than"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "l.csv")
			if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
				t.Fatal(err)
			}
			w, cut, err := Append(path)
			if c.fails != "" {
				if err == nil || !strings.Contains(err.Error(), c.fails) {
					t.Fatalf("got error %v, want %q", err, c.fails)
				}
				if b, _ := os.ReadFile(path); string(b) != c.content {
					t.Error("the file was changed")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if cut != c.cut {
				t.Errorf("cut %d bytes, want %d", cut, c.cut)
			}
			checkAppended(t, w, path, c.rows)
		})
	}
	if _, _, err := Append(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got error %v, want one of a missing file", err)
	}
}

// checkAppended adds a row to a continued file, which must then hold so many.
func checkAppended(t *testing.T, w *Writer, path string, rows int) {
	t.Helper()
	s := warm()
	w.AppendRow(&s)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got, torn, err := ReadFile(path)
	if err != nil || torn != 0 || len(got) != rows || !got[len(got)-1].Equal(s) {
		t.Errorf("%d rows, torn %d, error %v; want %d rows", len(got), torn, err, rows)
	}
}

// brokenDisk fails in the way a full or a dying disk does.
type brokenDisk struct{ write, sync error }

func (d brokenDisk) Write(p []byte) (int, error) {
	if d.sync != nil {
		return len(p), nil
	}
	return len(p) / 2, d.write
}

func (d brokenDisk) Sync() error { return d.sync }

func TestFlushFails(t *testing.T) {
	full1 := errors.New("disk full")
	for _, c := range []struct {
		name string
		disk brokenDisk
		want error
	}{{"write", brokenDisk{write: full1}, full1}, {"sync", brokenDisk{sync: full1}, full1},
		{"short write", brokenDisk{}, io.ErrShortWrite}} {
		w := NewWriter(c.disk)
		if err := w.Flush(); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.name) {
			t.Errorf("%s: got error %v", c.name, err)
		}
		if err := w.Close(); !errors.Is(err, c.want) {
			t.Errorf("%s: a second flush answers %v, want the first failure", c.name, err)
		}
	}
}

func TestAppendRowAllocatesNothing(t *testing.T) {
	w := NewWriter(io.Discard)
	s := full()
	n := testing.AllocsPerRun(200, func() {
		w.AppendRow(&s)
		w.buf = w.buf[:0]
	})
	if n != 0 {
		t.Errorf("AppendRow allocates %v times a row, want 0", n)
	}
}

func BenchmarkAppendRow(b *testing.B) {
	for name, s := range map[string]Sample{"reported": full(), "unreported": bare(full())} {
		b.Run(name, func(b *testing.B) {
			w := NewWriter(io.Discard)
			b.ReportAllocs()
			for b.Loop() {
				w.AppendRow(&s)
				w.buf = w.buf[:0]
			}
		})
	}
}

// TestTextsThatRepeat: the same text is quoted in each row that has it, not only in the first.
func TestTextsThatRepeat(t *testing.T) {
	var out bytes.Buffer
	w := NewWriter(&out)
	hosts := []string{"a,b", "a,b", "plain", "plain", `"`, `"`, "", "a,b"}
	for _, host := range hosts {
		s := full()
		s.Host = host
		w.AppendRow(&s)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	rows, torn, err := readAll(&out)
	if err != nil || torn != 0 || len(rows) != len(hosts) {
		t.Fatalf("%d rows, torn %d, %v", len(rows), torn, err)
	}
	for i, host := range hosts {
		if rows[i].Host != host {
			t.Errorf("row %d: %q is read as %q", i, host, rows[i].Host)
		}
	}
}

// TestEveryClassReadsBack: what a row may say of its failure is what a reader takes.
func TestEveryClassReadsBack(t *testing.T) {
	var out bytes.Buffer
	w := NewWriter(&out)
	all := []Class{OK, DNS, Connect, TLS, Timeout, Reset, HTTP5xx, HTTP4xx, Protocol, TooLarge, Refused}
	for _, class := range all {
		s := full()
		s.Err = class
		w.AppendRow(&s)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	rows, torn, err := readAll(&out)
	if err != nil || torn != 0 || len(rows) != len(all) {
		t.Fatalf("%d rows, torn %d, %v", len(rows), torn, err)
	}
	for i, class := range all {
		if rows[i].Err != class {
			t.Errorf("%q is read as %q", class, rows[i].Err)
		}
	}
}
