package cloudflare

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// Adapt gives the language of all functions there. A handler is the main module's file: what it exports is fixed.
func (c *connection) Adapt(string) provider.Adaptation {
	return provider.Adaptation{Handler: "worker.mjs", Check: workerEntry,
		From: []string{"measure/nodejs/core.cjs", "measure/nodejs/transfer.cjs", "adapters/cloudflare/nodejs"}}
}

// Notes says that a Worker takes the place of what the file names.
func (c *connection) Notes(fn *run.Function) []string {
	if fn.Language != run.LanguageWorkers {
		return nil
	}
	return []string{fmt.Sprintf("Runtime %s: Workers run JavaScript modules in V8, whatever the file names",
		fn.Runtime)}
}

// workerEntry checks that the main module is there.
func workerEntry(dir, handler string) (string, error) {
	name := path.Clean(filepath.ToSlash(handler))
	if !slices.Contains([]string{".js", ".mjs"}, path.Ext(name)) || path.IsAbs(name) || name != handler ||
		name[0] == '.' {
		return "", fail.Input("handler %q is not the file of a Worker's main module, as worker.mjs or dist/main.js",
			handler).
			WithHint("bundle what has to be compiled first (npx wrangler deploy --dry-run --outdir dist) and name " +
				"the file that comes of it")
	}
	if info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name))); err != nil || !info.Mode().IsRegular() {
		return "", fail.Input("handler %q wants %s, which does not exist", handler,
			filepath.Join(dir, filepath.FromSlash(name))).
			WithHint(`name the main module of your Worker: "Handler": "<file>.mjs"`)
	}
	return name, nil
}
