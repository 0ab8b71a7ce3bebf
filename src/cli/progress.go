package cli

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/vhive-serverless/STeLLAR/src/app"
)

// progress shows how far the run is: a block of lines that is redrawn on a terminal, log lines elsewhere, nothing where
// only errors are wanted.
type progress struct {
	mu      sync.Mutex
	screen  *screen
	log     *logrus.Logger
	redraw  bool
	width   int // columns that a line may have
	stage   string
	started time.Time
	subs    map[int]app.Progress
	logged  map[int]time.Time // when each sub-experiment was last logged
	now     func() time.Time
}

const (
	logEvery     = 10 * time.Second // between progress lines of a sub-experiment where there is no terminal
	linesMost    = 8                // sub-experiments that the block shows
	defaultWidth = 100              // columns, where the terminal's are not known
	blockIndent  = "  "
)

var _ app.Observer = (*progress)(nil)

func (p *progress) StageStart(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stage, p.started, p.subs, p.logged = name, p.now(), map[int]app.Progress{}, map[int]time.Time{}
	if p.redraw {
		p.screen.Progress(name + " …")
		return
	}
	p.log.Infof("%s", name)
}

func (p *progress) StageEnd(name string, took time.Duration, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.screen.Progress("")
	switch {
	case err != nil:
		p.log.Debugf("%s failed after %s", name, round(took))
	case p.redraw:
		p.log.Infof("%s (%s)", name, round(took))
	default:
		p.log.Infof("%s: done in %s", name, round(took))
	}
}

func (p *progress) Burst(b app.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.subs == nil {
		p.subs, p.logged = map[int]app.Progress{}, map[int]time.Time{}
	}
	p.subs[b.Sub] = b
	now := p.now()
	if p.redraw {
		p.screen.Progress(p.block(now))
		return
	}
	last, is := p.logged[b.Sub]
	if !is {
		last = p.started
	}
	if now.Sub(last) >= logEvery || ended(b) && is {
		p.logged[b.Sub] = now
		p.log.Infof("%s", subLine(b))
		if total := p.total(); total != "" && !ended(b) {
			p.log.Infof("%s", total)
		}
	}
}

// block is the stage, a line for each sub-experiment that is running, and the whole run.
func (p *progress) block(now time.Time) string {
	lines := []string{fmt.Sprintf("%s (%s)", p.stage, now.Sub(p.started).Round(time.Second))}
	var running []app.Progress
	for _, b := range p.subs {
		if !ended(b) {
			running = append(running, b)
		}
	}
	slices.SortFunc(running, func(a, b app.Progress) int { return a.Place - b.Place })
	for i, b := range running {
		if i == linesMost {
			lines = append(lines, fmt.Sprintf("%s… and %d more", blockIndent, len(running)-i))
			break
		}
		lines = append(lines, blockIndent+subLine(b))
	}
	if total := p.total(); total != "" {
		lines = append(lines, blockIndent+total)
	}
	for i, line := range lines {
		lines[i] = cut(line, p.width)
	}
	return strings.Join(lines, "\n")
}

func ended(b app.Progress) bool { return b.Done >= b.Of }

// subLine is how far a sub-experiment is, as in
// [3/9] cold  burst 12/20  p50 121 ms  0 errors  ETA 24s.
func subLine(b app.Progress) string {
	parts := []string{fmt.Sprintf("[%d/%d] %s", b.Place+1, b.Places, b.Title)}
	unit := "burst"
	if b.Rate > 0 {
		unit = "second"
	}
	parts = append(parts, fmt.Sprintf("%s %d/%d", unit, b.Done, b.Of))
	if w := b.Waiting; w != nil {
		parts = append(parts, fmt.Sprintf("burst %d: %d of %d answered, %s", w.Burst, w.Answered, w.Size,
			w.For.Round(time.Second)))
	}
	if b.Rate > 0 {
		parts = append(parts, fmt.Sprintf("%s requests/s", threeDigits(b.Rate)))
	}
	if b.Median > 0 {
		parts = append(parts, "p50 "+latency(b.Median))
	}
	errors := "1 error"
	if b.Errors != 1 {
		errors = fmt.Sprintf("%d errors", b.Errors)
	}
	parts = append(parts, errors)
	if b.Left > 0 {
		parts = append(parts, "ETA "+eta(b.Left))
	}
	return strings.Join(parts, "  ")
}

// total is how far the whole run is; empty where it has one sub-experiment.
func (p *progress) total() string {
	done, of, requests, errors, places, repeated := 0, 0, 0, 0, 0, 0
	var left time.Duration
	for _, b := range p.subs {
		done, requests, errors = done+b.Done, requests+b.Requests, errors+b.Errors
		places, of, repeated = b.Places, b.RunBursts, repeated+b.Of
		if !ended(b) {
			left = max(left, b.Left+b.Afterwards)
		}
	}
	if places < 2 {
		return ""
	}
	line := fmt.Sprintf("whole run: %d requests", requests)
	if of > 0 {
		of = max(of, repeated) // more than planned, where Until has repeated the plan
		line = fmt.Sprintf("whole run: burst %d/%d, %d requests", min(done, of), of, requests)
	}
	if errors > 0 {
		line += fmt.Sprintf(", %d failed", errors)
	}
	if left > 0 {
		line += ", ETA " + eta(left)
	}
	return line
}

// eta rounds a time to come: to seconds, to ten seconds from ten minutes on.
func eta(d time.Duration) string {
	if d >= 10*time.Minute {
		return d.Round(10 * time.Second).String()
	}
	return max(d.Round(time.Second), time.Second).String()
}

// latency is a latency with two or three digits.
func latency(d time.Duration) string {
	if d >= 10*time.Second {
		return threeDigits(d.Seconds()) + " s"
	}
	return threeDigits(float64(d)/float64(time.Millisecond)) + " ms"
}

func threeDigits(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// cut shortens a line to a terminal's width: a longer one would take two, of which one could not be taken back.
func cut(line string, width int) string {
	if width <= 0 {
		width = defaultWidth
	}
	runes := []rune(line)
	if len(runes) < width {
		return line
	}
	return string(runes[:width-2]) + "…"
}

func round(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(10 * time.Millisecond)
}
