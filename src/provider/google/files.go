package google

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// envFile is the name of the file in a unit's folder with the environment variables of its function.
const envFile = "env.yaml"

// Files is the one file that gcloud reads of a unit, for --env-vars-file: a function's environment variables, KEY:
// "value".
func (g gcloud) Files(r *run.Run, u provider.Unit, _ map[string]string) ([]provider.File, error) {
	text := fmt.Appendf(nil, "# Written by stellar for run %s: the environment of %s, for --env-vars-file.\n", r.ID,
		u.Name)
	body, err := provider.YAML(provider.Texts(environment(u.Functions[0])))
	if err != nil {
		return nil, fmt.Errorf("writing %s: %w", envFile, err)
	}
	return []provider.File{{Name: envFile, Text: append(text, body...)}}, nil
}

// Adapt says what turns functions into those that Google's Functions Framework calls. Google builds them from their
// sources.
func (c *cloudFunctions) Adapt(language string) provider.Adaptation {
	switch language {
	case "python":
		return provider.Adaptation{Add: "adapters/google/python", Handler: "entry.handle", Check: checkPython,
			Source: true}
	case "nodejs":
		return provider.Adaptation{Add: "adapters/google/nodejs", Handler: "entry.handle", Check: checkNode,
			Source: true}
	case "go":
		return provider.Adaptation{Add: "adapters/google/go", Handler: "Handle", Check: checkGo, Source: true,
			Package: "measure",
			Extra:   map[string]string{"go.mod": "module example.com/measure\n\ngo 1.21\n"}}
	}
	return provider.Adaptation{}
}

// Notes are none: what Google cannot do is refused.
func (c *cloudFunctions) Notes(*run.Function) []string { return nil }

// environment is a function's environment. Google does not give a function its memory size: the measurement function
// finds it where AWS has it, as on the local platform.
func environment(fn *run.Function) map[string]string {
	env := maps.Clone(fn.Env)
	if env == nil {
		env = map[string]string{}
	}
	if fn.Generated {
		env["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] = strconv.Itoa(fn.MemoryMB)
	}
	return env
}

// checkPython checks a function of the user's for Google's buildpack.
func checkPython(dir, handler string) (string, error) {
	return handler, anyFile(dir, "requirements.txt", "pyproject.toml")
}

// checkNode checks that the handler's file is the one that Google's Functions Framework loads.
func checkNode(dir, handler string) (string, error) {
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

// checkGo checks that the handler can be a function that a main of Google's calls.
func checkGo(dir, handler string) (string, error) {
	if !exportedName.MatchString(handler) {
		return "", fail.Input("handler %q is no exported function of Go", handler).
			WithHint(`name it: "Handler": "Handle", for func Handle(http.ResponseWriter, ` +
				`*http.Request) in a package that is not main`)
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
	return &provider.KeyError{Key: "Function", Err: fail.Input("%s has no %s, from which Google builds", dir,
		strings.Join(names, " or ")).WithHint("an empty %s is enough where nothing is to be installed", names[0])}
}
