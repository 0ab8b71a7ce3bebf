package generate

import (
	"os"
	"path/filepath"
	"regexp"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// scriptHandler is file.function, the file perhaps in a folder and the function perhaps in an object or class.
var scriptHandler = regexp.MustCompile(`^((?:[\w-]+/)*[\w-]+)((?:\.[A-Za-z_$][\w$:]*)+)$`)

func nodejs() language {
	return language{handler: "main.handler", own: func(dir, handler string) (string, error) {
		return scriptEntry(dir, handler, ".js", ".mjs", ".cjs")
	}}
}

func ruby() language {
	return language{handler: "main.handler", own: func(dir, handler string) (string, error) {
		return scriptEntry(dir, handler, ".rb")
	}}
}

// scriptEntry checks that the handler's file exists, with one of the extensions.
func scriptEntry(dir, handler string, endings ...string) (string, error) {
	m := scriptHandler.FindStringSubmatch(handler)
	if m == nil {
		return "", fail.Input("handler %q is not file.function", handler)
	}
	file := filepath.Join(dir, filepath.FromSlash(m[1]))
	for _, ending := range endings {
		if info, err := os.Stat(file + ending); err == nil && info.Mode().IsRegular() {
			return handler, nil
		}
	}
	if _, err := os.Stat(file + ".ts"); err == nil {
		return "", fail.Input("handler %q: %s.ts is TypeScript, which is not compiled here", handler, file).
			WithHint("compile it (npx tsc) and name the folder of the JavaScript")
	}
	return "", fail.Input("handler %q wants %s%s, which does not exist", handler, file, endings[0]).
		WithHint(`name the entry point of your function: "Handler": "<file>.<function>"`)
}
