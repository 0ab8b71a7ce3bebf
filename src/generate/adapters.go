package generate

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"stellar/src/run"
)

// adapter turns the measurement function of a language into one of a provider whose managed runtimes call functions in a form
// of their own: files that are added to it, and the entry point that is in them. It translates event and response, nothing
// else.
type adapter struct {
	dir     string // folder of raw-code/, adapters/<provider>/<language>
	handler string
	pkg     string                                    // Go: the package that the files become, which the provider's own main imports
	extra   map[string]string                         // files that cannot lie in raw-code/, by name
	own     func(dir, handler string) (string, error) // checks a user's folder in place of the language's own check
	source  bool                                      // the provider builds: sources are shipped as they are
}

// adapters are by provider and language; those that are not here are Lambda handlers or servers on $PORT as they are.
func adapters() map[string]map[string]adapter {
	return map[string]map[string]adapter{
		"google": {
			"python": {dir: "adapters/google/python", handler: "entry.handle", own: googlePython, source: true},
			"nodejs": {dir: "adapters/google/nodejs", handler: "entry.handle", own: googleNode, source: true},
			"go": {dir: "adapters/google/go", handler: "Handle", own: googleGo, source: true, pkg: "measure",
				extra: map[string]string{"go.mod": "module example.com/measure\n\ngo 1.21\n"}},
		},
		"aliyun": {
			"python": {dir: "adapters/aliyun/python", handler: "fc_main.handler"},
			"nodejs": {dir: "adapters/aliyun/nodejs", handler: "fc.handler"},
		},
		"azure": {
			"python": {dir: "adapters/azure/python", handler: "azure_main.main"},
			"nodejs": {dir: "adapters/azure/nodejs", handler: "azure.handler"},
		},
	}
}

func adapterOf(r *run.Run, fn *run.Function) adapter {
	if fn.PackageType == "Image" {
		return adapter{}
	}
	return adapters()[r.Experiment.ProviderKind()][fn.Language]
}

// goText is the ending of an adapter's Go files, which are no part of this module's own build.
const goText = ".go.txt"

// renderAdapter adds the adapter's files to a rendered measurement function.
func renderAdapter(dir string, a adapter) error {
	if a.dir != "" {
		if err := renderTree(dir, a.dir); err != nil {
			return err
		}
	}
	if a.pkg != "" {
		if err := renamePackage(dir, a.pkg); err != nil {
			return err
		}
	}
	for name, text := range a.extra {
		if err := writeFile(filepath.Join(dir, name), []byte(text)); err != nil {
			return err
		}
	}
	return nil
}

// renamePackage makes the files of a rendered package main another one: what imports it cannot import a main.
func renamePackage(dir, name string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return err
	}
	clause := []byte("\npackage main\n")
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		text = bytes.Replace(append([]byte("\n"), text...), clause, fmt.Appendf(nil, "\npackage %s\n", name), 1)
		if err := os.WriteFile(f, text[1:], 0o644); err != nil {
			return err
		}
	}
	return nil
}
