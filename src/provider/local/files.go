package generate

import (
	"stellar/src/provider"
	"stellar/src/run"
)

// localService is serverless.yml for the local platform, in the form that its plugin declares.
type localService struct {
	Service   string                 `yaml:"service"`
	Provider  localProvider          `yaml:"provider"`
	Plugins   []string               `yaml:"plugins"`
	Functions ordered[localFunction] `yaml:"functions"`
}

type localProvider struct {
	Name string          `yaml:"name"`
	Tags map[string]text `yaml:"tags,omitempty"`
}

type localFunction struct {
	Image        string          `yaml:"image,omitempty"` // in place of handler, runtime and package
	Handler      string          `yaml:"handler,omitempty"`
	Runtime      string          `yaml:"runtime,omitempty"`
	Architecture string          `yaml:"architecture,omitempty"`
	MemorySize   int             `yaml:"memorySize"`
	Timeout      int             `yaml:"timeout"`
	Environment  map[string]text `yaml:"environment,omitempty"`
	Package      *artifact       `yaml:"package,omitempty"`
	Platform     localSettings   `yaml:"platform"`
	Events       []event         `yaml:"events"`
}

type localSettings struct {
	KeepAliveSeconds float64 `yaml:"keepAliveSeconds"`
	Concurrency      int     `yaml:"concurrency"`
	MaxInstances     int     `yaml:"maxInstances"`
	Queueing         string  `yaml:"queueing"`
	ImageContract    string  `yaml:"imageContract,omitempty"`
	ColdPull         bool    `yaml:"coldPull,omitempty"`
}

func localFiles(s Service, r *run.Run, u provider.Unit) ([]File, error) {
	file := localService{
		Service:  u.Name,
		Provider: localProvider{Name: "stellar-local", Tags: texts(r.Tags)},
		Plugins:  []string{"./" + pluginName},
	}
	for _, fn := range u.Functions {
		file.Functions = append(file.Functions, member[localFunction]{fn.Name, localOne(r, u, fn)})
	}
	yml, err := serverlessYML(r, u, file, "  serverless deploy | info | remove", "  serverless logs -f <function>",
		"The local platform must be running: stellar local start")
	return []File{{Name: pluginName, Text: s.Plugin}, yml}, err
}

func localOne(r *run.Run, u provider.Unit, fn *run.Function) localFunction {
	f := localFunction{
		Architecture: fn.Architecture,
		MemorySize:   fn.MemoryMB,
		Timeout:      fn.TimeoutSeconds,
		Environment:  texts(fn.Env),
		Platform: localSettings{
			KeepAliveSeconds: fn.Platform.KeepAliveSeconds,
			Concurrency:      fn.Platform.Concurrency,
			MaxInstances:     fn.Platform.MaxInstances,
			Queueing:         fn.Platform.Queueing,
		},
		Events: events(fn),
	}
	if fn.PackageType == "Image" {
		f.Image, f.Platform.ImageContract, f.Platform.ColdPull = imageOf(fn), fn.Platform.ImageContract, fn.ColdPull
		return f
	}
	f.Handler, f.Runtime, f.Package = fn.Handler, fn.Runtime, artifactOf(r, u, fn)
	return f
}
