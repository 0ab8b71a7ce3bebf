package build

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/vhive-serverless/STeLLAR/raw-code/bootstraps"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/shell"
)

// Stage builds every distinct source of a run once, several at a time, and sets its BuildDir.
type Stage struct {
	Local    bool         // the functions run on this machine
	Rebuild  bool         // take nothing from the cache, and replace what lies there
	Runner   shell.Runner // nil: shell.Run
	Builders []Builder    // nil: all of them
}

func (Stage) String() string { return "building functions" }

func (s Stage) builders(r *run.Run) []Builder {
	if s.Builders != nil {
		return s.Builders
	}
	return Builders(Options{Local: s.Local, Runner: s.Runner, Log: r.Log})
}

// Check reports which toolchains are missing, which function needs them and how to install them. It needs only a
// function's name, language and architecture, and changes nothing.
func (s Stage) Check(ctx context.Context, r *run.Run) error {
	all := s.builders(r)
	asked := map[string]bool{}
	var problems []error
	var hints []string
	for _, fn := range r.Functions {
		if asked[fn.Language] || fn.Language == run.LanguageDocker {
			continue
		}
		asked[fn.Language] = true
		b, err := builderFor(all, fn.Language)
		if err == nil {
			err = b.Check(ctx)
		}
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			return err
		}
		problems = append(problems, fmt.Errorf("function %s (sub-experiment %d, runtime %s): %w", fn.Name, fn.Sub,
			fn.Runtime, err))
		var e *fail.Error
		if errors.As(err, &e) && e.Hint != "" {
			hints = append(hints, e.Hint)
		}
	}
	if len(problems) == 0 {
		return nil
	}
	return fail.Input("%w", errors.Join(problems...)).WithHint("%s", strings.Join(hints, "; "))
}

// Run builds what the functions' sources need, or takes it from the cache under r.CacheDir.
func (s Stage) Run(ctx context.Context, r *run.Run) error {
	sources, err := distinct(r)
	if err != nil {
		return err
	}
	store := cache{filepath.Join(r.CacheDir, "builds")}
	if n := store.prune(time.Now()); n > 0 {
		r.Log.Debugf("removed %d builds that no run has used for 30 days", n)
	}
	all := s.builders(r)
	m := &maker{cache: store, rebuild: s.Rebuild, log: r.Log, made: map[string]*oneBuild{}}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.NumCPU())
	for _, src := range sources {
		if src.Dockerfile != "" {
			src.BuildDir = src.Dir // its result is named by pack, which knows the context and the base
			continue
		}
		group.Go(fail.Trying(func() error {
			b, err := builderFor(all, src.Language)
			if err == nil && src.Unbuilt {
				b, err = shipped(b)
			}
			if err != nil {
				return err
			}
			if err := m.build(ctx, b, src); err != nil {
				return err
			}
			if l, ok := b.(Looper); ok && src.ForImage {
				src.LoopDir, err = m.loop(ctx, b, l)
			}
			return err
		}))
	}
	return group.Wait()
}

// distinct lists the sources in the functions' order.
func distinct(r *run.Run) ([]*run.Source, error) {
	var sources []*run.Source
	for _, fn := range r.Functions {
		if fn.Source == nil {
			return nil, fmt.Errorf("building function %s: its source has not been generated", fn.Name)
		}
		if !slices.Contains(sources, fn.Source) {
			sources = append(sources, fn.Source)
		}
	}
	return sources, nil
}

// maker makes each build of a run once.
type maker struct {
	cache
	rebuild bool
	log     run.Logger
	mu      sync.Mutex
	made    map[string]*oneBuild // by key: two sources can have the same content
}

type oneBuild struct {
	once sync.Once
	entry
	err error
}

// do runs make for the first caller with the key; all callers get its result.
func (m *maker) do(key string, make func() (entry, error)) (entry, error) {
	m.mu.Lock()
	one := m.made[key]
	if one == nil {
		one = &oneBuild{}
		m.made[key] = one
	}
	m.mu.Unlock()
	one.once.Do(func() { one.entry, one.err = make() })
	return one.entry, one.err
}

// build sets the result of a source's build.
func (m *maker) build(ctx context.Context, b Builder, src *run.Source) error {
	in, err := b.Inputs(ctx, src)
	if err != nil {
		return err
	}
	key, err := cacheKey(src, in)
	if err != nil {
		return err
	}
	label := fmt.Sprintf("%s (%s, %s)", src.Key, cmp.Or(src.Runtime, src.Language), src.Architecture)
	e, err := m.do(key, func() (entry, error) {
		if e, ok := m.get(key); ok && !m.rebuild {
			m.log.Infof("%s: taken from the cache", label)
			return e, nil
		}
		start := time.Now()
		e, err := m.put(key, m.rebuild, func(out string) (Made, error) {
			made, err := b.Build(ctx, src, out)
			if err != nil {
				return made, err
			}
			return made, dropCredentials(src, out, m.log)
		})
		if err != nil {
			return e, err
		}
		m.log.Infof("%s: built with %s in %v", label, in.Toolchain, time.Since(start).Round(10*time.Millisecond))
		if e.floating != "" {
			m.log.Infof("%s: built again for each run: %s", label, e.floating)
		}
		return e, nil
	})
	if err != nil {
		return err
	}
	src.BuildDir, src.Build, src.Toolchain = e.files, e.key, in.Toolchain
	src.Installed, src.FromCache, src.Reads = e.installed, e.found, readOutside(src, in)
	return nil
}

// readOutside lists what a build reads outside of its source's folder, as far as it is there.
func readOutside(src *run.Source, in Inputs) (paths []string) {
	for _, at := range slices.Concat(in.Dirs, in.Files) {
		rel, err := filepath.Rel(src.Dir, at)
		if _, serr := os.Stat(at); err == nil && serr == nil && !filepath.IsLocal(rel) && !slices.Contains(paths, at) {
			paths = append(paths, at)
		}
	}
	return paths
}

// loop returns the folder of a language's loop, made once for a toolchain and this version of the loop.
func (m *maker) loop(ctx context.Context, b Builder, l Looper) (string, error) {
	version, err := b.Version(ctx)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	fmt.Fprintf(sum, "loop 1\n%q %q %q", b.Language(), version, bootstraps.Digest())
	key := "loop-" + b.Language() + "-" + hex.EncodeToString(sum.Sum(nil))
	e, err := m.do(key, func() (entry, error) {
		if e, ok := m.get(key); ok && !m.rebuild {
			return e, nil
		}
		return m.put(key, m.rebuild, func(out string) (Made, error) { return Made{}, l.Loop(ctx, out) })
	})
	return e.files, err
}
