package app_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"stellar/src/app"
)

// clouds are those of all rows of a provider.
type clouds struct {
	mu  sync.Mutex
	all []cloud
}

func (c *clouds) add(one cloud) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, one)
}

func (c *clouds) drop(one cloud) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = slices.DeleteFunc(c.all, func(o cloud) bool { return o == one })
}

// use shows the clouds; none of them goes away meanwhile.
func (c *clouds) use(by func([]cloud)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	by(c.all)
}

// lines keeps what a run logs.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) add(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(&l.text, format+"\n", args...)
}
func (l *lines) Debugf(format string, args ...any) { l.add(format, args...) }
func (l *lines) Infof(format string, args ...any)  { l.add(format, args...) }
func (l *lines) Warnf(format string, args ...any)  { l.add(format, args...) }
func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

type nobody struct{}

func (nobody) StageStart(string)                     {}
func (nobody) StageEnd(string, time.Duration, error) {}
func (nobody) Burst(app.Burst)                       {}
