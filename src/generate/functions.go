// Package generate renders function code from raw-code/, or uses the user's own folder, and writes the files that the
// provider's CLI reads. What depends on a vendor comes from the given row of the table of providers.
package generate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	rawcode "github.com/vhive-serverless/STeLLAR/raw-code"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// Functions is the stage that gives every function of a run its source and the identity of its package.
type Functions struct {
	Row provider.Provider // the run's provider
}

func (Functions) String() string { return "generating function code" }

// Check reports what Run would refuse, before anything is built.
func (f Functions) Check(_ context.Context, r *run.Run) error { return Check(r, f.Row) }

// Run fills Source, Package and Handler of r.Functions and renders the measurement function under r.WorkDir/src. Equal
// functions share one Source and one Package. It adds to Env what the measurement function reads: STELLAR_FILLER_READ,
// and STELLAR_TIMEOUT_SECONDS for images.
func (f Functions) Run(ctx context.Context, r *run.Run) error {
	if len(r.Functions) == 0 {
		return fail.Skip{Reason: "the experiment deploys no functions"}
	}
	v := vendorOf(f.Row)
	codes, err := resolveAll(r, v)
	if err != nil {
		return err
	}
	v.note(r)
	sources, packages := map[string]*run.Source{}, map[string]*run.Package{}
	for i, fn := range r.Functions {
		if err := ctx.Err(); err != nil {
			return err
		}
		c := codes[i]
		mark(fn, c)
		src := sources[c.key]
		if src == nil {
			src = newSource(r, fn, c, v)
			if c.generated {
				if err := render(src, v.language(fn), v.adaptation(fn)); err != nil {
					return fmt.Errorf("rendering the function %s: %w", src.Key, err)
				}
			}
			if err := v.putBeside(r, src, fn); err != nil {
				return fmt.Errorf("writing the files beside the function %s: %w", src.Key, err)
			}
			if c.entry != "" {
				r.Log.Infof("%s: no Handler is named: %s, which is in %s", src.Key, c.handler, c.entry)
			}
			sources[c.key] = src
		}
		fn.Source, fn.Handler = src, c.handler
		src.Unbuilt = v.adaptation(fn).Source
		src.ForImage = src.ForImage || fn.PackageType == "Image" && c.dockerfile == ""
		setEnv(r, fn)
		p := newPackage(r, fn, v)
		if known := packages[p.Name]; known != nil {
			p = known
		}
		packages[p.Name] = p
		fn.Package = p
	}
	return nil
}

// Check says all that is wrong with the functions that the experiment names: unknown ones, missing folders, languages
// that do not fit the runtime. It writes nothing.
//
// It marks functions of ours, and those that a Dockerfile makes (run.LanguageDocker), so that no compiler is asked for.
func Check(r *run.Run, row provider.Provider) error {
	codes, err := resolveAll(r, vendorOf(row))
	for i, fn := range r.Functions {
		mark(fn, codes[i])
	}
	return err
}

func mark(fn *run.Function, c code) {
	fn.Generated = c.generated
	if c.handler != "" {
		fn.Handler = c.handler
	}
	if c.dockerfile != "" {
		fn.Language = run.LanguageDocker
	}
}

// Mistake is an error in the code of a function that the experiment names.
type Mistake struct {
	Sub   int    // index of the sub-experiment
	Key   string // of the experiment file, the one to blame: Function, Handler or Runtime
	Err   error
	Known bool // published experiments name this function, whose code is not part of stellar
}

// Mistakes returns what Check reports, one by one, each with the key that causes it. It writes nothing.
func Mistakes(r *run.Run, row provider.Provider) []Mistake {
	_, all := mistakes(r, vendorOf(row))
	return all
}

// mistakes resolves every function; each mistake is reported once, however many functions share it.
func mistakes(r *run.Run, v vendor) ([]code, []Mistake) {
	codes := make([]code, len(r.Functions))
	var all []Mistake
	told, looked := map[string]bool{}, contents{}
	for i, fn := range r.Functions {
		c, err := resolve(r, fn, v, looked)
		codes[i] = c
		if err == nil {
			continue
		}
		if text := fmt.Sprintf("%d %v", fn.Sub, err); !told[text] {
			told[text] = true
			m := Mistake{Sub: fn.Sub, Key: "Handler", Err: err,
				Known: published(r.Experiment.SubExperiments[fn.Sub].Function)}
			if k := (*provider.KeyError)(nil); errors.As(err, &k) {
				m.Key = k.Key
			}
			all = append(all, m)
		}
	}
	return codes, all
}

// resolveAll resolves every function, or says all that is wrong in one error.
func resolveAll(r *run.Run, v vendor) ([]code, error) {
	codes, all := mistakes(r, v)
	if len(all) == 0 {
		return codes, nil
	}
	faults := make([]error, len(all))
	for i, m := range all {
		faults[i] = fmt.Errorf("sub-experiment %d: %w", m.Sub, m.Err)
	}
	return codes, fail.Input("%w", errors.Join(faults...)).WithHint("%s", fail.Hint(all[0].Err))
}

func newSource(r *run.Run, fn *run.Function, c code, v vendor) *run.Source {
	dir := c.dir
	if c.generated {
		dir = filepath.Join(r.WorkDir, "src", c.key)
	}
	return &run.Source{Key: c.key, Dir: dir, Language: fn.Language, Runtime: fn.Runtime, Handler: c.handler,
		LocalHandler: localHandler(fn, c, v), Architecture: fn.Architecture, Generated: c.generated,
		Dockerfile: c.dockerfile}
}

// localHandler is the entry point for the local platform. The measurement function has one beside an adapter; a user's
// function in a provider's own form cannot run there.
func localHandler(fn *run.Function, c code, v vendor) string {
	switch {
	case c.generated && v.adaptation(fn).Package != "":
		return "" // no program any more
	case c.generated:
		return v.language(fn).handler
	case v.hasForm():
		return ""
	}
	return c.handler
}

// render writes the measurement function in the source's language, without its tests, as a package of its own.
func render(src *run.Source, lang language, a provider.Adaptation) error {
	roots := lang.from
	if len(roots) == 0 {
		roots = []string{path.Join("measure", src.Language)}
	}
	for _, from := range roots {
		if err := renderTree(src.Dir, from); err != nil {
			return err
		}
	}
	for name, text := range lang.extra {
		if err := writeFile(filepath.Join(src.Dir, name), []byte(text)); err != nil {
			return err
		}
	}
	return renderAdapter(src.Dir, a)
}

// renderTree copies a folder of raw-code/, or one file of it.
func renderTree(dir, from string) error {
	return fs.WalkDir(rawcode.FS, from, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(name, "_test.go") {
			return err
		}
		text, err := fs.ReadFile(rawcode.FS, name)
		if err != nil {
			return err
		}
		rel := strings.TrimPrefix(name, from+"/")
		if name == from {
			rel = path.Base(name)
		}
		if stem, ok := strings.CutSuffix(rel, goText); ok {
			rel = stem + ".go"
		}
		return writeFile(filepath.Join(dir, filepath.FromSlash(rel)), text)
	})
}

func writeFile(name string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, text, 0o644)
}

// setEnv passes the experiment's settings for its start to a function.
func setEnv(r *run.Run, fn *run.Function) {
	if fn.Env == nil {
		fn.Env = map[string]string{}
	}
	if r.Experiment.SubExperiments[fn.Sub].FillerRead {
		fn.Env["STELLAR_FILLER_READ"] = "1"
	}
	if fn.PackageType == "Image" && fn.TimeoutSeconds > 0 {
		// Behind plain HTTP no header has the deadline.
		fn.Env["STELLAR_TIMEOUT_SECONDS"] = fmt.Sprint(fn.TimeoutSeconds)
	}
}
