package generate

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/bytesize"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/provider/providertest"
	"github.com/vhive-serverless/STeLLAR/src/provider/vendors"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// rowOf is the row of the run's provider.
func rowOf(t *testing.T, r *run.Run) provider.Provider {
	t.Helper()
	row, err := vendors.Find(r.Experiment.ProviderKind())
	if err != nil {
		t.Fatal(err)
	}
	return row
}

func TestSharedSourcesAndPackages(t *testing.T) {
	sized := func(mib float64, placement string) func(*experiment.SubExperiment) {
		return func(s *experiment.SubExperiment) { s.FunctionImageSizeMB, s.FillerPlacement = mib, placement }
	}
	read := func(s *experiment.SubExperiment) { s.FillerRead = true }
	arm := func(s *experiment.SubExperiment) { s.Architecture = "arm64" }
	only := func(s *experiment.SubExperiment) { s.PackagePattern = "main.py" }
	r := providertest.NewRun(t, "local",
		providertest.Sub("measure", "go", func(s *experiment.SubExperiment) { s.Parallelism = 2 }), // 0, 1
		// 2: placement of no filler makes no difference
		providertest.Sub("hellogo", "go", sized(0, "front")),
		providertest.Sub("measure", "go", sized(10.5, "back")),       // 3
		providertest.Sub("measure", "go", sized(10.5, "front")),      // 4
		providertest.Sub("measure", "go", sized(10.5, "back"), read), // 5
		providertest.Sub("measure", "go", arm),                       // 6
		providertest.Sub("hellopy", "python3.13"),                    // 7
		providertest.Sub("producer-consumer", "python3.12"),          // 8: the same code
		providertest.Sub("prodcons", "python3.12", only),             // 9
	)
	if err := (Functions{Row: rowOf(t, r)}).Run(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	want := []struct {
		source, name string
		target       bytesize.Size
	}{
		{"measure-go-amd64", "measure-go-amd64", 0},
		{"measure-go-amd64", "measure-go-amd64", 0},
		{"measure-go-amd64", "measure-go-amd64", 0},
		{"measure-go-amd64", "measure-go-amd64-11010048-back", 11010048},
		{"measure-go-amd64", "measure-go-amd64-11010048-front", 11010048},
		{"measure-go-amd64", "measure-go-amd64-11010048-back-read", 11010048},
		{"measure-go-arm64", "measure-go-arm64", 0},
		{"measure-python-amd64", "measure-python-amd64", 0},
		{"measure-python-amd64", "measure-python-amd64", 0},
		{"measure-python-amd64", "measure-python-amd64-only-b10564ab", 0},
	}
	sources, packages, seeds := map[string]*run.Source{}, map[string]*run.Package{}, map[int64]string{}
	for i, fn := range r.Functions {
		w, p := want[i], fn.Package
		if fn.Source.Key != w.source || p.Name != w.name || p.TargetBytes != w.target || p.Source != fn.Source ||
			!fn.Source.Generated {
			t.Errorf("function %d: source %+v, package %+v, want %+v", i, fn.Source, p, w)
		}
		if p.Path != filepath.Join(r.ServiceDir, "packages", p.Name+".zip") || p.Seed < 0 {
			t.Errorf("function %d: package path %s, seed %d", i, p.Path, p.Seed)
		}
		if sources[fn.Source.Key] != nil && sources[fn.Source.Key] != fn.Source || packages[p.Name] != nil &&
			packages[p.Name] != p {
			t.Errorf("function %d does not share its source and package with its equals", i)
		}
		if other, taken := seeds[p.Seed]; taken && other != p.Name {
			t.Errorf("packages %s and %s have one filler", p.Name, other)
		}
		sources[fn.Source.Key], packages[p.Name], seeds[p.Seed] = fn.Source, p, p.Name
		if read := fn.Env["STELLAR_FILLER_READ"]; (read == "1") != (i == 5) || p.ReadFiller != (i == 5) {
			t.Errorf("function %d: STELLAR_FILLER_READ=%q, ReadFiller %v", i, read, p.ReadFiller)
		}
	}
}

func TestSeedsFollowFromTheExperiment(t *testing.T) {
	seeds := func(seed int64) (out []int64) {
		r := providertest.NewRun(t, "local", providertest.Sub("measure", "go"),
			providertest.Sub("measure", "python3.13"))
		r.Experiment.Seed = &seed
		if err := (Functions{Row: rowOf(t, r)}).Run(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		for _, fn := range r.Functions {
			out = append(out, fn.Package.Seed)
		}
		return out
	}
	if a, b, c := seeds(1), seeds(1), seeds(2); !slices.Equal(a, b) || slices.Equal(a, c) || a[0] == a[1] {
		t.Errorf("seed 1: %v, again: %v, seed 2: %v", a, b, c)
	}
}

func TestRenderedCodeBuilds(t *testing.T) {
	r := providertest.NewRun(t, "local", providertest.Sub("measure", "go"), providertest.Sub("measure", "python3.13"))
	if err := (Functions{Row: rowOf(t, r)}).Run(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	goDir, pythonDir := r.Functions[0].Source.Dir, r.Functions[1].Source.Dir
	for dir, files := range map[string][]string{goDir: {"go.mod", "main.go"}, pythonDir: {"main.py"}} {
		for _, f := range files {
			if _, err := os.Stat(filepath.Join(dir, f)); err != nil {
				t.Error(err)
			}
		}
	}
	if tests, _ := filepath.Glob(filepath.Join(goDir, "*_test.go")); len(tests) > 0 {
		t.Errorf("tests in the package: %v", tests)
	}
	build := exec.CommandContext(t.Context(), "go", "vet", ".")
	build.Dir = goDir
	build.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Errorf("the rendered function does not build by itself: %v\n%s", err, out)
	}
	for i, want := range []string{"bootstrap", "main.lambda_handler"} {
		if got := r.Functions[i].Handler; got != want {
			t.Errorf("handler %q, want %q", got, want)
		}
	}
}

func TestOwnFolders(t *testing.T) {
	handler := func(h string) func(*experiment.SubExperiment) {
		return func(s *experiment.SubExperiment) { s.Handler = h }
	}
	r := providertest.NewRun(t, "local",
		providertest.Sub("./mine", "python3.13", handler("hellopy/lambda_function.lambda_handler")),
		providertest.Sub("mine", "python3.13", handler("hellopy.lambda_function.other")),
		providertest.Sub("shared", "python3.12", handler("")),
		providertest.Sub("../base/gofn", "go", handler("whatever")),
		providertest.Sub("./hellopy", "python3.13"),
	)
	providertest.Write(t, filepath.Join(r.BaseDir, "mine", "hellopy", "lambda_function.py"), "")
	providertest.Write(t, filepath.Join(r.BaseDir, "raw-code", "shared", "main.py"), "")
	providertest.Write(t, filepath.Join(r.BaseDir, "gofn", "main.go"), "package main")
	providertest.Write(t, filepath.Join(r.BaseDir, "hellopy", "main.py"), "")
	if err := (Functions{Row: rowOf(t, r)}).Run(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct{ dir, handler, key string }{
		{"mine", "hellopy/lambda_function.lambda_handler", "mine-"},
		{"mine", "hellopy.lambda_function.other", "mine-"},
		{"raw-code/shared", "main.lambda_handler", "shared-"},
		{"gofn", "bootstrap", "gofn-"},
		{"hellopy", "main.lambda_handler", "hellopy-"},
	} {
		fn := r.Functions[i]
		if fn.Source.Dir != filepath.Join(r.BaseDir, want.dir) || fn.Handler != want.handler || fn.Source.Generated ||
			!strings.HasPrefix(fn.Source.Key, want.key) {
			t.Errorf("function %d: handler %q, source %+v, want %+v", i, fn.Handler, fn.Source, want)
		}
	}
	if r.Functions[0].Source != r.Functions[1].Source {
		t.Errorf("one folder, two sources: %q and %q", r.Functions[0].Source.Key, r.Functions[1].Source.Key)
	}
	if _, err := os.Stat(r.WorkDir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the user's folders are used in place, but %s stands (%v)", r.WorkDir, err)
	}
}

func TestRefusedFunctions(t *testing.T) {
	handler := func(h string) func(*experiment.SubExperiment) {
		return func(s *experiment.SubExperiment) { s.Handler = h }
	}
	for _, c := range []struct {
		name        string
		sub         experiment.SubExperiment
		want, hint  string
		unsupported bool
	}{
		{"unknown", providertest.Sub("hellopi", "go"), `function "hellopi": there is no such function`,
			"hellogo, hellojava, hellonode, hellopy, measure", false},
		{"no name", providertest.Sub("", "go"), "a function has no name", `"Function": "measure"`, false},
		{"path", providertest.Sub("./gone/away", "go"), `function "./gone/away": there is no such function`,
			"the path of its folder", false},
		{"file", providertest.Sub("./file.py", "python3.13"), "is a file, but a function is a folder", "", false},
		{"language", providertest.Sub("hellogo", "python3.13"),
			`"hellogo" is the measurement function in go, but the runtime is "python3.13"`, `"Function": "measure"`,
			false},
		{"empty go", providertest.Sub("./empty", "go"), "holds no .go files", "", false},
		{"no module", providertest.Sub("./empty", "python3.13", handler("main.f")), "main.py, which does not exist",
			"Handler", false},
		{"no entry point", providertest.Sub("./empty", "python3.13"),
			`no Handler is named, and the folder has no entry point for python3.13: handler "main.lambda_handler" wants`,
			"Handler", false},
		{"malformed", providertest.Sub("./empty", "python3.13", handler("${env:HOME}.f")), "is not module.function", "",
			false},
		{"climbs", providertest.Sub("./empty", "python3.13", handler("../main.f")), "is not module.function", "",
			false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := providertest.NewRun(t, "local", c.sub, c.sub)
			r.Functions = append(r.Functions, r.Functions[0])
			providertest.Write(t, filepath.Join(r.BaseDir, "file.py"), "")
			providertest.Write(t, filepath.Join(r.BaseDir, "empty", "readme"), "")
			err := Check(r, rowOf(t, r))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("Check says %v, want %q", err, c.want)
			}
			if n := strings.Count(err.Error(), c.want); n != 2 || !strings.Contains(err.Error(), "sub-experiment 1: ") {
				t.Errorf("told %d times, want once for each of the two sub-experiments:\n%v", n, err)
			}
			if fail.Code(err) != fail.CodeInput || errors.Is(err, fail.ErrUnsupported) != c.unsupported {
				t.Errorf("exit code %d, unsupported: %v", fail.Code(err), errors.Is(err, fail.ErrUnsupported))
			}
			r.Functions = r.Functions[:1]
			err = Check(r, rowOf(t, r))
			var e *fail.Error
			if !errors.As(err, &e) || !strings.Contains(e.Hint, c.hint) {
				t.Errorf("hint of %v: want %q", err, c.hint)
			}
			if again := (Functions{Row: rowOf(t, r)}).
				Run(t.Context(), r); again == nil || again.Error() != err.Error() {
				t.Errorf("Run says %v, Check says %v", again, err)
			}
			if _, err := os.Stat(r.WorkDir); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("something was written: %v", err)
			}
		})
	}
}

func TestNothingToDo(t *testing.T) {
	var skip fail.Skip
	if err := (Functions{}).Run(t.Context(), providertest.NewRun(t, "www.example.com")); !errors.As(err, &skip) {
		t.Errorf("no functions: %v, want a skip", err)
	}
	r := providertest.NewRun(t, "local", providertest.Sub("measure", "go"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (Functions{Row: rowOf(t, r)}).Run(ctx, r); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// Elsewhere the same languages are no sources, and Google's adapters are not laid over them.
func TestAdaptersAreTheirProvidersOwn(t *testing.T) {
	r := providertest.NewRun(t, "aws", providertest.Sub("measure", "python3.13"))
	if err := (Functions{Row: rowOf(t, r)}).Run(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	fn := r.Functions[0]
	if _, err := os.Stat(filepath.Join(fn.Source.Dir, "entry.py")); !errors.Is(err, os.ErrNotExist) ||
		fn.Source.Unbuilt || fn.Handler != "main.lambda_handler" {
		t.Errorf("%v, %+v, handler %s", err, fn.Source, fn.Handler)
	}
}
