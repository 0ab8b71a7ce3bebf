package experiment

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Position is a position in a file. Line and Column count from 1, and a column is a character. Line 0 means the whole
// file.
type Position struct {
	File         string
	Line, Column int
	Path         string // JSON path, e.g. SubExperiments[2].BurstSizes[0]; empty for the file as a whole
}

// String gives file:line:column: path, without the parts that are not known.
func (p Position) String() string {
	s := p.File
	if p.Line > 0 {
		s = fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
	}
	if p.Path != "" {
		s += ": " + p.Path
	}
	return s
}

// Problem is one error of an experiment file: where, what was found, what is allowed.
type Problem struct {
	Position
	Text string
}

// String gives the problem on one line.
func (p Problem) String() string { return p.Position.String() + ": " + p.Text }

// Problems are all the errors of one file, in the order of their places. It is the error that Load and Parse wrap with
// exit code 2.
type Problems struct{ List []Problem }

// Error lists the problems, one a line.
func (p *Problems) Error() string {
	var b strings.Builder
	for i, one := range p.List {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(one.String())
	}
	return b.String()
}

// WarningKind identifies a kind of warning for scripts.
type WarningKind string

// The warnings that are asked about before anything is deployed.
const (
	WarnBurstSize  WarningKind = "burst-size" // the client's network card may become the bottleneck
	WarnHistograms WarningKind = "histograms" // many sheets of histograms
	WarnFunctions  WarningKind = "functions"  // the plan deploys many functions
	WarnDuration   WarningKind = "duration"   // the IATs sum to more than a day
)

// Warning is something to be asked about before anything is deployed.
type Warning struct {
	Position
	Kind WarningKind
	Text string
}

// String gives the warning on one line.
func (w Warning) String() string { return w.Position.String() + ": " + w.Text }

// findings collects what a file's reading brings to light, each thing once: the expansion of a sweep meets the same
// value many times.
type findings struct {
	src      *source
	problems []Problem
	warnings []Warning
	notes    []Problem
	seen     map[finding]bool
}

type finding struct {
	off        int
	path, text string
}

func newFindings(src *source) *findings { return &findings{src: src, seen: map[finding]bool{}} }

func (f *findings) first(off int, path, text string) bool {
	k := finding{off, path, text}
	was := f.seen[k]
	f.seen[k] = true
	return !was
}

func (f *findings) position(off int, path string) Position {
	line, column := f.src.at(off)
	return Position{f.src.name, line, column, path}
}

// problem records an error.
func (f *findings) problem(off int, path, format string, args ...any) {
	if text := fmt.Sprintf(format, args...); f.first(off, path, text) {
		f.problems = append(f.problems, Problem{f.position(off, path), text})
	}
}

// note records something worth knowing that changes nothing for the caller.
func (f *findings) note(off int, path, format string, args ...any) {
	if text := fmt.Sprintf(format, args...); f.first(off, path, text) {
		f.notes = append(f.notes, Problem{f.position(off, path), text})
	}
}

// warn records something to be asked about; off < 0 means the file as a whole.
func (f *findings) warn(kind WarningKind, off int, path, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !f.first(off, path, text) {
		return
	}
	p := Position{File: f.src.name}
	if off >= 0 {
		p = f.position(off, path)
	}
	f.warnings = append(f.warnings, Warning{p, kind, text})
}

// err is nil, or all problems as one error.
func (f *findings) err() *Problems {
	if len(f.problems) == 0 {
		return nil
	}
	sortByPosition(f.problems)
	return &Problems{f.problems}
}

func (f *findings) noteTexts() []string {
	sortByPosition(f.notes)
	var texts []string
	for _, n := range f.notes {
		texts = append(texts, n.String())
	}
	return texts
}

func sortByPosition(ps []Problem) {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(a.Line-b.Line, a.Column-b.Column, strings.Compare(a.Path, b.Path), strings.Compare(a.Text,
			b.Text))
	})
}
