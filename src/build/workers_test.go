package build

import (
	"slices"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

func TestWorkers(t *testing.T) {
	files := map[string]string{"worker.mjs": "import core from './lib/core.cjs';\nexport default { fetch: () => new " +
		"Response(core) };\n",
		"lib/core.cjs": "'use strict';\nmodule.exports = 'a';\n", "dist/main.js": "export default {};\n",
		"note.txt": "a module too"}
	src := sourceOf(run.LanguageWorkers, "python3.13", folder(t, files))
	got := built(t, Workers{Options{}}, src)
	if !slices.Equal(fileNames(got), fileNames(files)) {
		t.Errorf("files %v", fileNames(got))
	}
	for name, text := range files {
		if got[name] != text {
			t.Errorf("%s was changed to %q", name, got[name])
		}
	}
}

func TestWorkersThatDoNotParse(t *testing.T) {
	for name, text := range map[string]string{"worker.mjs": "export default {", "core.cjs": "import a from 'b';"} {
		src := sourceOf(run.LanguageWorkers, "", folder(t, map[string]string{name: text}))
		_, err := Workers{Options{}}.Build(t.Context(), src, t.TempDir())
		if fail.Code(err) != fail.CodeInput || !strings.Contains(err.Error(), name) ||
			!strings.Contains(outputOf(err), "SyntaxError") {
			t.Errorf("%s: %v, output %q", name, err, outputOf(err))
		}
	}
}
