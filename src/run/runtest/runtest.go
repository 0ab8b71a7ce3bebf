// Package runtest has what tests of a run's stages share: loggers and a stage that a test controls.
package runtest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/run"
)

var (
	_ run.Logger = Quiet{}
	_ run.Logger = (*Lines)(nil)
)

// Quiet is a logger that drops its lines, and an observer of stages that does nothing.
type Quiet struct{}

// Debugf drops the line.
func (Quiet) Debugf(string, ...any) {}

// Infof drops the line.
func (Quiet) Infof(string, ...any) {}

// Warnf drops the line.
func (Quiet) Warnf(string, ...any) {}

// StageStart does nothing.
func (Quiet) StageStart(string) {}

// StageEnd does nothing.
func (Quiet) StageEnd(string, time.Duration, error) {}

// Lines is a logger that keeps its lines, each after its level ("debug: ", "info: ", "warn: "). It is safe for
// concurrent use.
type Lines struct {
	mu    sync.Mutex
	lines []string
}

// Debugf keeps a line.
func (l *Lines) Debugf(format string, args ...any) { l.add("debug: ", format, args...) }

// Infof keeps a line.
func (l *Lines) Infof(format string, args ...any) { l.add("info: ", format, args...) }

// Warnf keeps a line.
func (l *Lines) Warnf(format string, args ...any) { l.add("warn: ", format, args...) }

func (l *Lines) add(level, format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, level+fmt.Sprintf(format, args...))
}

// Has reports whether a line contains the text.
func (l *Lines) Has(part string) bool {
	return slices.ContainsFunc(l.All(), func(line string) bool { return strings.Contains(line, part) })
}

// All returns the lines so far.
func (l *Lines) All() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines)
}

// Stage is a stage that does what the test says. It is skipped if Reason is not empty.
type Stage struct {
	Name   string
	Do     func() error
	Reason string
}

// String is the stage's name.
func (s Stage) String() string { return s.Name }

// Run calls Do.
func (s Stage) Run(context.Context, *run.Run) error { return s.Do() }

// Skip returns Reason.
func (s Stage) Skip(*run.Run) string { return s.Reason }
