package generate

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// goMod is the go.mod of a rendered Go function. It cannot be in raw-code/ (go:embed leaves out folders with a go.mod).
// The language version is an old one, so that older toolchains build it too.
const goMod = "module measure\n\ngo 1.21\n"

func golang() language {
	return language{
		handler: "bootstrap",
		extra:   map[string]string{"go.mod": goMod},
		own: func(dir, _ string) (string, error) {
			if found, _ := filepath.Glob(filepath.Join(dir, "*.go")); len(found) == 0 {
				return "", &provider.KeyError{Key: "Function", Err: fail.Input("%s holds no .go files", dir)}
			}
			return "bootstrap", nil // what the builder makes is called so, whatever the file says
		},
	}
}

// pythonHandler is module.function; the module may be written with slashes, as AWS allows.
var pythonHandler = regexp.MustCompile(`^([A-Za-z_]\w*(?:[./][A-Za-z_]\w*)*)\.([A-Za-z_]\w*)$`)

func python() language { return language{handler: "main.lambda_handler", own: pythonEntry} }

// pythonEntry checks that the handler's module exists.
func pythonEntry(dir, handler string) (string, error) {
	m := pythonHandler.FindStringSubmatch(handler)
	if m == nil {
		return "", fail.Input("handler %q is not module.function", handler)
	}
	module := filepath.Join(dir, filepath.FromSlash(strings.ReplaceAll(m[1], ".", "/")))
	for _, file := range []string{module + ".py", filepath.Join(module, "__init__.py")} {
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
			return handler, pythonFunction(file, handler, m[2])
		}
	}
	if found, _ := filepath.Glob(module + ".*so"); len(found) > 0 {
		return handler, nil
	}
	return "", fail.Input("handler %q wants %s.py, which does not exist", handler, module).
		WithHint(`name the entry point of your function: "Handler": "<module>.<function>"`)
}

var (
	pythonDef = regexp.MustCompile(`(?m)^(?:async )?def (\w+)`)
	// pythonMakes are the ways in which a module comes to names that do not stand in its text.
	pythonMakes = regexp.MustCompile(`import\s*\(?\s*\*|globals\(|locals\(|vars\(|setattr\(|` +
		`exec\(|eval\(|__getattr__|__dict__|sys\.modules`)
)

// pythonFunction checks that the handler's function is defined in its file. A file that creates names at run time may
// have any.
func pythonFunction(file, handler, function string) error {
	text, err := wholefile.ReadFile(file)
	if err != nil {
		return fail.Input("handler %q: %w", handler, err)
	}
	if regexp.MustCompile(`\b`+function+`\b`).Match(text) || pythonMakes.Match(text) {
		return nil
	}
	var defs []string
	for _, m := range pythonDef.FindAllSubmatch(text, -1) {
		defs = append(defs, string(m[1]))
	}
	if len(defs) == 0 {
		return nil // who has none of its own has them from elsewhere
	}
	return fail.Input("handler %q: %s has no function %s%s", handler, file, function, fail.DidYouMean(function, defs)).
		WithHint(`name the entry point of your function: "Handler": "<module>.<function>"`)
}
