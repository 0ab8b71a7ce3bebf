package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/run/runtest"
)

// copier is a builder that counts.
type copier struct {
	lang  string
	check error
	made  *atomic.Int64
	says  Made
}

var _ Builder = copier{}

func (c copier) Language() string                      { return c.lang }
func (c copier) Check(context.Context) error           { return c.check }
func (copier) Version(context.Context) (string, error) { return "copier 1", nil }
func (copier) Inputs(context.Context, *run.Source) (Inputs, error) {
	return Inputs{Toolchain: "copier 1"}, nil
}
func (c copier) Build(_ context.Context, src *run.Source, out string) (Made, error) {
	c.made.Add(1)
	files, err := tree(src.Dir)
	for _, f := range files {
		err = errors.Join(err, copyFile(f, filepath.Join(out, f.rel)))
	}
	return c.says, err
}

func newRun(cache string, sources ...*run.Source) (*run.Run, *runtest.Lines) {
	log := &runtest.Lines{}
	r := &run.Run{CacheDir: cache, Log: log}
	for i, s := range sources {
		fn := &run.Function{Name: fmt.Sprintf("f%d-0", i), Sub: i, Language: "go", Architecture: runtime.GOARCH,
			Source: s}
		if s != nil {
			fn.Language, fn.Runtime = s.Language, s.Runtime
		}
		r.Functions = append(r.Functions, fn)
	}
	return r, log
}

func TestStageBuildsOnceAndCaches(t *testing.T) {
	store, made := t.TempDir(), &atomic.Int64{}
	stage := Stage{Builders: []Builder{copier{lang: "go", made: made}}}
	dir := folder(t, map[string]string{"a/main.go": "1"})
	same := folder(t, map[string]string{"a/main.go": "1"})
	other := folder(t, map[string]string{"a/main.go": "2"})
	shared := goSource(dir)
	r, _ := newRun(store, shared, shared, goSource(same), goSource(other))
	if err := stage.Run(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if made.Load() != 2 {
		t.Errorf("%d builds of two distinct contents", made.Load())
	}
	built := r.Functions[0].Source.BuildDir
	if built != r.Functions[2].Source.BuildDir || built == r.Functions[3].Source.BuildDir ||
		!strings.HasPrefix(built, store) {
		t.Errorf("%s, %s, %s", built, r.Functions[2].Source.BuildDir, r.Functions[3].Source.BuildDir)
	}
	info, err := os.Stat(filepath.Join(built, "a", "main.go"))
	if err != nil || info.Mode().Perm() != 0o444 {
		t.Errorf("what lies in the cache is read only: %v, %v", info, err)
	}
	again, log := newRun(store, goSource(dir))
	if err := stage.Run(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	if made.Load() != 2 || again.Functions[0].Source.BuildDir != built || !log.Has("from the cache") {
		t.Errorf("%d builds, %q", made.Load(), log.All())
	}
}

func TestDamagedEntriesAreBuiltAgain(t *testing.T) {
	damages := map[string]func(entry string) error{
		"changed":        func(e string) error { return rewrite(filepath.Join(e, "files", "main.go"), "2") },
		"missing":        func(e string) error { return os.Remove(filepath.Join(e, "files", "main.go")) },
		"added":          func(e string) error { return rewrite(filepath.Join(e, "files", "more.go"), "") },
		"mode":           func(e string) error { return os.Chmod(filepath.Join(e, "files", "main.go"), 0o755) },
		"no manifest":    func(e string) error { return os.Remove(filepath.Join(e, "manifest.json")) },
		"empty manifest": func(e string) error { return rewrite(filepath.Join(e, "manifest.json"), "") },
		"no list":        func(e string) error { return rewrite(filepath.Join(e, "manifest.json"), "{}") },
		"link": func(e string) error {
			return errors.Join(os.Remove(filepath.Join(e, "files", "main.go")),
				os.Symlink("/dev/null", filepath.Join(e, "files", "main.go")))
		},
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			store, made := t.TempDir(), &atomic.Int64{}
			stage := Stage{Builders: []Builder{copier{lang: "go", made: made}}}
			dir := folder(t, map[string]string{"main.go": "1"})
			for range 2 {
				r, _ := newRun(store, goSource(dir))
				if err := stage.Run(t.Context(), r); err != nil {
					t.Fatal(err)
				}
				b, err := os.ReadFile(filepath.Join(r.Functions[0].Source.BuildDir, "main.go"))
				if err != nil || string(b) != "1" {
					t.Fatalf("%q, %v", b, err)
				}
				if err := damage(filepath.Dir(r.Functions[0].Source.BuildDir)); err != nil {
					t.Fatal(err)
				}
			}
			if made.Load() != 2 {
				t.Errorf("%d builds", made.Load())
			}
		})
	}
}

func rewrite(path, text string) error {
	_ = os.Chmod(path, 0o644)
	return os.WriteFile(path, []byte(text), 0o444)
}

func TestConcurrentProcessesShareTheCache(t *testing.T) {
	store, made := t.TempDir(), &atomic.Int64{}
	dir := folder(t, map[string]string{"main.go": "1"})
	var wg sync.WaitGroup
	for range 16 { // separate stages share only the folder, as processes do
		wg.Go(func() {
			r, _ := newRun(store, goSource(dir))
			if err := (Stage{Builders: []Builder{copier{lang: "go", made: made}}}).Run(t.Context(), r); err != nil {
				t.Error(err)
				return
			}
			if _, err := os.Stat(filepath.Join(r.Functions[0].Source.BuildDir, "main.go")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	entries, err := os.ReadDir(filepath.Join(store, "builds"))
	if err != nil || len(entries) != 1 {
		t.Errorf("left in the cache: %v, %v", entries, err)
	}
}

func TestFailedBuildLeavesNothing(t *testing.T) {
	store := t.TempDir()
	r, _ := newRun(store,
		goSource(folder(t, map[string]string{"go.mod": goMod, "main.go": "package main\nfunc main() {\n"})))
	err := (Stage{}).Run(t.Context(), r)
	var e *fail.Error
	if !errors.As(err, &e) || e.Code != fail.CodeInput || !strings.Contains(e.Output, "main.go:3") {
		t.Errorf("%v\n%+v", err, e)
	}
	entries, err := os.ReadDir(filepath.Join(store, "builds"))
	if err != nil || len(entries) != 0 {
		t.Errorf("%v, %v", entries, err)
	}
	if r.Functions[0].Source.BuildDir != "" {
		t.Error("a failed build has a folder")
	}
}

func TestBuildThatMakesNothing(t *testing.T) {
	r, _ := newRun(t.TempDir(), goSource(t.TempDir()))
	err := Stage{Builders: []Builder{copier{lang: "go", made: &atomic.Int64{}}}}.Run(t.Context(), r)
	if err == nil || !strings.Contains(err.Error(), "made no file") {
		t.Error(err)
	}
}

func TestStageErrors(t *testing.T) {
	r, _ := newRun(t.TempDir(), nil)
	if err := (Stage{}).Run(t.Context(), r); err == nil || !strings.Contains(err.Error(), "f0-0") {
		t.Errorf("no source: %v", err)
	}
	src := goSource(folder(t, map[string]string{"x": ""}))
	src.Language = "cobol"
	r, _ = newRun(t.TempDir(), src)
	if err := (Stage{}).Run(t.Context(), r); !errors.Is(err, fail.ErrUnsupported) {
		t.Errorf("unknown language: %v", err)
	}
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	r, _ = newRun(blocked, goSource(folder(t, map[string]string{"x": ""})))
	var e *fail.Error
	err := Stage{Builders: []Builder{copier{lang: "go", made: &atomic.Int64{}}}}.Run(t.Context(), r)
	if !errors.As(err, &e) || !strings.Contains(e.Hint, "STELLAR_CACHE_DIR") {
		t.Errorf("cache in the way: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, _ = newRun(t.TempDir(), goSource(folder(t, map[string]string{"go.mod": goMod, "main.go": goMain})))
	if err := (Stage{}).Run(ctx, r); !errors.Is(err, context.Canceled) || fail.Code(err) == fail.CodeInput {
		t.Errorf("cancelled: %v", err)
	}
}

func TestCheckNamesAllThatIsMissing(t *testing.T) {
	py := pythonSource("")
	r, _ := newRun("", goSource(""), goSource(""), py)
	ok := copier{lang: "go"}
	missing := copier{lang: "python", check: fail.Input("python3: %w", exec.ErrNotFound).WithHint("install it")}
	err := Stage{Builders: []Builder{ok, missing}}.Check(t.Context(), r)
	var e *fail.Error
	if !errors.As(err, &e) || e.Code != fail.CodeInput || e.Hint != "install it" ||
		!strings.Contains(err.Error(), "function f2-0 (sub-experiment 2, runtime python3.13)") ||
		!errors.Is(err, exec.ErrNotFound) {
		t.Errorf("%v, %+v", err, e)
	}
	err = Stage{Builders: []Builder{missing}}.Check(t.Context(), r)
	if !errors.Is(err, fail.ErrUnsupported) || !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("both problems at once: %v", err)
	}
}

func TestPrune(t *testing.T) {
	c := cache{t.TempDir()}
	for _, key := range []string{"old", "new"} {
		if _, err := c.put(key, false, func(out string) (Made, error) {
			return Made{},
				os.WriteFile(filepath.Join(out, "f"), nil, 0o644)
		}); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range []string{"broken", tempPrefix + "killed", trashPrefix + "killed", tempPrefix + "busy"} {
		if err := os.Mkdir(filepath.Join(c.dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	past := time.Now().Add(-31 * 24 * time.Hour)
	for _, path := range []string{filepath.Join("old", manifestName), "broken", tempPrefix + "killed",
		trashPrefix + "killed"} {
		if err := os.Chtimes(filepath.Join(c.dir, path), past, past); err != nil {
			t.Fatal(err)
		}
	}
	if n := c.prune(time.Now()); n != 2 {
		t.Errorf("%d pruned", n)
	}
	left, err := os.ReadDir(c.dir)
	if err != nil || len(left) != 2 || left[0].Name() != tempPrefix+"busy" || left[1].Name() != "new" {
		t.Errorf("%v, %v", left, err)
	}
	if _, ok := c.get("new"); !ok {
		t.Error("the entry in use is gone")
	}
	if n := (cache{filepath.Join(c.dir, "none")}).prune(time.Now()); n != 0 {
		t.Errorf("%d", n)
	}
}

func TestUseKeepsAnEntry(t *testing.T) {
	c := cache{t.TempDir()}
	if _, err := c.put("k", false, func(out string) (Made, error) {
		return Made{},
			os.WriteFile(filepath.Join(out, "f"), nil, 0o644)
	}); err != nil {
		t.Fatal(err)
	}
	past := time.Now().Add(-31 * 24 * time.Hour)
	if err := os.Chtimes(filepath.Join(c.dir, "k", manifestName), past, past); err != nil {
		t.Fatal(err)
	}
	if _, ok := c.get("k"); !ok {
		t.Fatal("not found")
	}
	if c.retire("k", time.Now()) { // prune saw it unused before it was taken
		t.Error("an entry in use was removed")
	}
	if _, ok := c.get("k"); !ok {
		t.Error("it was not put back")
	}
}
