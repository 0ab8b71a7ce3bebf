package generate

import (
	"stellar/src/fail"
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
	Handler      string          `yaml:"handler"`
	Runtime      string          `yaml:"runtime"`
	Architecture string          `yaml:"architecture,omitempty"`
	MemorySize   int             `yaml:"memorySize"`
	Timeout      int             `yaml:"timeout"`
	Environment  map[string]text `yaml:"environment,omitempty"`
	Package      artifact        `yaml:"package"`
	Platform     localSettings   `yaml:"platform"`
	Events       []event         `yaml:"events"`
}

type localSettings struct {
	KeepAliveSeconds float64 `yaml:"keepAliveSeconds"`
	Concurrency      int     `yaml:"concurrency"`
	MaxInstances     int     `yaml:"maxInstances"`
	Queueing         string  `yaml:"queueing"`
}

func localFile(r *run.Run) (localService, error) {
	file := localService{
		Service:  r.Service,
		Provider: localProvider{Name: "stellar-local", Tags: texts(r.Tags)},
		Plugins:  []string{"./" + pluginName},
	}
	for _, fn := range r.Functions {
		if fn.SnapStart || fn.CPUBoost {
			return localService{}, fail.Unsupported("sub-experiment %d: the local platform has neither SnapStart nor CPU boost", fn.Sub)
		}
		file.Functions = append(file.Functions, member[localFunction]{fn.Name, localFunction{
			Handler:      fn.Handler,
			Runtime:      fn.Runtime,
			Architecture: fn.Architecture,
			MemorySize:   fn.MemoryMB,
			Timeout:      fn.TimeoutSeconds,
			Environment:  texts(fn.Env),
			Package:      artifactOf(r, fn),
			Platform: localSettings{
				KeepAliveSeconds: fn.Platform.KeepAliveSeconds,
				Concurrency:      fn.Platform.Concurrency,
				MaxInstances:     fn.Platform.MaxInstances,
				Queueing:         fn.Platform.Queueing,
			},
			Events: events(fn),
		}})
	}
	return file, nil
}
