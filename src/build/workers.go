package build

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/shell"
)

const workersHint = "install Node.js 20.3 or later (apt install nodejs npm, brew install node) and put node on the PATH"

// Workers checks the syntax of modules for Cloudflare's Workers and copies them unchanged. Nothing is bundled, so that
// the size of the package is what is uploaded.
type Workers struct{ Options }

var _ Builder = Workers{}

func (w Workers) interpreter() interpreter {
	return interpreter{Options: w.Options, program: "node", oldest: "20.3", hint: workersHint}
}

// Language is workers.
func (Workers) Language() string { return run.LanguageWorkers }

// Check asks for a version of node that Wrangler supports.
func (w Workers) Check(ctx context.Context) error { return w.interpreter().check(ctx) }

// Version is that of the node on the PATH, as in Node.js v22.1.0.
func (w Workers) Version(ctx context.Context) (string, error) {
	version, err := w.interpreter().version(ctx)
	return "Node.js " + version, err
}

// Inputs names only the source: its files are copied.
func (w Workers) Inputs(ctx context.Context, _ *run.Source) (Inputs, error) {
	version, err := w.Version(ctx)
	return Inputs{Toolchain: version}, err
}

// Build checks and copies the folder. Node.js cannot know which form a .js file has; Wrangler checks those.
func (w Workers) Build(ctx context.Context, src *run.Source, out string) (Made, error) {
	files, err := tree(src.Dir)
	if err != nil {
		return Made{}, badSource(ctx, src, err)
	}
	for _, f := range files {
		if ending := filepath.Ext(f.rel); ending != ".mjs" && ending != ".cjs" {
			continue
		}
		check := shell.Command{Name: "node", Args: []string{"--check", filepath.FromSlash(f.rel)}, Dir: src.Dir,
			Timeout: askTimeout}
		if _, err := w.run(ctx, check); err != nil {
			return Made{}, badSource(ctx, src, fmt.Errorf("%s: %w", f.rel, err))
		}
	}
	return Made{}, copyTree(ctx, src, files, out, anyFile)
}
