package local

import (
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/local/plugin"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// serviceFile is serverless.yml for the local platform, in the form that its plugin declares.
type serviceFile struct {
	Service   string                            `yaml:"service"`
	Provider  providerSection                   `yaml:"provider"`
	Plugins   []string                          `yaml:"plugins"`
	Functions provider.Ordered[functionSection] `yaml:"functions"`
}

type providerSection struct {
	Name string                   `yaml:"name"`
	Tags map[string]provider.Text `yaml:"tags,omitempty"`
}

type functionSection struct {
	Image        string                   `yaml:"image,omitempty"` // in place of handler, runtime and package
	Handler      string                   `yaml:"handler,omitempty"`
	Runtime      string                   `yaml:"runtime,omitempty"`
	Architecture string                   `yaml:"architecture,omitempty"`
	MemorySize   int                      `yaml:"memorySize"`
	Timeout      int                      `yaml:"timeout"`
	Environment  map[string]provider.Text `yaml:"environment,omitempty"`
	Package      *provider.Artifact       `yaml:"package,omitempty"`
	Platform     platformSection          `yaml:"platform"`
	URL          *provider.URLSection     `yaml:"url,omitempty"`
	Events       []provider.HTTPEvent     `yaml:"events,omitempty"`
}

type platformSection struct {
	KeepAliveSeconds float64 `yaml:"keepAliveSeconds"`
	// of a keep-alive that is not fixed
	KeepAliveDistribution string `yaml:"keepAliveDistribution,omitempty"`
	KeepAliveSeed         uint64 `yaml:"keepAliveSeed,omitempty"`
	Concurrency           int    `yaml:"concurrency"`
	MaxInstances          int    `yaml:"maxInstances"`
	Queueing              string `yaml:"queueing"`
	ImageContract         string `yaml:"imageContract,omitempty"`
	ColdPull              bool   `yaml:"coldPull,omitempty"`
}

// maxSeed is the largest integer that JavaScript, the language of the plugin, has without loss.
const maxSeed = 1<<53 - 1

// Files are our plugin and serverless.yml.
func (l *connection) Files(r *run.Run, u provider.Unit, _ map[string]string) ([]provider.File, error) {
	file := serviceFile{
		Service:  u.Name,
		Provider: providerSection{Name: "stellar-local", Tags: provider.Texts(r.Tags)},
		Plugins:  []string{"./" + plugin.Name},
	}
	for _, fn := range u.Functions {
		f, err := section(r, u, fn)
		if err != nil {
			return nil, err
		}
		file.Functions = append(file.Functions, provider.Member[functionSection]{Name: fn.Name, Value: f})
	}
	yml, err := provider.ServerlessYML(r, u, file, "  serverless deploy | info | remove",
		"  serverless logs -f <function>",
		"The local platform must be running: stellar local start")
	return []provider.File{{Name: plugin.Name, Text: plugin.Source},
		{Name: plugin.FunctionsName, Text: plugin.FunctionsSource}, yml}, err
}

func section(r *run.Run, u provider.Unit, fn *run.Function) (functionSection, error) {
	env, err := provider.Environment(fn.Env)
	if err != nil {
		return functionSection{}, err
	}
	f := functionSection{
		Architecture: fn.Architecture,
		MemorySize:   fn.MemoryMB,
		Timeout:      fn.TimeoutSeconds,
		Environment:  env,
		Platform: platformSection{
			KeepAliveSeconds: fn.Platform.KeepAliveSeconds,
			Concurrency:      fn.Platform.Concurrency,
			MaxInstances:     fn.Platform.MaxInstances,
			Queueing:         fn.Platform.Queueing,
		},
		URL:    provider.URLOf(fn),
		Events: provider.HTTPEvents(fn),
	}
	if d := fn.Platform.KeepAliveDistribution; d == experiment.KeepAliveExponential {
		f.Platform.KeepAliveDistribution = d
		f.Platform.KeepAliveSeed = uint64(*r.Experiment.Seed) & maxSeed
	}
	if fn.PackageType == "Image" {
		f.Image, f.Platform.ImageContract, f.Platform.ColdPull = provider.ImageOf(fn), fn.Platform.ImageContract,
			fn.ColdPull
		return f, nil
	}
	f.Handler, f.Runtime, f.Package = fn.Handler, fn.Runtime, provider.ArtifactOf(r, u, fn)
	return f, nil
}
