package generate

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"

	"stellar/src/fail"
	"stellar/src/run"
)

// workers are functions for Cloudflare's Workers. A handler is the main module's file: what it exports is fixed.
func workers() language {
	return language{handler: "worker.mjs", from: []string{"measure/nodejs/core.cjs", "adapters/cloudflare/nodejs"}, own: workerEntry}
}

// workerEntry checks that the main module is there.
func workerEntry(dir, handler string) (string, error) {
	name := path.Clean(filepath.ToSlash(handler))
	if !slices.Contains([]string{".js", ".mjs"}, path.Ext(name)) || path.IsAbs(name) || name != handler || name[0] == '.' {
		return "", fail.Input("handler %q is not the file of a Worker's main module, as worker.mjs or dist/main.js", handler).
			WithHint("bundle what has to be compiled first (npx wrangler deploy --dry-run --outdir dist) and name the file that comes of it")
	}
	if info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name))); err != nil || !info.Mode().IsRegular() {
		return "", fail.Input("handler %q wants %s, which is not there", handler, filepath.Join(dir, filepath.FromSlash(name))).
			WithHint(`name the main module of your Worker: "Handler": "<file>.mjs"`)
	}
	return name, nil
}

// noteWorkers says, once for each runtime, that a Worker takes the place of what the file names.
func noteWorkers(r *run.Run) {
	told := map[string]bool{}
	for _, fn := range r.Functions {
		if fn.Language != run.LanguageWorkers || told[fn.Runtime] {
			continue
		}
		told[fn.Runtime] = true
		text := fmt.Sprintf("Runtime %s: Workers run JavaScript modules in V8, whatever the file names", fn.Runtime)
		r.Log.Warnf("%s", text)
		if r.Record != nil {
			r.Record.Notes = append(r.Record.Notes, text)
		}
	}
}
