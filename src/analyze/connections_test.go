package analyze

import (
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// connectionRows are 100 requests on kept connections: four connected within their latency, two were reset before any
// answer, one could not connect, and one of the warm-up connected, too.
func connectionRows() []sample.Sample {
	var rows []sample.Sample
	for i := range 101 {
		s := sent(i, 0, 0, "")
		s.FirstByte = 5 * time.Millisecond
		switch {
		case i == 0:
			s.Warmup, s.NewConn = true, true
		case i <= 4:
			s.NewConn = true
		case i <= 6:
			s.Err, s.Latency, s.FirstByte = sample.Reset, sample.None, sample.None
		case i == 7: // after a part of its answer
			s.Err, s.Latency = sample.Reset, sample.None
		case i == 8:
			s.Err, s.Latency, s.FirstByte, s.NewConn = sample.Connect, sample.None, sample.None, true
		}
		rows = append(rows, s)
	}
	return rows
}

// TestConnectionsCounted: what opened a connection although kept ones were asked for is counted and warned about, with
// the server's idle timeout where it is known; where new ones were asked for nothing is said.
func TestConnectionsCounted(t *testing.T) {
	for name, c := range map[string]struct {
		options Options
		count   Value
		resets  int
		want    []string
	}{
		"idle timeout known": {Options{Kept: true, IdleClose: 4987 * time.Millisecond}, Of(4), 2, []string{
			"4 of 100 requests (4 %) opened a connection within their latency although kept ones were asked for: " +
				"the server closes idle connections after about 5s: choose a shorter IAT, or Connections: new",
			"2 of 100 requests (2 %) failed on a kept connection before any byte of an answer",
		}},
		"not known": {Options{Kept: true}, Of(4), 2, []string{"not open in time: choose another IAT, or Connections: " +
			"new"}},
		"new": {Options{}, Value{}, 0, nil},
	} {
		s, err := Summarize(Samples(connectionRows()), c.options)
		if err != nil {
			t.Fatal(err)
		}
		if s.Client.NewConns != c.count || s.Client.KeptResets != c.resets {
			t.Errorf("%s: %v new, %d reset", name, s.Client.NewConns, s.Client.KeptResets)
		}
		got := Advice(s)
		if len(got) != len(c.want) {
			t.Fatalf("%s: advice %q", name, got)
		}
		for i := range got {
			if !strings.Contains(got[i], c.want[i]) {
				t.Errorf("%s: advice %q, want %q in it", name, got[i], c.want[i])
			}
		}
	}
	s, err := Summarize(Samples(nil), Options{Kept: true})
	if err != nil || s.Client.NewConns != Of(0) || Advice(s) != nil {
		t.Errorf("no rows: %+v, advice %q, error %v", s.Client, Advice(s), err)
	}
}

// TestResentIsNotNew: a request that was sent twice opened its connection for another reason than the others. It is
// told of by itself, and is in no count of new connections.
func TestResentIsNotNew(t *testing.T) {
	rows := connectionRows()
	for i, words := range map[int]string{20: "resent", 21: "gc+resent", 22: "resent+scheduler"} {
		rows[i].NewConn, rows[i].Suspect = true, words
	}
	lines := 0
	s, err := Summarize(Samples(rows), Options{Kept: true, EachBurst: func(l *sample.BurstLine) error {
		if !l.Warmup {
			lines += l.NewConns
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if s.Client.NewConns != Of(4) || lines != 5 { // one that could not connect is in its burst's line
		t.Errorf("%v new connections, %d in the bursts' lines", s.Client.NewConns, lines)
	}
	advice := strings.Join(Advice(s), "\n")
	if !strings.Contains(advice, "3 of 100 requests (3 %) were sent twice") ||
		!strings.Contains(advice, "4 of 100 requests (4 %) opened") {
		t.Errorf("advice %q", advice)
	}
}

// TestConnectionsOfBursts: bursts.csv has the number of each burst.
func TestConnectionsOfBursts(t *testing.T) {
	opened := map[int]int{}
	_, err := Summarize(Samples(connectionRows()), Options{EachBurst: func(l *sample.BurstLine) error {
		opened[l.Burst] += l.NewConns
		return nil
	}})
	if err != nil || opened[0] != 1 || opened[4] != 1 || opened[5] != 0 {
		t.Errorf("%v, error %v", opened, err)
	}
}

func TestAbout(t *testing.T) {
	for d, want := range map[time.Duration]string{4987 * time.Millisecond: "5s", 903456789: "900ms",
		75 * time.Second: "1m15s", 1234 * time.Second: "20m0s"} {
		if got := about(d); got != want {
			t.Errorf("%s is about %s, want %s", d, got, want)
		}
	}
}
