package report

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// Format is the form of the files that plots go to.
type Format string

// The formats. None draws nothing.
const (
	PNG  Format = "png"
	SVG  Format = "svg"
	None Format = "none"
)

// ParseFormat reads a format's name; empty is PNG.
func ParseFormat(name string) (Format, error) {
	if name == "" {
		return PNG, nil
	}
	all := []string{string(PNG), string(SVG), string(None)}
	if slices.Contains(all, name) {
		return Format(name), nil
	}
	return "", fail.Input("plots %q are not one of %s%s", name, strings.Join(all, ", "), fail.DidYouMean(name, all))
}

// Drawing draws plots on all processors, beside its caller. What is added to it is drawn in any order; the same data
// gives the same files.
type Drawing struct {
	ctx    context.Context
	format Format
	group  errgroup.Group
	all    []*plotFile
	failed error // why no more is added
}

// plotFile is a plot of a Drawing.
type plotFile struct {
	dir, name string
	skipped   string // why there is none; empty: there is
	written   bool   // only read once all are drawn
}

// NewDrawing starts a drawing. Where the context ends, it draws no further plot.
func NewDrawing(ctx context.Context, format Format) *Drawing {
	d := &Drawing{ctx: ctx, format: format}
	d.group.SetLimit(runtime.GOMAXPROCS(0))
	return d
}

// Plots says what was drawn and what was not.
type Plots struct {
	Files   []string // relative to their folders, in the order in which they were added
	Skipped []Skipped
}

// Skipped is a plot without data to draw.
type Skipped struct {
	File   string
	Reason string
}

// Wait returns when all plots are drawn. Nothing is added after it.
func (d *Drawing) Wait() (Plots, error) {
	err := errors.Join(d.failed, d.group.Wait())
	var out Plots
	for _, f := range d.all {
		switch {
		case f.skipped != "":
			out.Skipped = append(out.Skipped, Skipped{File: f.name, Reason: f.skipped})
		case f.written:
			out.Files = append(out.Files, f.name)
		}
	}
	return out, err
}

// add draws a figure into a file, or records why there is none: err is a fail.Skip then. Any other error, and the end
// of the context, ends the drawing. It waits while all processors draw.
func (d *Drawing) add(dir, name string, f figure, err error) {
	if d.format == None || d.failed != nil {
		return
	}
	at := &plotFile{dir: dir, name: d.format.file(name)}
	var skip fail.Skip
	switch cause := context.Cause(d.ctx); {
	case cause != nil:
		err = cause
	case errors.As(err, &skip):
		at.skipped = skip.Reason
		d.all = append(d.all, at)
		return
	}
	if err != nil {
		d.failed = fmt.Errorf("drawing %s: %w", at.name, err)
		return
	}
	d.all = append(d.all, at)
	d.group.Go(fail.Trying(func() error {
		if err := f.write(filepath.Join(at.dir, at.name), d.format); err != nil {
			return fmt.Errorf("drawing %s: %w", at.name, err)
		}
		at.written = true
		return nil
	}))
}

// file is the name of a plot's file, which is given as that of a PNG.
func (f Format) file(name string) string {
	return strings.TrimSuffix(name, "."+string(PNG)) + "." + string(f)
}

// Drawn finds a plot in a folder, in whatever format it was drawn, by the name of its PNG; empty if there is none.
func Drawn(dir, name string) string {
	for _, f := range []Format{PNG, SVG} {
		path := filepath.Join(dir, f.file(name))
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}
