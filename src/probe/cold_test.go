package probe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/probe/schedule"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// platform answers as functions with one instance each, which makeCold replaces.
type platform struct {
	mu      sync.Mutex
	version map[string]int // by path: of the instance that is next
	met     map[string]int // by path: of the instance that has answered last
	ignores int            // so many calls of makeCold change nothing
	silent  bool           // functions do not say whether they were cold
	asked   []string       // targets of each call
	takes   time.Duration
	failsAt int // the call that fails, from 1
	warmup  int // rounds
}

func (p *platform) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := r.URL.Path
	p.asked = append(p.asked, at)
	if p.silent {
		_, _ = fmt.Fprint(w, "hello")
		return
	}
	cold := p.met[at] != p.version[at]+1
	p.met[at] = p.version[at] + 1
	_, _ = fmt.Fprintf(w, `{"RequestID":"r","Instance":{"ID":"%s%d","Cold":%v,"Invocation":1}}`, at, p.met[at], cold)
}

func (p *platform) makeCold(_ context.Context, targets []int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, fmt.Sprint(targets))
	if p.failsAt--; p.failsAt == 0 {
		return errors.New("no permission")
	}
	time.Sleep(p.takes)
	if p.ignores > 0 {
		p.ignores--
		return nil
	}
	for _, t := range targets {
		p.version[[]string{"/a", "/b"}[t]]++
	}
	return nil
}

// coldConfig is five bursts to two targets.
func coldConfig(t *testing.T, p *platform, b *book) Config {
	p.version, p.met = map[string]int{}, map[string]int{}
	s, _ := serveHTTP(t, false, p.ServeHTTP)
	return Config{Client: Client{Timeout: patience}, Targets: []Target{{Name: "a", URL: s.URL + "/a"},
		{Name: "b", URL: s.URL + "/b"}}, Bursts: 5, Sink: b.sink, MaxErrorRatio: 1, Warmup: p.warmup,
		Cold: &Cold{Make: p.makeCold, Retries: 2}}
}

// coldWords are how a book's rows became cold, with their bursts and rounds.
func coldWords(b *book) (out []string) {
	for _, r := range b.rows {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%d/%d %s %s", r.Burst, r.Round, r.Endpoint, r.ColdStart)))
	}
	return out
}

func TestForcedColdStarts(t *testing.T) {
	for name, c := range map[string]struct {
		platform *platform
		asked    string
		rows     []string
		want     Outcome // of Bursts, Repeated, Missed, NotCold
	}{
		"each round's targets are made cold together": {&platform{},
			"[0 1] /a /b [0 1] /a /b [0] /a",
			[]string{"0/0 a forced", "1/0 b forced", "2/1 a forced", "3/1 b forced", "4/2 a forced"},
			Outcome{Bursts: 5}},
		"a warm burst is kept, marked and repeated": {&platform{ignores: 2},
			// The first answers are cold although nothing was changed: nobody was there.
			"[0 1] /a /b [0 1] /a [0] /a /b [1] /b [0] /a",
			[]string{"0/0 a forced", "1/0 b forced", "2/1 a missed", "3/1 a forced", "4/1 b missed", "5/1 b forced",
				"6/2 a forced"},
			Outcome{Bursts: 7, Repeated: 2, Missed: 2}},
		"retries end": {&platform{ignores: 100},
			"[0 1] /a /b [0 1] /a [0] /a [0] /a /b [1] /b [1] /b [0] /a [0] /a [0] /a",
			[]string{"0/0 a forced", "1/0 b forced", "2/1 a missed", "3/1 a missed", "4/1 a missed", "5/1 b missed",
				"6/1 b missed", "7/1 b missed", "8/2 a missed", "9/2 a missed", "10/2 a missed"},
			Outcome{Bursts: 11, Repeated: 6, Missed: 9, NotCold: 3}},
		"warm-up is not forced": {&platform{warmup: 1}, "/a /b [0 1] /a /b [0] /a",
			[]string{"0/0 a idle", "1/0 b idle", "2/1 a forced", "3/1 b forced", "4/2 a forced"}, Outcome{Bursts: 5}},
		"who does not say is not asked again": {&platform{silent: true}, "[0 1] /a /b [0 1] /a /b [0] /a",
			[]string{"0/0 a", "1/0 b", "2/1 a", "3/1 b", "4/2 a"}, Outcome{Bursts: 5}},
	} {
		t.Run(name, func(t *testing.T) {
			var b book
			p := c.platform
			cfg := coldConfig(t, p, &b)
			var last Progress
			cfg.Progress = func(p Progress) { last = p }
			out, err := Run(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(p.asked, " "); got != c.asked {
				t.Errorf("asked %q, want %q", got, c.asked)
			}
			if got := coldWords(&b); !slices.Equal(got, c.rows) {
				t.Errorf("rows %q, want %q", got, c.rows)
			}
			if out.Bursts != c.want.Bursts || out.Repeated != c.want.Repeated || out.Missed != c.want.Missed ||
				out.NotCold != c.want.NotCold || last.Burst != 5 || last.Bursts != 5 {
				t.Errorf("outcome %+v, progress %+v", out, last)
			}
		})
	}
}

// TestForcedBurstOfMany: an instance that the burst itself has started may serve a second request of it.
func TestForcedBurstOfMany(t *testing.T) {
	var b book
	p := &platform{}
	cfg := coldConfig(t, p, &b)
	cfg.Targets, cfg.Bursts, cfg.BurstSize = cfg.Targets[:1], 2, func(int) int { return 3 }
	out, err := Run(t.Context(), cfg)
	if err != nil || out.Missed != 0 || out.Repeated != 0 || out.Requests != 6 {
		t.Fatalf("outcome %+v, error %v", out, err)
	}
	words := coldWords(&b)
	slices.Sort(words)
	want := []string{"0/0 a", "0/0 a", "0/0 a forced", "1/1 a", "1/1 a", "1/1 a forced"}
	if !slices.Equal(words, want) {
		t.Errorf("rows %q", words)
	}
}

// TestColdWithinTheIAT: making cold is a part of the IAT, and where it takes longer the next burst is not late.
func TestColdWithinTheIAT(t *testing.T) {
	for takes, late := range map[time.Duration]bool{5 * time.Millisecond: false, 80 * time.Millisecond: true} {
		var b book
		p := &platform{takes: takes}
		cfg := coldConfig(t, p, &b)
		cfg.Targets, cfg.Bursts = cfg.Targets[:1], 2
		cfg.Arrivals = schedule.Arrivals{Type: schedule.Deterministic, IAT: 40 * time.Millisecond}
		if _, err := Run(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		gap, least := b.rows[1].SentAt.Sub(b.rows[0].ReceivedAt), max(takes, 40*time.Millisecond)-time.Millisecond
		if gap < least || late && b.rows[1].Lateness > 10*time.Millisecond {
			t.Errorf("making cold takes %v: the second burst came %v after the first, %v late", takes, gap,
				b.rows[1].Lateness)
		}
	}
}

func TestColdThatCannotBeMadeEndsTheRun(t *testing.T) {
	var b book
	p := &platform{failsAt: 2}
	out, err := Run(t.Context(), coldConfig(t, p, &b))
	if err == nil || !strings.Contains(err.Error(), "make the functions cold before burst 2: no permission") ||
		out.Requests != 2 || len(b.rows) != 2 {
		t.Errorf("outcome %+v, %d rows, error %v", out, len(b.rows), err)
	}
}

func TestColdNeedsAClosedSchedule(t *testing.T) {
	var b book
	cfg := coldConfig(t, &platform{}, &b)
	cfg.Schedule, cfg.Arrivals.IAT = Open, time.Second
	if _, err := Run(t.Context(), cfg); fail.Code(err) != fail.CodeInput || len(b.rows) > 0 {
		t.Errorf("error %v", err)
	}
}

func TestIdleColdStarts(t *testing.T) {
	var b book
	p := &platform{}
	cfg := coldConfig(t, p, &b)
	cfg.Cold = nil
	if _, err := Run(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if got := coldWords(&b); strings.Join(got, " ") != "0/0 a idle 1/0 b idle 2/1 a 3/1 b 4/2 a" ||
		b.rows[0].Cold != sample.Yes {
		t.Errorf("rows %q", got)
	}
}
