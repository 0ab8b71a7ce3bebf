package cloudflare

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/generate"
	"github.com/vhive-serverless/STeLLAR/src/provider/providertest"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// newWorkers is a run whose functions are Workers, as the pipeline makes them for cloudflare.
func newWorkers(t *testing.T, subs ...experiment.SubExperiment) (*run.Run, *providertest.Warnings) {
	t.Helper()
	r, log := providertest.NewRun(t, "cloudflare", subs...), &providertest.Warnings{}
	r.Log, r.Record = log, &run.Record{}
	for _, fn := range r.Functions {
		fn.Language = run.LanguageWorkers
	}
	return r, log
}

func TestWorkersTakeAnyRuntime(t *testing.T) {
	handler := func(s *experiment.SubExperiment) { s.Handler = "dist/main.js" } // published files have it
	sized := func(s *experiment.SubExperiment) { s.FunctionImageSizeMB, s.FillerRead = 2, true }
	r, log := newWorkers(t, providertest.Sub("hellopy", "python3.13", handler),
		providertest.Sub("measure", "nodejs22.x", sized), providertest.Sub("hellojava", "python3.13"))
	if err := (generate.Functions{Row: Provider()}).Run(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	first := r.Functions[0]
	for _, name := range []string{"worker.mjs", "fillers.mjs", "core.cjs"} {
		if _, err := os.Stat(filepath.Join(first.Source.Dir, name)); err != nil {
			t.Error(err)
		}
	}
	for i, want := range []string{"measure-workers-amd64", "measure-workers-amd64-2097152-back-read",
		"measure-workers-amd64"} {
		fn := r.Functions[i]
		if p := fn.Package; p.Name != want || p.Type != run.PackageModules ||
			p.Path != filepath.Join(r.ServiceDir, "packages", want) {
			t.Errorf("function %d: package %+v", i, p)
		}
		if fn.Source != first.Source || fn.Handler != "worker.mjs" {
			t.Errorf("function %d: handler %q, source %+v", i, fn.Handler, fn.Source)
		}
	}
	if len(*log) != 2 || len(r.Record.Notes) != 2 ||
		!strings.Contains(r.Record.Notes[0], "Runtime python3.13: Workers run JavaScript") {
		t.Errorf("warned %q, noted %q", *log, r.Record.Notes)
	}
}

func TestWorkersOfOnesOwn(t *testing.T) {
	handler := func(h string) func(*experiment.SubExperiment) {
		return func(s *experiment.SubExperiment) { s.Handler = h }
	}
	r, _ := newWorkers(t, providertest.Sub("./mine", "nodejs22.x", handler("dist/main.js")),
		providertest.Sub("./mine", "nodejs22.x", handler("")))
	for _, name := range []string{"dist/main.js", "worker.mjs", "src/index.ts"} {
		providertest.Write(t, filepath.Join(r.BaseDir, "mine", filepath.FromSlash(name)), "export default {};")
	}
	if err := (generate.Functions{Row: Provider()}).Run(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"dist/main.js", "worker.mjs"} {
		if got := r.Functions[i].Handler; got != want {
			t.Errorf("handler %q, want %q", got, want)
		}
	}
	for _, wrong := range []string{"src/index.ts", "main.handler", "../worker.mjs", "/worker.mjs", "dist//main.js",
		"other.mjs", ".mjs"} {
		r, _ := newWorkers(t, providertest.Sub("./mine", "nodejs22.x", handler(wrong)))
		providertest.Write(t, filepath.Join(r.BaseDir, "mine", "worker.mjs"), "export default {};")
		if err := generate.Check(r, Provider()); fail.Code(err) != fail.CodeInput ||
			!strings.Contains(err.Error(), fmt.Sprintf("handler %q", wrong)) || fail.Hint(err) == "" {
			t.Errorf("%s: %v, hint %q", wrong, err, fail.Hint(err))
		}
	}
}

// wranglerFiles runs both stages and gives each function's configuration.
func wranglerFiles(t *testing.T, r *run.Run) []byte {
	t.Helper()
	if err := (generate.Functions{Row: Provider()}).Run(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if err := (generate.Service{Row: Provider()}).Run(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	var all []byte
	for _, fn := range r.Functions {
		text, err := os.ReadFile(filepath.Join(r.ServiceDir, fn.Name, "wrangler.jsonc"))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text...)
	}
	return all
}

func TestWranglerConfiguration(t *testing.T) {
	r, _ := newWorkers(t,
		providertest.Sub("measure", "nodejs22.x", func(s *experiment.SubExperiment) { s.Parallelism = 2 }),
		providertest.Sub("hellopy", "python3.13", func(s *experiment.SubExperiment) {
			s.FunctionImageSizeMB, s.FillerRead, s.DesiredServiceTimes = 2.5, true, []string{"10ms", "40s"}
		}),
		providertest.Sub("./mine", "nodejs22.x", func(s *experiment.SubExperiment) { s.Handler = "dist/main.js" }))
	providertest.Write(t, filepath.Join(r.BaseDir, "mine", "dist", "main.js"), "export default {};")
	providertest.Golden(t, "cloudflare.jsonc", wranglerFiles(t, r))
}

func TestWorkerNames(t *testing.T) {
	for name, ok := range map[string]bool{"stellar-20261121t010203z-cloudflare-abcd": true, "Stellar-X": false,
		"stellar_x":                          false,
		"stellar-" + strings.Repeat("x", 60): false} {
		r, _ := newWorkers(t, providertest.Sub("measure", "nodejs22.x"))
		r.Service = name
		if err := (generate.Functions{Row: Provider()}).Run(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if err := (generate.Service{Row: Provider()}).
			Check(t.Context(), r); (err == nil) != ok || err != nil && fail.Code(err) != fail.CodeInput {
			t.Errorf("%s: %v", name, err)
		}
	}
}
