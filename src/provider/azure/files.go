package generate

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"stellar/src/fail"
	"stellar/src/provider"
	"stellar/src/run"
)

// azureService is serverless.yml for Azure: a function app for each function, in a resource group of its own.
type azureService struct {
	Service   string                 `yaml:"service"`
	Provider  azureProvider          `yaml:"provider"`
	Plugins   []string               `yaml:"plugins"`
	Package   *artifact              `yaml:"package,omitempty"`
	Functions ordered[azureFunction] `yaml:"functions"`
	Validate  string                 `yaml:"configValidationMode"` // the plugin has no schema, of which the CLI would warn
}

type azureProvider struct {
	Name           string            `yaml:"name"`
	Runtime        string            `yaml:"runtime"`
	OS             string            `yaml:"os"`
	Region         string            `yaml:"region,omitempty"`
	Stage          string            `yaml:"stage"`
	ResourceGroup  string            `yaml:"resourceGroup"`
	FunctionApp    map[string]string `yaml:"functionApp"`
	StorageAccount map[string]string `yaml:"storageAccount"`
	ARMTemplate    azureTemplate     `yaml:"armTemplate"`
	Tags           map[string]text   `yaml:"tags,omitempty"`
}

type azureTemplate struct {
	File       string         `yaml:"file"`
	Parameters map[string]any `yaml:"parameters"`
}

type azureFunction struct {
	Handler string       `yaml:"handler"`
	Events  []azureEvent `yaml:"events"`
}

type azureEvent struct {
	HTTP      bool     `yaml:"http"`
	Methods   []string `yaml:"methods,flow"`
	AuthLevel string   `yaml:"authLevel"`
}

const (
	azureTemplateName = "azuredeploy.json"
	azureHost         = "host.json"
	azureFolder       = "measure" // of function.json: the function's name in its app, and in its address
	azureCustom       = "custom"  // worker of programs that serve HTTP
)

var azureMethods = []string{"GET", "POST"}

// azureRuntime is what runs a function on Azure.
type azureRuntime struct {
	worker string // FUNCTIONS_WORKER_RUNTIME
	stack  string // linuxFxVersion, empty for programs of their own
	plugin string // what the plugin is told: it knows no newer ones, and the template is ours
	note   string // where it is not what the experiment asks for
}

// azureRuntimes are those of the Consumption plan on Linux, which gets no newer versions: Python to 3.12, Node.js to 22
// (learn.microsoft.com/azure/azure-functions/supported-languages, November 2026). The newest stands for those above it.
func azureRuntimeOf(fn *run.Function) (azureRuntime, error) {
	var known []string
	rt := azureRuntime{worker: fn.Language}
	switch fn.Language {
	case "python":
		known, rt.plugin, rt.stack = []string{"python3.10", "python3.11", "python3.12"}, "python3.8", "Python|"
	case "nodejs":
		known, rt.plugin, rt.stack, rt.worker = []string{"nodejs22.x"}, "nodejs18", "Node|", "node"
	case "go", "rust":
		return azureRuntime{worker: azureCustom, plugin: "python3.8"}, nil
	default:
		return rt, fail.Unsupported("sub-experiment %d: stellar deploys no %s functions to azure", fn.Sub, fn.Language).
			WithHint("it takes python, nodejs, go and rust")
	}
	id := fn.Runtime
	if !slices.Contains(known, id) {
		id = known[len(known)-1]
		rt.note = fmt.Sprintf("Runtime %s runs as %s, the newest of the Consumption plan on Linux", fn.Runtime, id)
	}
	rt.stack += strings.TrimSuffix(strings.TrimPrefix(id, fn.Language), ".x")
	return rt, nil
}

func azureFiles(_ Service, r *run.Run, u provider.Unit) ([]File, error) {
	fn := u.Functions[0] // a unit is one function
	rt, err := azureRuntimeOf(fn)
	if err != nil {
		return nil, err
	}
	if fn.PackageType == "Image" {
		return nil, fail.Unsupported("sub-experiment %d: stellar deploys no images to azure, whose Consumption plan has none", fn.Sub)
	}
	names := provider.AzureNames(u)
	template, err := azureARM(fn, rt, names, r.Tags)
	if err != nil {
		return nil, err
	}
	pkg := artifactOf(r, u, fn)
	file := azureService{
		Service: u.Name,
		Provider: azureProvider{Name: "azure", Runtime: rt.plugin, OS: "linux", Region: r.Experiment.Region, Stage: "dev",
			ResourceGroup: names.Group, FunctionApp: map[string]string{"name": names.App}, StorageAccount: map[string]string{"name": names.Storage},
			ARMTemplate: azureTemplate{File: azureTemplateName, Parameters: map[string]any{}}, Tags: texts(r.Tags)},
		Plugins: []string{"serverless-azure-functions"},
		Package: pkg,
		Functions: ordered[azureFunction]{{azureFolder, azureFunction{Handler: fn.Handler,
			Events: []azureEvent{{HTTP: true, Methods: azureMethods, AuthLevel: "anonymous"}}}}},
		Validate: "off",
	}
	yml, err := yamlFile(r, file, "  serverless deploy --package "+pkg.Artifact, "  serverless remove --force",
		"with serverless 3 and serverless-azure-functions, as scripts/serverless-azure of a clone of stellar has them.")
	return []File{{Name: azureTemplateName, Text: template}, yml}, err
}

// azureNotes are what Azure does otherwise than a function asks: it is no reason not to run.
func azureNotes(fn *run.Function) []string {
	notes := []string{fmt.Sprintf("FunctionMemoryMB %d: the Consumption plan has no such setting, its instances have 1.5 GB", fn.MemoryMB)}
	if rt, err := azureRuntimeOf(fn); err == nil && rt.note != "" {
		notes = append(notes, rt.note)
	}
	return notes
}

// putBeside writes what the provider wants beside a function's code.
func putBeside(r *run.Run, src *run.Source, fn *run.Function) error {
	if r.Experiment.ProviderKind() != "azure" || fn.PackageType == "Image" {
		return nil
	}
	files, err := azureBeside(src.Language, src.Handler)
	if err != nil {
		return err
	}
	src.Beside = filepath.Join(r.WorkDir, "src", src.Key+".beside")
	for _, f := range files {
		if err := writeFile(filepath.Join(src.Beside, filepath.FromSlash(f.Name)), f.Text); err != nil {
			return err
		}
	}
	return nil
}

// azureBeside are host.json of the app and function.json of the function in it
// (learn.microsoft.com/azure/azure-functions/functions-host-json, functions-bindings-http-webhook-trigger).
func azureBeside(language, handler string) ([]File, error) {
	host := map[string]any{"version": "2.0"}
	out := map[string]string{"type": "http", "direction": "out", "name": "res"}
	function := map[string]any{}
	switch language {
	case "go", "rust":
		host["customHandler"] = map[string]any{"description": map[string]string{"defaultExecutablePath": handler}, "enableForwardingHttpRequest": true}
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
	methods := make([]string, 0, len(azureMethods))
	for _, m := range azureMethods {
		methods = append(methods, strings.ToLower(m))
	}
	function["bindings"] = []any{map[string]any{"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous", "methods": methods}, out}
	hostText, err := json.MarshalIndent(host, "", "  ")
	if err != nil {
		return nil, err
	}
	functionText, err := json.MarshalIndent(function, "", "  ")
	return []File{{azureHost, append(hostText, '\n')}, {azureFolder + "/function.json", append(functionText, '\n')}}, err
}
