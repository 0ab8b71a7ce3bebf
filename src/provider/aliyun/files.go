package aliyun

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// serviceFile is serverless.yml for Alibaba Cloud: a service of Function Compute and an API group for each function,
// because the plugin takes one package for a service.
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
	Name        string                   `yaml:"name"`
	Runtime     string                   `yaml:"runtime"`
	Region      string                   `yaml:"region,omitempty"`
	Credentials string                   `yaml:"credentials"` // a file, read where the environment has none
	Tags        map[string]provider.Text `yaml:"tags,omitempty"`
}

type functionSection struct {
	Handler     string                   `yaml:"handler"`
	MemorySize  int                      `yaml:"memorySize"`
	Timeout     int                      `yaml:"timeout"`
	Environment map[string]provider.Text `yaml:"environment,omitempty"`
	Events      []eventSection           `yaml:"events"`
}

type eventSection struct {
	HTTP routeSection `yaml:"http"`
}

type routeSection struct {
	Path   string `yaml:"path"`
	Method string `yaml:"method"`
}

// credentialsFile names the file of credentials as the CLI's documentation does: the environment decides where it is.
const credentialsFile = "${env:ALIBABA_CLOUD_CREDENTIALS_FILE, '~/.aliyuncli/credentials'}"

// runtimeOf gives Function Compute's name of the runtime, and a note where it is not what the experiment asks for. The
// plugin speaks the interface of version 2.0, which has Python to 3.10 and Node.js to 20
// (alibabacloud.com/help/en/functioncompute/fc-2-0/product-overview/supported-runtimes, November 2026).
func runtimeOf(fn *run.Function) (runtime, note string, err error) {
	var known []string
	switch fn.Language {
	case "python":
		known = []string{"python3.9", "python3.10"}
	case "nodejs":
		known = []string{"nodejs18", "nodejs20"}
	default:
		return "", "", fail.Unsupported("sub-experiment %d: stellar deploys no %s functions to aliyun", fn.Sub,
			fn.Language).
			WithHint("it supports python and nodejs")
	}
	if id := strings.TrimSuffix(fn.Runtime, ".x"); slices.Contains(known, id) {
		return id, "", nil
	}
	newest := known[len(known)-1]
	return newest, fmt.Sprintf("Runtime %s runs as %s, the newest that the plugin's version of Function Compute has",
		fn.Runtime, newest), nil
}

// Files are our plugin and serverless.yml.
func (a *connection) Files(r *run.Run, u provider.Unit, _ map[string]string) ([]provider.File, error) {
	fn := u.Functions[0] // a unit is one function
	if fn.PackageType == "Image" {
		return nil, fail.Unsupported("sub-experiment %d: stellar deploys no images to aliyun: its plugin has none",
			fn.Sub)
	}
	runtime, _, err := runtimeOf(fn)
	if err != nil {
		return nil, err
	}
	file := serviceFile{
		Service: u.Name,
		Provider: providerSection{Name: "aliyun", Runtime: runtime, Region: r.Experiment.Region,
			Credentials: credentialsFile, Tags: provider.Texts(r.Tags)},
		Plugins: []string{"serverless-aliyun-function-compute", "./" + pluginName},
		Package: provider.ArtifactOf(r, u, fn),
		Functions: provider.Ordered[functionSection]{{Name: fn.Name,
			Value: functionSection{Handler: fn.Handler, MemorySize: fn.MemoryMB, Timeout: fn.TimeoutSeconds,
				Environment: provider.Texts(fn.Env),
				Events: []eventSection{{routeSection{Path: "/" + fn.Name,
					Method: strings.ToLower(cmp.Or(fn.Method, "GET"))}}}}}},
		Validate: "off",
	}
	yml, err := provider.YMLFile(r, file, "  serverless deploy | info | remove",
		"with osls and serverless-aliyun-function-compute, as scripts/serverless-aliyun of a clone of stellar "+
			"has them.")
	return []provider.File{{Name: pluginName, Text: pluginSource}, yml}, err
}

// Adapt says what translates event and response of Function Compute.
func (a *connection) Adapt(language string) provider.Adaptation {
	switch language {
	case "python":
		return provider.Adaptation{Add: "adapters/aliyun/python", Handler: "fc_main.handler"}
	case "nodejs":
		return provider.Adaptation{Add: "adapters/aliyun/nodejs", Handler: "fc.handler"}
	}
	return provider.Adaptation{}
}

// Notes are what Function Compute does otherwise than a function asks.
func (a *connection) Notes(fn *run.Function) []string {
	if _, note, err := runtimeOf(fn); err == nil && note != "" {
		return []string{"aliyun: " + note}
	}
	return nil
}
