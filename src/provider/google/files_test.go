package google

import (
	"bytes"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/generate"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/provider/providertest"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// writtenEnv runs both stages and gives the files with environment variables, one after the other.
func writtenEnv(t *testing.T, r *run.Run) []byte {
	t.Helper()
	if err := (generate.Functions{Row: rowOf(r)}).Run(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if err := (generate.Service{Row: rowOf(r)}).Run(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	var out []byte
	for _, fn := range r.Functions {
		text, err := os.ReadFile(filepath.Join(r.ServiceDir, fn.Name, "env.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, text...)
	}
	return out
}

func TestGoogleEnvironments(t *testing.T) {
	r := providertest.NewRun(t, "gcr", providertest.Sub("measure", "go", func(s *experiment.SubExperiment) {
		s.PackageType, s.Platform.ImageContract = "Image", "http"
	}), providertest.Sub("measure", "python3.13", func(s *experiment.SubExperiment) {
		s.PackageType, s.Platform.ImageContract, s.FillerRead, s.FunctionMemoryMB = "Image", "http", true, 2048
	}))
	r.Functions[1].Env["TRICKY"] = "a: \"b\", c=d # €"
	providertest.Golden(t, "gcr-env.yaml", writtenEnv(t, r))
}

// What is shipped to Google has a function in it that its framework calls, and all that gcloud asks for.
func TestGoogleSources(t *testing.T) {
	r := providertest.NewRun(t, "google", providertest.Sub("measure", "go"), providertest.Sub("measure", "python3.13"),
		providertest.Sub("measure", "nodejs22.x"))
	text := writtenEnv(t, r)
	if !bytes.Contains(text, []byte(`AWS_LAMBDA_FUNCTION_MEMORY_SIZE: "128"`)) {
		t.Errorf("environment:\n%s", text)
	}
	for i, want := range []struct {
		handler, file, holds string
		names                []string
	}{
		{"Handle", "handle.go", "func Handle(w http.ResponseWriter", []string{"go.mod", "params.go"}},
		{"entry.handle", "entry.py", "def handle(request)", []string{"main.py", "requirements.txt"}},
		{"entry.handle", "entry.js", "exports.handle = ", []string{"main.js", "core.cjs", "package.json"}},
	} {
		fn := r.Functions[i]
		if fn.Handler != want.handler || !fn.Source.Unbuilt || fn.Package.Type != run.PackageSource ||
			filepath.Ext(fn.Package.Path) != "" {
			t.Errorf("%s: handler %q, package %+v", fn.Runtime, fn.Handler, fn.Package)
		}
		if text, err := os.ReadFile(filepath.Join(fn.Source.Dir, want.file)); err != nil ||
			!strings.Contains(string(text), want.holds) {
			t.Errorf("%s: %s holds no %s (%v)", fn.Runtime, want.file, want.holds, err)
		}
		for _, name := range want.names {
			if _, err := os.Stat(filepath.Join(fn.Source.Dir, name)); err != nil {
				t.Errorf("%s: %v", fn.Runtime, err)
			}
		}
	}
	files, err := filepath.Glob(filepath.Join(r.Functions[0].Source.Dir, "*.go"))
	if err != nil || len(files) < 10 {
		t.Fatalf("files %v, %v", files, err)
	}
	for _, f := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), f, nil, parser.PackageClauseOnly)
		if err != nil || parsed.Name.Name != "measure" {
			t.Errorf("%s is of package %v (%v)", f, parsed.Name, err)
		}
	}
}

func TestGoogleFunctionsOfOnesOwn(t *testing.T) {
	for name, c := range map[string]struct {
		runtime, handler string
		files            map[string]string
		want             string // handler, or what the error says
		fails            bool
	}{
		"python": {"python3.13", "main.f", map[string]string{"main.py": "", "requirements.txt": ""},
			"main.f", false},
		"python, another file": {"python3.13", "app.f",
			map[string]string{"app.py": "", "main.py": "", "pyproject.toml": ""}, "app.f", false},
		"python, nothing to read": {"python3.13", "main.f", map[string]string{"main.py": ""},
			"has no requirements.txt or pyproject.toml", true},
		"nodejs": {"nodejs22.x", "app.f",
			map[string]string{"app.js": "", "package.json": `{"main":"./app.js"}`}, "app.f", false},
		"nodejs, index": {"nodejs22.x", "index.f", map[string]string{"index.js": "", "package.json": "{}"},
			"index.f", false},
		"nodejs, another main": {"nodejs22.x", "app.f", map[string]string{"app.js": "", "package.json": "{}"},
			"package.json names index.js as main", true},
		"nodejs, no package.json": {"nodejs22.x", "app.f", map[string]string{"app.js": ""}, "package.json", true},
		"go": {"go", "Serve", map[string]string{"f.go": "package f", "go.mod": ""}, "Serve",
			false},
		"go, not exported": {"go", "serve", map[string]string{"f.go": "package f", "go.mod": ""},
			"no exported function", true},
		"go, no module": {"go", "Serve", map[string]string{"f.go": "package f"}, "has no go.mod", true},
	} {
		r := providertest.NewRun(t, "google", providertest.Sub("./own", c.runtime,
			func(s *experiment.SubExperiment) { s.Handler = c.handler }))
		for file, text := range c.files {
			providertest.Write(t, filepath.Join(r.BaseDir, "own", file), text)
		}
		err := generate.Check(r, rowOf(r))
		switch {
		case c.fails && (err == nil || !strings.Contains(err.Error(), c.want) || fail.Code(err) != fail.CodeInput):
			t.Errorf("%s: %v, want %q", name, err, c.want)
		case !c.fails && (err != nil || r.Functions[0].Handler != c.want):
			t.Errorf("%s: handler %q, %v", name, r.Functions[0].Handler, err)
		}
	}
}

// rowOf is the row of a run's provider.
func rowOf(r *run.Run) provider.Provider {
	if r.Experiment.Provider == "gcr" {
		return CloudRun()
	}
	return CloudFunctions()
}
