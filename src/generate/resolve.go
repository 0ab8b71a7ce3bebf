package generate

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"stellar/src/fail"
	"stellar/src/run"
)

// measurement lists the names of the measurement function. A language stands beside the names that the original gave to
// one language's copy.
var measurement = map[string]string{
	"measure":           "",
	"hellopy":           "python",
	"hellogo":           "go",
	"hellonode":         "nodejs",
	"hellojava":         "java",
	"producer-consumer": "",
	"prodcons":          "",
}

// handlers lists the languages that this version renders and builds, with the entry point of the measurement function,
// which is also what a user's function has if the file does not say.
var handlers = map[string]string{
	"go":     "bootstrap",
	"python": "main.lambda_handler",
}

// code is a function's code as the experiment names it.
type code struct {
	key       string // distinct per code, language and architecture
	generated bool   // the measurement function
	dir       string // the user's folder, absolute; empty where generated
	handler   string
}

// resolve finds the code of a function. The measurement function's names come first: a folder of the same name is meant
// by ./name.
func resolve(r *run.Run, fn *run.Function) (code, error) {
	name := r.Experiment.SubExperiments[fn.Sub].Function
	if language, ok := measurement[name]; ok {
		if language != "" && language != fn.Language {
			return code{}, fail.Input("function %q is the measurement function in %s, but the runtime is %q (%s)",
				name, language, fn.Runtime, fn.Language).
				WithHint(`write "Function": "measure" for the runtime's own language, or change "Runtime"`)
		}
		handler, ok := handlers[fn.Language]
		if !ok {
			return code{}, unsupportedLanguage(fn, "the measurement function is written")
		}
		return code{key: safeName("measure", fn.Language, fn.Architecture), generated: true, handler: handler}, nil
	}
	dir, err := findFolder(r, name)
	if err != nil {
		return code{}, err
	}
	if _, ok := handlers[fn.Language]; !ok {
		return code{}, unsupportedLanguage(fn, "functions can be built")
	}
	handler, err := ownHandler(r, fn, dir)
	if err != nil {
		return code{}, err
	}
	// The name as the file writes it, not where the folder lies: the same experiment makes the same packages anywhere.
	sum := sha256.Sum256([]byte(filepath.ToSlash(filepath.Clean(name))))
	key := safeName(filepath.Base(dir), hex.EncodeToString(sum[:4]), fn.Runtime, fn.Architecture)
	return code{key: key, dir: dir, handler: handler}, nil
}

func unsupportedLanguage(fn *run.Function, what string) error {
	return fail.Unsupported("runtime %q: in this version %s in go and python, not in %s", fn.Runtime, what, fn.Language).
		WithHint(`use "Runtime": "go" or "python3.13"`)
}

// findFolder finds the user's own function: a path from the experiment file's folder, or a folder of raw-code/ there or in
// the working directory.
func findFolder(r *run.Run, name string) (string, error) {
	if name == "" {
		return "", fail.Input("a function has no name").WithHint(`write "Function": "measure" for the measurement function`)
	}
	tries := []string{filepath.Join(r.BaseDir, name)}
	switch {
	case filepath.IsAbs(name):
		tries = []string{name}
	case !strings.ContainsAny(name, `/\`):
		tries = append(tries, filepath.Join(r.BaseDir, "raw-code", name), filepath.Join("raw-code", name))
	}
	for _, try := range tries {
		info, err := os.Stat(try)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", fail.Input("function %q: %w", name, err)
		}
		if !info.IsDir() {
			return "", fail.Input("function %q: %s is a file, a function is a folder", name, try)
		}
		return filepath.Abs(try)
	}
	return "", fail.Input("function %q: there is no such function, looked for %s", name, strings.Join(tries, ", ")).
		WithHint("the measurement function is called %s; a function of your own is the path of its folder, from %s",
			strings.Join(measurementNames(), ", "), cmp.Or(r.BaseDir, "the experiment file"))
}

func measurementNames() []string {
	names := make([]string, 0, len(measurement))
	for n := range measurement {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// pythonHandler is module.function; the module may be written with slashes, as AWS allows.
var pythonHandler = regexp.MustCompile(`^([A-Za-z_]\w*(?:[./][A-Za-z_]\w*)*)\.([A-Za-z_]\w*)$`)

// ownHandler gives the entry point of the user's own function and checks that there is one.
func ownHandler(r *run.Run, fn *run.Function, dir string) (string, error) {
	sub := r.Experiment.SubExperiments[fn.Sub]
	handler := cmp.Or(sub.Handler, handlers[fn.Language])
	if fn.Language == "go" {
		if found, _ := filepath.Glob(filepath.Join(dir, "*.go")); len(found) == 0 {
			return "", fail.Input("function %q: %s holds no .go files", sub.Function, dir)
		}
		return handlers["go"], nil // what the builder makes is called so, whatever the file says
	}
	m := pythonHandler.FindStringSubmatch(handler)
	if m == nil {
		return "", fail.Input("function %q: handler %q is not module.function", sub.Function, handler)
	}
	module := filepath.Join(dir, filepath.FromSlash(strings.ReplaceAll(m[1], ".", "/")))
	for _, file := range []string{module + ".py", filepath.Join(module, "__init__.py")} {
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
			return handler, nil
		}
	}
	if found, _ := filepath.Glob(module + ".*so"); len(found) > 0 {
		return handler, nil
	}
	return "", fail.Input("function %q: handler %q wants %s.py, which is not there", sub.Function, handler, module).
		WithHint(`name the entry point of your function: "Handler": "<module>.<function>"`)
}

var notInNames = regexp.MustCompile(`[^A-Za-z0-9_.-]+`)

// safeName joins parts to a name that is a file name everywhere.
func safeName(parts ...string) string {
	for i, p := range parts {
		p = notInNames.ReplaceAllString(p, "-")
		if len(p) > 40 {
			p = p[:40]
		}
		parts[i] = strings.Trim(p, ".-")
	}
	parts = slices.DeleteFunc(parts, func(p string) bool { return p == "" })
	return strings.Join(parts, "-")
}
