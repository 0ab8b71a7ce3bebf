package azure

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// serviceFile is serverless.yml for Azure: a function app for each function, in a resource group of its own.
type serviceFile struct {
	Service   string                            `yaml:"service"`
	Provider  providerSection                   `yaml:"provider"`
	Plugins   []string                          `yaml:"plugins"`
	Package   *provider.Artifact                `yaml:"package,omitempty"`
	Functions provider.Ordered[functionSection] `yaml:"functions"`
	// the plugin has no schema, of which the CLI would warn
	Validate string `yaml:"configValidationMode"`
}

type providerSection struct {
	Name           string                   `yaml:"name"`
	Runtime        string                   `yaml:"runtime"`
	OS             string                   `yaml:"os"`
	Region         string                   `yaml:"region,omitempty"`
	Stage          string                   `yaml:"stage"`
	ResourceGroup  string                   `yaml:"resourceGroup"`
	FunctionApp    map[string]string        `yaml:"functionApp"`
	StorageAccount map[string]string        `yaml:"storageAccount"`
	ARMTemplate    templateSection          `yaml:"armTemplate"`
	Tags           map[string]provider.Text `yaml:"tags,omitempty"`
}

type templateSection struct {
	File       string         `yaml:"file"`
	Parameters map[string]any `yaml:"parameters"`
}

type functionSection struct {
	Handler string         `yaml:"handler"`
	Events  []eventSection `yaml:"events"`
}

type eventSection struct {
	HTTP      bool     `yaml:"http"`
	Methods   []string `yaml:"methods,flow"`
	AuthLevel string   `yaml:"authLevel"`
}

const (
	templateName   = "azuredeploy.json"
	hostFile       = "host.json"
	functionFolder = "measure" // of function.json: the function's name in its app, and in its address
	customWorker   = "custom"  // worker of programs that serve HTTP
)

var httpMethods = []string{"GET", "POST"}

// runtime is what runs a function on Azure.
type runtime struct {
	worker string // FUNCTIONS_WORKER_RUNTIME
	stack  string // linuxFxVersion, empty for programs of their own
	plugin string // what the plugin is told: it knows no newer ones, and the template is ours
	note   string // where it is not what the experiment asks for
}

// azureRuntimes are those of the Consumption plan on Linux, which gets no newer versions: Python to 3.12, Node.js to 22
// (learn.microsoft.com/azure/azure-functions/supported-languages, November 2026). The newest stands for those above it.
func runtimeOf(fn *run.Function) (runtime, error) {
	var known []string
	rt := runtime{worker: fn.Language}
	switch fn.Language {
	case "python":
		known, rt.plugin, rt.stack = []string{"python3.10", "python3.11", "python3.12"}, "python3.8", "Python|"
	case "nodejs":
		known, rt.plugin, rt.stack, rt.worker = []string{"nodejs22.x"}, "nodejs18", "Node|", "node"
	case "go", "rust":
		return runtime{worker: customWorker, plugin: "python3.8"}, nil
	default:
		return rt, fail.Unsupported("sub-experiment %d: stellar deploys no %s functions to azure", fn.Sub, fn.Language).
			WithHint("it supports python, nodejs, go and rust")
	}
	id := fn.Runtime
	if !slices.Contains(known, id) {
		id = known[len(known)-1]
		rt.note = fmt.Sprintf("Runtime %s runs as %s, the newest of the Consumption plan on Linux", fn.Runtime, id)
	}
	rt.stack += strings.TrimSuffix(strings.TrimPrefix(id, fn.Language), ".x")
	return rt, nil
}

// Files are the template of what a function needs, and serverless.yml.
func (a *connection) Files(r *run.Run, u provider.Unit, _ map[string]string) ([]provider.File, error) {
	fn := u.Functions[0] // a unit is one function
	rt, err := runtimeOf(fn)
	if err != nil {
		return nil, err
	}
	if fn.PackageType == "Image" {
		return nil, fail.Unsupported("sub-experiment %d: stellar deploys no images to azure, whose Consumption plan "+
			"has none", fn.Sub)
	}
	names := namesOf(u)
	template, err := templateText(fn, rt, names, r.Tags)
	if err != nil {
		return nil, err
	}
	pkg := provider.ArtifactOf(r, u, fn)
	file := serviceFile{
		Service: u.Name,
		Provider: providerSection{Name: "azure", Runtime: rt.plugin, OS: "linux", Region: r.Experiment.Region,
			Stage:         "dev",
			ResourceGroup: names.Group, FunctionApp: map[string]string{"name": names.App},
			StorageAccount: map[string]string{"name": names.Storage},
			ARMTemplate:    templateSection{File: templateName, Parameters: map[string]any{}},
			Tags:           provider.Texts(r.Tags)},
		Plugins: []string{"serverless-azure-functions"},
		Package: pkg,
		Functions: provider.Ordered[functionSection]{{Name: functionFolder, Value: functionSection{Handler: fn.Handler,
			Events: []eventSection{{HTTP: true, Methods: httpMethods, AuthLevel: "anonymous"}}}}},
		Validate: "off",
	}
	yml, err := provider.YMLFile(r, file, "  serverless deploy --package "+pkg.Artifact, "  serverless remove --force",
		"with serverless 3 and serverless-azure-functions, as scripts/serverless-azure of a clone of stellar has them.")
	return []provider.File{{Name: templateName, Text: template}, yml}, err
}

// Adapt says what makes functions Azure's: a translation of event and response for Python and Node.js, and for all the
// description of the function beside its code.
func (a *connection) Adapt(language string) provider.Adaptation {
	out := provider.Adaptation{Beside: func(handler string) ([]provider.File, error) {
		return besideCode(language, handler)
	}}
	switch language {
	case "python":
		out.Add, out.Handler = "adapters/azure/python", "azure_main.main"
	case "nodejs":
		out.Add, out.Handler = "adapters/azure/nodejs", "azure.handler"
	}
	return out
}

// Notes are what Azure does otherwise than a function asks.
func (a *connection) Notes(fn *run.Function) []string {
	notes := []string{fmt.Sprintf("azure: FunctionMemoryMB %d: the Consumption plan has no such setting, its "+
		"instances have 1.5 GB",
		fn.MemoryMB)}
	if rt, err := runtimeOf(fn); err == nil && rt.note != "" {
		notes = append(notes, "azure: "+rt.note)
	}
	return notes
}

// besideCode are host.json of the app and function.json of the function in it
// (learn.microsoft.com/azure/azure-functions/functions-host-json, functions-bindings-http-webhook-trigger).
func besideCode(language, handler string) ([]provider.File, error) {
	host := map[string]any{"version": "2.0"}
	out := map[string]string{"type": "http", "direction": "out", "name": "res"}
	function := map[string]any{}
	switch language {
	case "go", "rust":
		host["customHandler"] = map[string]any{"description": map[string]string{"defaultExecutablePath": handler},
			"enableForwardingHttpRequest": true}
	default:
		at := strings.LastIndex(handler, ".")
		if at < 0 {
			return nil, fail.Input("handler %q is not file.function", handler)
		}
		module, ending := handler[:at], ".js"
		if language == "python" {
			module, ending, out["name"] = strings.ReplaceAll(module, ".", "/"), ".py", "$return"
		}
		function["scriptFile"], function["entryPoint"] = "../"+module+ending, handler[at+1:]
	}
	methods := make([]string, 0, len(httpMethods))
	for _, m := range httpMethods {
		methods = append(methods, strings.ToLower(m))
	}
	function["bindings"] = []any{map[string]any{"type": "httpTrigger", "direction": "in", "name": "req",
		"authLevel": "anonymous", "methods": methods, "route": functionFolder + "/{*below}"}, out} // below may be empty
	hostText, err := json.MarshalIndent(host, "", "  ")
	if err != nil {
		return nil, err
	}
	functionText, err := json.MarshalIndent(function, "", "  ")
	return []provider.File{{Name: hostFile, Text: append(hostText, '\n')},
		{Name: functionFolder + "/function.json", Text: append(functionText, '\n')}}, err
}
