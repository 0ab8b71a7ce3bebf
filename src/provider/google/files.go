package generate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"stellar/src/fail"
	"stellar/src/provider"
	"stellar/src/run"
)

// googleFiles is the one file that gcloud reads of a unit, for --env-vars-file: a function's environment variables, KEY: "value".
func googleFiles(_ Service, r *run.Run, u provider.Unit) ([]File, error) {
	var out bytes.Buffer
	fmt.Fprintf(&out, "# Written by stellar for run %s: the environment of %s, for --env-vars-file.\n", r.ID, u.Name)
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(texts(googleEnv(u.Functions[0]))); err != nil {
		return nil, fmt.Errorf("writing %s: %w", provider.EnvFile, err)
	}
	if err := enc.Close(); err != nil {
		return nil, fmt.Errorf("writing %s: %w", provider.EnvFile, err)
	}
	return []File{{Name: provider.EnvFile, Text: out.Bytes()}}, nil
}

// googleEnv is a function's environment. Google tells a function its memory nowhere: the measurement function finds it where AWS has
// it, as on the local platform.
func googleEnv(fn *run.Function) map[string]string {
	env := maps.Clone(fn.Env)
	if env == nil {
		env = map[string]string{}
	}
	if fn.Generated {
		env["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] = strconv.Itoa(fn.MemoryMB)
	}
	return env
}

// googlePython checks a function of the user's for Google's buildpack.
func googlePython(dir, handler string) (string, error) {
	handler, err := pythonEntry(dir, handler)
	if err != nil {
		return "", err
	}
	return handler, anyFile(dir, "requirements.txt", "pyproject.toml")
}

// googleNode checks that the handler's file is the one that Google's Functions Framework loads.
func googleNode(dir, handler string) (string, error) {
	handler, err := scriptEntry(dir, handler, ".js", ".mjs", ".cjs")
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(filepath.Join(dir, "package.json"))
	if err != nil {
		return "", fail.Input("%w", err).WithHint(`Google builds from a package.json: {"main": "<file>"} is enough`)
	}
	var p struct{ Main string }
	if err := json.Unmarshal(text, &p); err != nil {
		return "", fail.Input("%s: %w", filepath.Join(dir, "package.json"), err)
	}
	file, _, _ := strings.Cut(handler, ".")
	if p.Main == "" {
		p.Main = "index.js"
	}
	if main := strings.TrimPrefix(p.Main, "./"); strings.TrimSuffix(main, filepath.Ext(main)) != file {
		return "", fail.Input("handler %q is in %s.js, and package.json names %s as main", handler, file, p.Main).
			WithHint(`the framework loads main: write "main": "%s.js" into package.json`, file)
	}
	return handler, nil
}

var exportedName = regexp.MustCompile(`^[A-Z]\w*$`)

// googleGo checks that the handler can be a function that a main of Google's calls.
func googleGo(dir, handler string) (string, error) {
	if found, _ := filepath.Glob(filepath.Join(dir, "*.go")); len(found) == 0 {
		return "", &keyError{"Function", fail.Input("%s holds no .go files", dir)}
	}
	if !exportedName.MatchString(handler) {
		return "", fail.Input("handler %q is no exported function of Go", handler).
			WithHint(`name it: "Handler": "Handle", for func Handle(http.ResponseWriter, *http.Request) in a package that is not main`)
	}
	return handler, anyFile(dir, "go.mod")
}

// anyFile makes sure of one of some files that gcloud asks for before it uploads anything.
func anyFile(dir string, names ...string) error {
	for _, n := range names {
		if info, err := os.Stat(filepath.Join(dir, n)); err == nil && info.Mode().IsRegular() {
			return nil
		}
	}
	return &keyError{"Function", fail.Input("%s has no %s, from which Google builds", dir, strings.Join(names, " or ")).WithHint("an empty %s is enough where nothing is to be installed", names[0])}
}
