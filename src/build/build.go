// Package build turns function sources into the files of their packages, with one builder per language, each distinct
// build once, kept in a cache by content.
package build

import (
	"context"
	"errors"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/shell"
)

// Builder builds functions of one language. It writes only to the folder that it is given; a source is only read.
type Builder interface {
	// Language is the name that run.Source uses: go, python.
	Language() string
	// Check reports whether the toolchain is installed and new enough; the error's hint says how to install it.
	Check(ctx context.Context) error
	// Version is the toolchain's version, as the toolchain prints it.
	Version(ctx context.Context) (string, error)
	// Inputs lists everything that decides what Build makes, except the content of src.Dir.
	Inputs(ctx context.Context, src *run.Source) (Inputs, error)
	// Build writes the files of the package into out, an empty folder. A source that does not build is bad input (exit
	// code 2); the error holds the compiler's last lines.
	Build(ctx context.Context, src *run.Source, out string) (Made, error)
}

// Made is what a build reports about its result.
type Made struct {
	Installed []run.Installed // packages that came from elsewhere, by name
	// Floating says why another build of the same inputs could have another result: nothing pins what is installed.
	// Such a build is repeated for each run. Empty: the inputs decide the result.
	Floating string
}

// Looper is a Builder for a language that needs our loop, which asks the Runtime API, in images on a plain base.
type Looper interface {
	// Loop writes the loop's files into out, an empty folder that becomes /opt/stellar of an image. It may use the
	// toolchain. What it writes depends only on the toolchain and this program.
	Loop(ctx context.Context, out string) error
}

// Inputs are what a build depends on besides its source folder. Equal inputs and equal sources make equal files.
type Inputs struct {
	Toolchain string   // name and version
	Settings  []string // target, flags
	Dirs      []string // further folders whose files are compiled in, absolute
	Files     []string // further files that are read, absolute; one that is not there counts as such
	Variables []string // what enters from the user's environment and configuration; may hold secrets, is only hashed
}

// Options are common to all builders.
type Options struct {
	Local  bool         // build for this machine's operating system rather than for the cloud's, which is Linux
	Runner shell.Runner // nil: shell.Run
	Log    run.Logger   // nil: silent
}

func (o Options) run(ctx context.Context, c shell.Command) (shell.Result, error) {
	if o.Log != nil && c.Line == nil {
		c.Line = func(line string) { o.Log.Debugf("%s: %s", c.Name, line) }
	}
	if o.Runner != nil {
		return o.Runner(ctx, c)
	}
	return shell.Run(ctx, c)
}

func (o Options) warnf(format string, args ...any) {
	if o.Log != nil {
		o.Log.Warnf(format, args...)
	}
}

// Builders is the table of languages.
func Builders(o Options) []Builder {
	return []Builder{Go{o}, Python{o}, Node{o}, Java{o}, Ruby{o}, Rust{o}, Workers{o}}
}

func builderFor(all []Builder, language string) (Builder, error) {
	for _, b := range all {
		if b.Language() == language {
			return b, nil
		}
	}
	return nil, fail.Unsupported("building %s functions: there is no builder for them", language)
}

// badSource makes the error of a source that does not build. It returns nil and the error of an interrupted build
// unchanged.
func badSource(ctx context.Context, src *run.Source, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	e := fail.Input("building the %s function in %s: %w", src.Language, src.Dir, err)
	var inner *fail.Error
	if errors.As(err, &inner) {
		e.Output, e.Hint = inner.Output, inner.Hint
	}
	return e
}
