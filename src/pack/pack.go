// Package pack makes what is deployed: ZIP files, images, folders of modules and of sources. It adds filler to a
// build's files, up to the exact size that was asked for.
package pack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	"golang.org/x/sync/errgroup"

	"github.com/vhive-serverless/STeLLAR/src/bytesize"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/shell"
)

// Stage writes every distinct package of a run, and sets its size, the size of its code, and its hash. Equal inputs
// make equal bytes of a ZIP file.
type Stage struct {
	Getenv func(string) string // where the Engine and the registries' credentials are looked for; nil: nowhere
	Runner shell.Runner        // nil: shell.Run
	Local  bool                // functions run on this machine: images need no registry
	// Rebuild has the steps of users' Dockerfiles run anew, too, instead of taking them from the Engine's cache.
	Rebuild bool

	builds bool // the Engine builds all images, also where it could load them; for tests
}

func (s *Stage) getenv(name string) string {
	if s.Getenv == nil {
		return ""
	}
	return s.Getenv(name)
}

func (Stage) String() string { return "writing packages" }

// most packages written at once: more are not faster on a disk, and each holds a few MiB of buffers.
const mostAtOnce = 8

// job is one package to write.
type job struct {
	pkg    *run.Package
	layout layout
}

// Run writes the packages. If some sizes are smaller than their code, one error names them all, and nothing is written.
func (s Stage) Run(ctx context.Context, r *run.Run) error {
	packages, images, modules, sources, err := distinct(r)
	if err != nil {
		return err
	}
	if len(sources) > 0 {
		if err := packSources(ctx, r, sources); err != nil {
			return err
		}
	}
	if len(modules) > 0 {
		if err := packModules(ctx, r, modules); err != nil {
			return err
		}
	}
	if len(packages) > 0 {
		if err := zipAll(ctx, r, packages); err != nil {
			return err
		}
	}
	if len(images) > 0 {
		return s.runImages(ctx, r, images)
	}
	return nil
}

func zipAll(ctx context.Context, r *run.Run, packages []*run.Package) error {
	codes, err := compressAll(ctx, r, packages)
	defer func() {
		for _, c := range codes {
			c.close()
		}
	}()
	if err != nil {
		return err
	}
	jobs, err := plan(packages, codes)
	if err != nil {
		return err
	}
	if err := checkSpace(jobs); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(min(runtime.GOMAXPROCS(0), mostAtOnce))
	for _, j := range jobs {
		group.Go(fail.Trying(func() error {
			if err := write(ctx, j); err != nil {
				return err
			}
			r.Log.Infof("package %s: %s, %s of it code", j.pkg.Name, j.pkg.Bytes.Fixed(2), j.pkg.CodeBytes.Fixed(2))
			return nil
		}))
	}
	return group.Wait()
}

// distinct lists the packages in the functions' order: ZIP files, images, folders of modules, folders of sources.
func distinct(r *run.Run) (zips, images, modules, sources []*run.Package, err error) {
	at := map[string]*run.Package{}
	for _, fn := range r.Functions {
		p := fn.Package
		switch {
		case p == nil || p.Source == nil || p.Name == "" || p.Type != typeImage && p.Path == "":
			return nil, nil, nil, nil, fmt.Errorf("packaging function %s: its package has not been generated", fn.Name)
		case p.Source.BuildDir == "":
			return nil, nil, nil, nil, fmt.Errorf("packaging function %s: its source %s has not been built", fn.Name,
				p.Source.Key)
		case at[p.Name] == p:
			continue
		case at[p.Name] != nil:
			return nil, nil, nil, nil, fmt.Errorf("packaging function %s: another package is called %s", fn.Name,
				p.Name)
		}
		at[p.Name] = p
		switch p.Type {
		case typeImage:
			images = append(images, p)
		case run.PackageModules:
			modules = append(modules, p)
		case run.PackageSource:
			sources = append(sources, p)
		default:
			zips = append(zips, p)
		}
	}
	return zips, images, modules, sources, nil
}

const typeImage = "Image"

// selection decides a package's code: packages with the same selection share one compression.
type selection struct {
	source  *run.Source
	pattern string
}

func selectionOf(p *run.Package) selection {
	return selection{p.Source, cmp.Or(p.Pattern, "**")}
}

// compressAll compresses each distinct selection once. The caller closes the result, also after an error.
func compressAll(ctx context.Context, r *run.Run, packages []*run.Package) (map[selection]*code, error) {
	if err := os.MkdirAll(r.WorkDir, 0o755); err != nil {
		return nil, fmt.Errorf("making the run's work folder: %w", err)
	}
	codes := map[selection]*code{}
	for _, p := range packages {
		codes[selectionOf(p)] = &code{}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(min(runtime.GOMAXPROCS(0), mostAtOnce))
	for sel, c := range codes {
		group.Go(fail.Trying(func() error {
			files, err := selectFiles(sel, r.Log)
			if err != nil {
				return err
			}
			err = c.compress(ctx, r.WorkDir, files)
			if diskFull(err) {
				return fail.With(fail.CodeFailed, "compressing %s: %w", sel.source.BuildDir, err).
					WithHint("free some space on the disk of %s", r.WorkDir)
			}
			if err != nil {
				return fmt.Errorf("compressing %s: %w", sel.source.BuildDir, err)
			}
			return nil
		}))
	}
	return codes, group.Wait()
}

// plan makes the layout of every package.
func plan(packages []*run.Package, codes map[selection]*code) ([]job, error) {
	var jobs []job
	var problems []error
	var largest bytesize.Size
	for _, p := range packages {
		c := codes[selectionOf(p)]
		l, err := arrange(c.entries, p.TargetBytes, p.Placement, p.Seed)
		if errors.Is(err, errTooSmall) {
			size := bytesize.Size(layout{entries: c.entries}.size())
			largest = max(largest, size)
			err = fmt.Errorf("package %s: the code alone is %s, more than the %s asked for", p.Name, size.Exact(),
				p.TargetBytes.Exact())
		} else if err != nil {
			err = fmt.Errorf("package %s of %s: %w", p.Name, p.TargetBytes.Exact(), err)
		}
		if err != nil {
			problems = append(problems, err)
			continue
		}
		jobs = append(jobs, job{p, l})
	}
	if len(problems) == 0 {
		return jobs, nil
	}
	e := fail.Input("%w", errors.Join(problems...))
	if largest > 0 {
		// Rounded up, so that the number works when it is written into the file.
		e = e.WithHint("set FunctionImageSizeMB to 0 (as built) or at least %.2f; in an invocation-overhead, "+
			"CodePackageBegin to at least %d", largest.MiB()+0.01, int64(largest))
	}
	return nil, e
}

// checkSpace compares the size of all packages with the free space of the disk, before the first byte is written.
func checkSpace(jobs []job) error {
	need := map[string]bytesize.Size{}
	for _, j := range jobs {
		dir := filepath.Dir(j.pkg.Path)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("making the folder of the packages: %w", err)
		}
		need[dir] += bytesize.Size(j.layout.size())
	}
	for dir, n := range need {
		if free, ok := freeBytes(dir); ok && free < n {
			return noSpace(&fs.PathError{Op: "write", Path: dir, Err: syscall.ENOSPC}, dir, n, free)
		}
	}
	return nil
}

// diskFull reports whether a file could not be written because the disk is full.
func diskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// noSpace says how much space is missing on the disk of dir. It wraps cause, with the path that could not be written.
func noSpace(cause error, dir string, need, free bytesize.Size) error {
	missing := ""
	if need > free {
		missing = fmt.Sprintf(", %s are missing", (need - free).Fixed(2))
	}
	return fail.With(fail.CodeFailed, "the packages need %s and the disk of %s has %s left%s: %w", need.Fixed(2), dir,
		free.Fixed(2), missing, cause).
		WithHint("free some space, or write the results to another disk with --output")
}
