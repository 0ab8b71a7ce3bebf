package analyze

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/goldentest"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// sent is a request of a burst: sent so late, its first byte so long after.
func sent(burst int, late, began time.Duration, suspect string) sample.Sample {
	s := row(burst, 10, sample.No)
	s.PlannedAt = start.Add(time.Duration(burst) * time.Second)
	s.ReleasedAt = s.PlannedAt.Add(time.Microsecond)
	s.Lateness, s.SentAt, s.WriteBegan, s.Suspect = late, s.PlannedAt.Add(late), began, suspect
	s.Endpoint, s.Round, s.BurstSize = "f0", burst/2, 3
	return s
}

const us = time.Microsecond

func clientRows() []sample.Sample {
	warmup := []sample.Sample{sent(0, 5*time.Millisecond, 0, "gc"), sent(0, 50*time.Millisecond, 0, "gc")}
	for i := range warmup {
		warmup[i].Warmup = true
	}
	lost := sent(1, 200*us, 4*time.Millisecond, "scheduler+gc")
	lost.Err, lost.Latency = sample.Timeout, sample.None
	unknown := sent(2, 0, sample.None, "") // it never got as far as its first byte
	unknown.Err, unknown.Latency = sample.Connect, sample.None
	long := sent(3, 2*time.Millisecond, 0, "cpu")
	long.Latency = 2 * time.Hour // more than four bytes of µs
	return append(warmup,
		sent(1, 300*us, 0, ""), sent(1, 100*us, 0, "scheduler"), lost, // out in 4.1 ms
		sent(2, time.Millisecond, 0, ""), unknown, // exactly 1 ms is not late
		long, sent(3, 3*time.Millisecond, 500*time.Nanosecond, ""))
}

func TestClient(t *testing.T) {
	s, err := Summarize(Samples(clientRows()), Options{Unsent: 4})
	if err != nil {
		t.Fatal(err)
	}
	want := Client{Spread50: Of(1.001), SpreadMax: Of(4.1), Lateness99: Of(3), LatenessMax: Of(3), Late: 2, Behind: 2,
		Suspects:     3,
		SuspectWords: map[string]int{"scheduler": 2, "gc": 1, "cpu": 1}, Unsent: 4}
	if !reflect.DeepEqual(s.Client, want) {
		t.Errorf("%+v, want %+v", s.Client, want)
	}
	if s.Max != Of(7_200_000) || s.Rows() != 7 || s.Warmup != 2 {
		t.Errorf("%+v", s)
	}
	if nothing := summarize(t, []sample.Sample{row(0, 1, sample.No), row(0, 1, sample.No)},
		Identity{}); !reflect.DeepEqual(nothing.Client, Client{}) {
		t.Errorf("a file without the client's columns gives %+v", nothing.Client)
	}
}

// TestSustainedRows: requests of a sustained load have an instant each, and end in any order. There is no spread, each
// is late for itself, and a second is one line wherever its rows stand.
func TestSustainedRows(t *testing.T) {
	var rows []sample.Sample
	for i, late := range []time.Duration{0, 2 * time.Millisecond, 900 * time.Microsecond, 5 * time.Millisecond} {
		r := sent(i%2, late, 0, "")
		r.BurstSize, r.PlannedAt = 0, r.SentAt.Add(-late)
		rows = append(rows, r)
	}
	var lines []sample.BurstLine
	s, err := Summarize(Samples(rows), Options{EachBurst: func(l *sample.BurstLine) error {
		lines = append(lines,
			*l)
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if c := s.Client; c.Late != 2 || c.Behind != 2 || c.SpreadMax != (Value{}) || c.LatenessMax != Of(5) ||
		s.Bursts.Len() != 2 {
		t.Errorf("%+v", c)
	}
	if len(lines) != 2 || lines[0].Burst != 0 || lines[0].Lateness != 900*time.Microsecond ||
		lines[1].Lateness != 5*time.Millisecond ||
		lines[0].Spread != sample.None {
		t.Errorf("%+v", lines)
	}
	// More seconds than are kept open: none is lost.
	rows = rows[:0]
	for i := range 3 * secondsOpen {
		for _, burst := range []int{i, max(0, i-secondsOpen/2)} {
			r := sent(burst, 0, 0, "")
			r.BurstSize, r.PlannedAt = 0, r.SentAt
			rows = append(rows, r)
		}
	}
	if s, err = Summarize(Samples(rows), Options{}); err != nil || s.Count != len(rows) ||
		s.Bursts.Len() != 3*secondsOpen {
		t.Errorf("%d of %d requests in %d seconds, error %v", s.Count, len(rows), s.Bursts.Len(), err)
	}
}

func TestBurstLines(t *testing.T) {
	var out bytes.Buffer
	w := sample.NewBurstWriter(&out)
	if _, err := Summarize(Samples(clientRows()), Options{EachBurst: w.Append}); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	goldentest.Check(t, out.String())
	full := errors.New("disk full")
	calls := 0
	if _, err := Summarize(Samples(clientRows()),
		Options{EachBurst: func(*sample.BurstLine) error { calls++; return full }}); !errors.Is(err, full) ||
		calls != 1 {
		t.Errorf("after %d calls: %v", calls, err)
	}
}

func TestAdvice(t *testing.T) {
	many := func(n int, of ...sample.Sample) (rows []sample.Sample) {
		for i := range n {
			s := sent(i, 0, 0, "")
			rows = append(rows, s)
		}
		for i, s := range of {
			s.Burst = n + i
			rows = append(rows, s)
		}
		return rows
	}
	spread := sent(0, 0, 0, "")
	slow := sent(0, 30*time.Millisecond, 0, "")
	for _, c := range []struct {
		name   string
		rows   []sample.Sample
		unsent int
		want   []string // a part of each sentence
	}{
		{"nothing", nil, 0, nil},
		{"well", many(100), 0, nil},
		{"exactly 1 % is not more", many(99, sent(0, 2*time.Millisecond, 0, "gc")), 0, nil},
		{"suspect", many(90, sent(0, 0, 0, "scheduler"), sent(0, 0, 0, "gc+scheduler"), sent(0, 0, 0, "cpu"),
			sent(0, 0, 0, "backlog"), sent(0, 0, 0, "clock"), sent(0, 0, 0, "fog")), 0,
			[]string{"queues of sockets on this machine were full", "wall clock jumped", "cores were busy",
				`noted "fog"`, "collected its garbage", "2 of 96 requests (2.1 %)"}},
		{"sent twice", many(90, sent(0, 0, 0, "resent"), sent(0, 0, 0, "resent"), sent(0, 0, 0, "resent+gc")), 0,
			[]string{"3 of 93 requests (3.2 %) were sent twice, because the server drained"}},
		{"late", many(95, slow, slow), 0, []string{"2 of 97 requests (2.1 %) left over 1 ms after their planned " +
			"instant (99 % within 30.000 ms)"}},
		{"late within a burst that left in time", append(many(0), spread, slow, slow), 0, nil},
		{"unsent", many(98), 2, []string{"2 of 100 requests (2 %) were due and never sent"}},
		{"nothing but unsent", nil, 3, []string{"3 of 3 requests (100 %)"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := Summarize(Samples(c.rows), Options{Unsent: c.unsent})
			if err != nil {
				t.Fatal(err)
			}
			got := Advice(s)
			if len(got) != len(c.want) {
				t.Fatalf("%q, want %d sentences", got, len(c.want))
			}
			for i, want := range c.want {
				if !strings.Contains(got[i], want) {
					t.Errorf("%q, want %q in it", got[i], want)
				}
			}
		})
	}
}

// Bursts that come in any order and in pieces are whole in the end; blocks of the store are crossed.
func TestBurstsOfManyRows(t *testing.T) {
	size := 7000
	if raceEnabled {
		size = 2500 // all in all more than a block
	}
	var rows []sample.Sample
	for b := range 30 {
		for i := range size + b {
			s := row((b*7)%30, float64(i), sample.Tri((b+i)%3))
			if i == 5 {
				s.Latency = 100 * time.Hour
			}
			rows = append(rows, s)
		}
	}
	s := summarize(t, rows, Identity{})
	pieces := append(append([]sample.Sample{}, rows[len(rows)/2:]...), rows[:len(rows)/2]...)
	p := summarize(t, pieces, Identity{})
	if s.Bursts.Len() != 30 || p.Bursts.Len() != 30 || s.Max != Of(360_000_000) || p.Max != s.Max || p.Mean != s.Mean ||
		!reflect.DeepEqual(p.CDF, s.CDF) {
		t.Errorf("%d and %d bursts, max %v and %v", s.Bursts.Len(), p.Bursts.Len(), s.Max, p.Max)
	}
	one, two := listed(s.Bursts), listed(p.Bursts)
	for i := range one {
		if one[i].Cold != two[i].Cold || one[i].Warm != two[i].Warm ||
			!slices.Equal(sortedOf(one[i:i+1]), sortedOf(two[i:i+1])) {
			t.Errorf("burst %d differs when it comes in pieces", i)
		}
	}
	if s.CDF.Len() != len(rows) || s.Cold.CDF.Len() != s.Cold.Count || s.CDF.X[0] != 0 ||
		s.CDF.X[len(s.CDF.X)-1] != s.Max.V {
		t.Errorf("the distribution is of %d rows, %d cold", s.CDF.Len(), s.Cold.CDF.Len())
	}
	for b := range s.Light().Bursts.All() {
		t.Errorf("a light summary has burst %d", b.Number)
	}
	for range s.Bursts.All() {
		break
	}
}

// TestAdvise: an effect has one line, whichever sub-experiments it is in.
func TestAdvise(t *testing.T) {
	with := func(title string, words map[string]int, rows int) Summary {
		s := Summary{Identity: Identity{Title: title}, Count: rows}
		s.Client.SuspectWords = words
		for _, n := range words {
			s.Client.Suspects += n
		}
		return s
	}
	got := Advise([]Summary{with("a", map[string]int{"cpu": 50}, 100), with("b", nil, 100),
		with("c", map[string]int{"cpu": 52, "gc": 30}, 120)})
	const remedy = ": lower the burst size or the rate, or measure from a machine with more cores"
	want := []string{
		"102 of 220 requests (46.4 %) of 2 sub-experiments may be slow because of this machine: all of the client's " +
			"cores were busy" + remedy + " (a: 50; c: 52)",
		"c: 30 of 120 requests (25 %) may be slow because of this machine: the client collected its garbage: measure " +
			"from a machine with more cores or memory, or split the sub-experiment into smaller ones",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	many := make([]Summary, 6)
	for i := range many {
		many[i] = with(fmt.Sprint("s", i), map[string]int{"cpu": 10}, 20)
	}
	if got := Advise(many); len(got) != 1 || !strings.HasSuffix(got[0], "(s0: 10; s1: 10; s2: 10; s3: 10; 2 more)") {
		t.Errorf("six: %q", got)
	}
}
