package build

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/singleflight"

	"stellar/raw-code/bootstraps"
	"stellar/src/fail"
	"stellar/src/run"
	"stellar/src/shell"
)

// Stage builds every distinct source of a run once, several at a time, and sets its BuildDir.
type Stage struct {
	Local    bool         // the functions run on this machine
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

// Check says which toolchains are missing, which function wants them and how to install them. It needs no more of a
// function than its name, language and architecture, and changes nothing.
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
		problems = append(problems, fmt.Errorf("function %s (sub-experiment %d, runtime %s): %w", fn.Name, fn.Sub, fn.Runtime, err))
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

// Run builds, or takes from the cache under r.CacheDir, what the functions' sources need.
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
	var once singleflight.Group // two sources can have the same content
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.NumCPU())
	for _, src := range sources {
		if src.Dockerfile != "" {
			src.BuildDir = src.Dir
			if src.Build, err = cacheKey(src, Inputs{}); err != nil {
				return err
			}
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
			dir, err := one(ctx, b, store, src, &once, r.Log)
			if err != nil {
				return err
			}
			src.BuildDir, src.Build = dir, filepath.Base(filepath.Dir(dir))
			if l, ok := b.(Looper); ok && src.ForImage {
				src.LoopDir, err = loop(ctx, b, l, store, &once)
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

// one returns the folder of a source's build.
func one(ctx context.Context, b Builder, store cache, src *run.Source, once *singleflight.Group, log run.Logger) (string, error) {
	in, err := b.Inputs(ctx, src)
	if err != nil {
		return "", err
	}
	key, err := cacheKey(src, in)
	if err != nil {
		return "", err
	}
	label := fmt.Sprintf("%s (%s, %s)", src.Key, cmp.Or(src.Runtime, src.Language), src.Architecture)
	dir, err, _ := once.Do(key, func() (any, error) {
		if dir, ok := store.get(key); ok {
			log.Infof("%s: built before, from the cache", label)
			return dir, nil
		}
		start := time.Now()
		dir, err := store.put(key, func(out string) error { return b.Build(ctx, src, out) })
		if err == nil {
			log.Infof("%s: built with %s in %v", label, in.Toolchain, time.Since(start).Round(10*time.Millisecond))
		}
		return dir, err
	})
	if err != nil {
		return "", err
	}
	return dir.(string), nil
}

// loop returns the folder of a language's loop, made once for a toolchain and this version of the loop.
func loop(ctx context.Context, b Builder, l Looper, store cache, once *singleflight.Group) (string, error) {
	version, err := b.Version(ctx)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	fmt.Fprintf(sum, "loop 1\n%q %q %q", b.Language(), version, bootstraps.Digest())
	key := "loop-" + b.Language() + "-" + hex.EncodeToString(sum.Sum(nil))
	dir, err, _ := once.Do(key, func() (any, error) {
		if dir, ok := store.get(key); ok {
			return dir, nil
		}
		return store.put(key, func(out string) error { return l.Loop(ctx, out) })
	})
	if err != nil {
		return "", err
	}
	return dir.(string), nil
}
