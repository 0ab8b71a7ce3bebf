package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/app"
	"github.com/vhive-serverless/STeLLAR/src/probe"
)

// sequence is the progress of a run of two sub-experiments, one after the other, with a burst that waits.
func sequence() []app.Progress {
	first := app.Progress{Sub: 0, Title: "warm,Runtime=go", Of: 20, Places: 2, RunBursts: 40,
		Afterwards: 40 * time.Second}
	at := func(p app.Progress, done, requests, errors int, left, median time.Duration) app.Progress {
		p.Done, p.Requests, p.Errors, p.Left, p.Median = done, requests, errors, left, median
		return p
	}
	second := first
	second.Sub, second.Title, second.Place, second.Afterwards = 1, "cold,Runtime=go", 1, 0
	waits := at(second, 7, 12, 1, 900*time.Second, 121*time.Millisecond)
	waits.Waiting = &probe.Waiting{Burst: 7, Answered: 41, Size: 50, For: 38*time.Second + 300*time.Millisecond}
	return []app.Progress{
		at(first, 12, 66, 0, 24*time.Second, 12340*time.Microsecond),
		at(first, 20, 110, 0, 0, 1640*time.Microsecond),
		waits,
		{Sub: 1, Title: "load", Place: 1, Places: 2, Done: 3, Of: 10, Requests: 601, Rate: 200.3, Left: 7 * time.Second,
			Median: 11 * time.Second},
	}
}

func TestProgressBlock(t *testing.T) {
	began := time.Unix(0, 0)
	p := &progress{screen: &screen{}, redraw: true, width: 70, now: func() time.Time { return began }}
	p.StageStart("probing")
	for i, want := range []string{
		"probing (47s)\n  [1/2] warm,Runtime=go  burst 12/20  p50 12.3 ms  0 errors  ETA 24s\n" +
			"  whole run: burst 12/40, 66 requests, ETA 1m4s",
		"probing (47s)\n  whole run: burst 20/40, 110 requests",
		"probing (47s)\n  [2/2] cold,Runtime=go  burst 7/20  burst 7: 41 of 50 answered, 38s…\n" +
			"  whole run: burst 27/40, 122 requests, 1 failed, ETA 15m0s",
		"probing (47s)\n  [2/2] load  second 3/10  200 requests/s  p50 11.0 s  0 errors  ETA 7s\n" +
			"  whole run: 711 requests, ETA 7s",
	} {
		p.Burst(sequence()[i])
		if i == 3 {
			p.width = 0
		}
		got := p.block(began.Add(47 * time.Second))
		for _, line := range strings.Split(got, "\n") {
			if n := len([]rune(line)); p.width > 0 && n >= p.width {
				t.Errorf("%d columns: %s", n, line)
			}
		}
		if i != 3 && got != want || i == 3 && !strings.Contains(got, "200 requests/s  p50 11.0 s") {
			t.Errorf("step %d\ngot:\n%s\nwant:\n%s", i, got, want)
		}
	}
}

// TestProgressLines: off a terminal, a line every ten seconds for each sub-experiment, and no control character.
func TestProgressLines(t *testing.T) {
	var out bytes.Buffer
	log, err := newLogger("info", &out, &logFile{})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(0, 0)
	p := &progress{screen: &screen{out: &out}, log: log, now: func() time.Time { return now }}
	p.StageStart("probing")
	for _, seconds := range []int{3, 9, 11, 15, 22} {
		now = time.Unix(int64(seconds), 0)
		p.Burst(sequence()[0])
	}
	now = time.Unix(23, 0)
	p.Burst(sequence()[1])
	text := out.String()
	if n := strings.Count(text, "[1/2] warm,Runtime=go  burst 12/20  p50 12.3 ms  0 errors  ETA 24s\n"); n != 2 {
		t.Errorf("%d lines in 22 s:\n%s", n, text)
	}
	if n := strings.Count(text, "whole run: burst 12/40"); n != 2 || !strings.Contains(text, "burst 20/20") ||
		strings.ContainsAny(text, "\x1b\r") {
		t.Errorf("%d totals:\n%q", n, text)
	}
}

// TestScreenTakesBlocksBack: a log line erases each line of the block, and the block comes back below it.
func TestScreenTakesBlocksBack(t *testing.T) {
	var out bytes.Buffer
	s := &screen{out: &out, redraw: true}
	s.Progress("a\nb\nc")
	if _, err := s.Write([]byte("line\n")); err != nil {
		t.Fatal(err)
	}
	s.Progress("")
	const erase = "\r\x1b[2K\x1b[1A\x1b[2K\x1b[1A\x1b[2K"
	if got, want := out.String(), "a\nb\nc"+erase+"line\na\nb\nc"+erase; got != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

// TestProgressOfRepetitions: bursts that Until adds to the plan are in the total.
func TestProgressOfRepetitions(t *testing.T) {
	p := &progress{screen: &screen{}, redraw: true, now: func() time.Time { return time.Unix(0, 0) }}
	p.StageStart("probing")
	p.Burst(app.Progress{Sub: 0, Place: 0, Places: 2, RunBursts: 16, Done: 157, Of: 160, Requests: 785})
	p.Burst(app.Progress{Sub: 1, Place: 1, Places: 2, RunBursts: 16, Done: 156, Of: 160, Requests: 780})
	if got, want := p.total(), "whole run: burst 313/320, 1565 requests"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
