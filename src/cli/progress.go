package cli

import (
	"fmt"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"stellar/src/app"
)

// progress shows how far the run is: one line that is redrawn on a terminal, log lines elsewhere, nothing
// where only errors are wanted.
type progress struct {
	mu      sync.Mutex
	screen  *screen
	log     *logrus.Logger
	redraw  bool
	stage   string
	started time.Time
	subs    map[int]app.Progress
	logged  time.Time
	now     func() time.Time
}

const logEvery = 10 * time.Second // between progress lines where there is no terminal

var _ app.Observer = (*progress)(nil)

func (p *progress) StageStart(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stage, p.started, p.subs, p.logged = name, p.now(), map[int]app.Progress{}, p.now()
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
		p.subs = map[int]app.Progress{}
	}
	p.subs[b.Sub] = b
	line := p.line()
	if p.redraw {
		p.screen.Progress(line)
		return
	}
	if now := p.now(); now.Sub(p.logged) >= logEvery {
		p.logged = now
		p.log.Infof("%s", line)
	}
}

func (p *progress) line() string {
	var done, of, errors int
	var left time.Duration
	for _, b := range p.subs {
		done, of, errors, left = done+b.Done, of+b.Of, errors+b.Errors, max(left, b.Left)
	}
	line := fmt.Sprintf("%s: burst %d of %d", p.stage, done, of)
	if errors > 0 {
		line += fmt.Sprintf(", %d failed requests", errors)
	}
	if left > 0 {
		line += ", about " + left.Round(time.Second).String() + " left"
	}
	return line
}

func round(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(10 * time.Millisecond)
}
