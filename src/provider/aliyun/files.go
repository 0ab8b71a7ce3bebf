package generate

import (
	"fmt"
	"slices"
	"strings"

	"stellar/src/fail"
	"stellar/src/provider"
	"stellar/src/provider/aliyun"
	"stellar/src/run"
)

// aliyunService is serverless.yml for Alibaba Cloud: a service of Function Compute and an API group for each function, because the
// plugin takes one package for a service.
type aliyunService struct {
	Service   string                  `yaml:"service"`
	Provider  aliyunProvider          `yaml:"provider"`
	Plugins   []string                `yaml:"plugins"`
	Package   *artifact               `yaml:"package,omitempty"`
	Functions ordered[aliyunFunction] `yaml:"functions"`
	Validate  string                  `yaml:"configValidationMode"` // the plugin has no schema, of which the CLI would warn
}

type aliyunProvider struct {
	Name        string          `yaml:"name"`
	Runtime     string          `yaml:"runtime"`
	Region      string          `yaml:"region,omitempty"`
	Credentials string          `yaml:"credentials"` // a file, read where the environment has none
	Tags        map[string]text `yaml:"tags,omitempty"`
}

type aliyunFunction struct {
	Handler     string          `yaml:"handler"`
	MemorySize  int             `yaml:"memorySize"`
	Timeout     int             `yaml:"timeout"`
	Environment map[string]text `yaml:"environment,omitempty"`
	Events      []aliyunEvent   `yaml:"events"`
}

type aliyunEvent struct {
	HTTP aliyunRoute `yaml:"http"`
}

type aliyunRoute struct {
	Path   string `yaml:"path"`
	Method string `yaml:"method"`
}

// aliyunCredentials names the file of credentials in the CLI's own words: its place is the environment's affair.
const aliyunCredentials = "${env:ALIBABA_CLOUD_CREDENTIALS_FILE, '~/.aliyuncli/credentials'}"

// aliyunRuntimeOf gives Function Compute's name of the runtime, and a note where it is not what the experiment asks for. The plugin speaks
// the interface of version 2.0, which has Python to 3.10 and Node.js to 20
// (alibabacloud.com/help/en/functioncompute/fc-2-0/product-overview/supported-runtimes, November 2026).
func aliyunRuntimeOf(fn *run.Function) (runtime, note string, err error) {
	var known []string
	switch fn.Language {
	case "python":
		known = []string{"python3.9", "python3.10"}
	case "nodejs":
		known = []string{"nodejs18", "nodejs20"}
	default:
		return "", "", fail.Unsupported("sub-experiment %d: stellar deploys no %s functions to aliyun", fn.Sub, fn.Language).
			WithHint("it takes python and nodejs")
	}
	if id := strings.TrimSuffix(fn.Runtime, ".x"); slices.Contains(known, id) {
		return id, "", nil
	}
	newest := known[len(known)-1]
	return newest, fmt.Sprintf("Runtime %s runs as %s, the newest that the plugin's version of Function Compute has", fn.Runtime, newest), nil
}

func aliyunFiles(_ Service, r *run.Run, u provider.Unit) ([]File, error) {
	fn := u.Functions[0] // a unit is one function
	if fn.PackageType == "Image" {
		return nil, fail.Unsupported("sub-experiment %d: stellar deploys no images to aliyun: its plugin has none", fn.Sub)
	}
	runtime, _, err := aliyunRuntimeOf(fn)
	if err != nil {
		return nil, err
	}
	file := aliyunService{
		Service:  u.Name,
		Provider: aliyunProvider{Name: "aliyun", Runtime: runtime, Region: r.Experiment.Region, Credentials: aliyunCredentials, Tags: texts(r.Tags)},
		Plugins:  []string{"serverless-aliyun-function-compute", "./" + aliyun.Name},
		Package:  artifactOf(r, u, fn),
		Functions: ordered[aliyunFunction]{{fn.Name, aliyunFunction{Handler: fn.Handler, MemorySize: fn.MemoryMB, Timeout: fn.TimeoutSeconds,
			Environment: texts(fn.Env), Events: []aliyunEvent{{aliyunRoute{Path: "/" + fn.Name, Method: "get"}}}}}},
		Validate: "off",
	}
	yml, err := yamlFile(r, file, "  serverless deploy | info | remove",
		"with osls and serverless-aliyun-function-compute, as scripts/serverless-aliyun of a clone of stellar has them.")
	return []File{{Name: aliyun.Name, Text: aliyun.Source}, yml}, err
}

// aliyunNotes are what Function Compute does otherwise than a function asks.
func aliyunNotes(fn *run.Function) []string {
	if _, note, err := aliyunRuntimeOf(fn); err == nil && note != "" {
		return []string{note}
	}
	return nil
}
