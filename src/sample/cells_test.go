package sample

import (
	"bytes"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What is written and read by hand must be what the standard library writes and reads.
func TestTimesAgainstTheStandardLibrary(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var w Writer
	var writing, reading memo
	at := time.Date(1969, 12, 31, 23, 58, 0, 0, time.UTC)
	for i := range 20000 {
		switch i % 100 {
		case 0: // anywhere in the years that a file may hold, in another zone
			at = time.Unix(rng.Int64N(253402300799+62135596800)-62135596800, rng.Int64N(1e9)).In(time.FixedZone("",
				3600))
		case 50: // back, over the start of a minute
			at = at.Truncate(time.Minute).Add(-1)
		default:
			at = at.Add(time.Duration(rng.Int64N(3e9)))
		}
		if y := at.UTC().Year(); y < 1 || y > 9999 || at.IsZero() {
			continue
		}
		w.buf = w.buf[:0]
		w.time(&writing, at)
		if want := at.UTC().Format(timeLayout); string(w.buf) != want {
			t.Fatalf("%v is written as %s, want %s", at, w.buf, want)
		}
		got, err := reading.parseTime(w.buf)
		if err != nil || got != at.UTC().Round(0) {
			t.Fatalf("%s is read as %v, %v", w.buf, got, err)
		}
	}
}

func TestOddTimes(t *testing.T) {
	for _, cell := range []string{
		"2026-02-30T12:00:00.000000000Z", "2026-02-28T24:00:00.000000000Z", "2026-02-28T12:60:00.000000000Z",
		"2026-02-28T12:00:60.000000000Z",
		"2026-02-28T12:00:00.00000000xZ", "2026-02-28 12:00:00.000000000Z", "0000-02-28T12:00:00.000000000Z",
		strings.Repeat("\x00", 17) + "00.000000000Z",
	} {
		m := memo{}
		if got, err := m.parseTime([]byte(cell)); err == nil {
			t.Errorf("%q is read as %v", cell, got)
		}
		if good, err := m.parseTime([]byte("2026-02-28T12:00:59.999999999Z")); err != nil ||
			good.Nanosecond() != 999999999 {
			t.Errorf("after %q: %v, %v", cell, good, err)
		}
	}
	for _, cell := range []string{"2026-02-28T12:00:00,000000000Z", "2026-02-28T12:00:00.000000000+00:00",
		"2026-02-28T12:00:00.0000000000Z", "2026-02-28T12:00:00Z"} {
		m := memo{}
		if got, err := m.parseTime([]byte(cell)); err != nil || got != time.Date(2026, 2, 28, 12, 0, 0, 0, time.UTC) {
			t.Errorf("%q is read as %v, %v", cell, got, err)
		}
	}
}

func TestMillisAgainstTheGeneralWay(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 20000 {
		cell := strconv.FormatFloat(float64(rng.Int64N(1<<rng.IntN(46)+1))/1000, 'f', 3, 64)
		got, err := parseMillis([]byte(cell))
		// A further zero makes it no longer what the short way takes.
		want, fault := parseMillis([]byte(cell + "0"))
		if err != nil || fault != nil || got != want {
			t.Fatalf("%s is read as %d, %v; %s0 as %d, %v", cell, got, err, cell, want, fault)
		}
	}
	for cell, want := range map[string]time.Duration{"1e3": time.Second, "+1.000": time.Millisecond,
		"0x1p3": 8 * time.Millisecond, ".500": 500_000, "": None} {
		if got, err := parseMillis([]byte(cell)); err != nil || got != want {
			t.Errorf("%q is read as %d, %v, want %d", cell, got, err, want)
		}
	}
}

func TestCommas(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	letters := []byte(",,,,,-+\x00\xac\xff,ab\x2d\x2b\x80")
	for n := range 300 {
		row := make([]byte, n%40)
		for i := range row {
			row[i] = letters[rng.IntN(len(letters))]
		}
		if got, want := commas(row, nil), bytes.Split(row, []byte{','}); !slices.EqualFunc(got, want, bytes.Equal) {
			t.Errorf("%q is cut into %q, want %q", row, got, want)
		}
	}
}

// Rows of all lengths across the borders of the buffer, in reads of all sizes.
func TestRowsAcrossTheBuffer(t *testing.T) {
	var file bytes.Buffer
	w := NewWriter(&file)
	rng := rand.New(rand.NewPCG(7, 8))
	var want []Sample
	for i := range 2000 {
		s := full()
		s.Burst = i
		s.RequestID = strings.Repeat("x", rng.IntN(600))
		if i%97 == 0 {
			s.RequestID = strings.Repeat("a\n\"b", lineBuffer/10)
		}
		want = append(want, s)
		w.AppendRow(&s)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	got, torn, err := readAll(&choppy{in: &file, rng: rng})
	if err != nil || torn != 0 || len(got) != len(want) {
		t.Fatalf("%d rows, torn %d, %v", len(got), torn, err)
	}
	for i := range got {
		if !got[i].Equal(want[i]) {
			t.Fatalf("row %d: got %+v\nwant %+v", i, got[i], want[i])
		}
	}
	if _, _, err := readAll(io.MultiReader(strings.NewReader(older), still{})); err == nil {
		t.Error("a reader that answers nothing for ever is read for ever")
	}
}

// choppy reads a few bytes at a time, and sometimes none.
type choppy struct {
	in  io.Reader
	rng *rand.Rand
}

func (c *choppy) Read(p []byte) (int, error) {
	return c.in.Read(p[:min(len(p), c.rng.IntN(5000))])
}

type still struct{}

func (still) Read([]byte) (int, error) { return 0, nil }

// endless gives the same rows again and again.
type endless struct{ head, rows, rest []byte }

func (e *endless) Read(p []byte) (int, error) {
	if len(e.head) > 0 {
		n := copy(p, e.head)
		e.head = e.head[n:]
		return n, nil
	}
	if len(e.rest) == 0 {
		e.rest = e.rows
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

func manyRows(t testing.TB) (*Reader, int) {
	t.Helper()
	var rows bytes.Buffer
	w := NewWriter(&rows)
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	head := bytes.Clone(rows.Bytes())
	rows.Reset()
	for i := range 1000 {
		s := bare(warm())
		s.Err, s.Latency = OK, time.Duration(i)*1001000
		s.RequestID, s.InstanceID, s.Slot = "01890a5d-ac96-774b-bcce-"+strconv.Itoa(i), "instance-"+strconv.Itoa(i%100),
			i
		s.SentAt = s.SentAt.Add(time.Duration(i) * time.Second)
		w.AppendRow(&s)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	r, err := NewReader(&endless{head: head, rows: rows.Bytes()}, "l.csv")
	if err != nil {
		t.Fatal(err)
	}
	return r, rows.Len() / 1000
}

func TestReadAllocatesNothing(t *testing.T) {
	r, _ := manyRows(t)
	r.OmitRequestIDs()
	var s Sample
	read := func() {
		if err := r.Read(&s); err != nil {
			t.Fatal(err)
		}
	}
	for range 2000 {
		read()
	}
	if n := testing.AllocsPerRun(5000, read); n != 0 {
		t.Errorf("Read allocates %v times a row, want 0", n)
	}
	if s.RequestID != "" || s.InstanceID == "" || s.Latency == None || s.Host == "" || s.ReleasedAt.IsZero() {
		t.Errorf("without its id the row is %+v", s)
	}
}

func BenchmarkRead(b *testing.B) {
	for _, name := range []string{"all", "without request ids"} {
		b.Run(name, func(b *testing.B) {
			r, size := manyRows(b)
			if name != "all" {
				r.OmitRequestIDs()
			}
			b.SetBytes(int64(size))
			b.ReportAllocs()
			var s Sample
			for b.Loop() {
				if err := r.Read(&s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
