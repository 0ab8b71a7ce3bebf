package generate

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"

	"stellar/src/fail"
	"stellar/src/run"
)

// awsService is serverless.yml for AWS: one service for the run, an HTTP API route for each function.
type awsService struct {
	Service   string               `yaml:"service"`
	Provider  awsProvider          `yaml:"provider"`
	Functions ordered[awsFunction] `yaml:"functions"`
}

type awsProvider struct {
	Name             string          `yaml:"name"`
	Region           string          `yaml:"region,omitempty"` // empty: the framework's own default
	DeploymentMethod string          `yaml:"deploymentMethod"`
	VersionFunctions bool            `yaml:"versionFunctions"`
	LogRetention     int             `yaml:"logRetentionInDays"`
	Tags             map[string]text `yaml:"tags,omitempty"`
	StackTags        map[string]text `yaml:"stackTags,omitempty"`
}

type awsFunction struct {
	Name         string          `yaml:"name"`
	Image        string          `yaml:"image,omitempty"` // in place of handler, runtime and package
	Handler      string          `yaml:"handler,omitempty"`
	Runtime      string          `yaml:"runtime,omitempty"`
	Architecture string          `yaml:"architecture"`
	MemorySize   int             `yaml:"memorySize"`
	Timeout      int             `yaml:"timeout"`
	SnapStart    bool            `yaml:"snapStart,omitempty"`
	Environment  map[string]text `yaml:"environment,omitempty"`
	Package      *artifact       `yaml:"package,omitempty"`
	Events       []event         `yaml:"events"`
}

// awsLogDays is how long a log group that was left behind keeps anything, the shortest that AWS offers.
const awsLogDays = 1

func awsFile(r *run.Run) (awsService, error) {
	file := awsService{
		Service: r.Service,
		Provider: awsProvider{
			Name:             "aws",
			Region:           r.Experiment.Region,
			DeploymentMethod: "direct", // a change set adds a review that nobody makes
			VersionFunctions: false,    // versions are copies that a removal would have to find
			LogRetention:     awsLogDays,
			Tags:             texts(r.Tags),
			StackTags:        texts(maps.Clone(r.Tags)),
		},
	}
	for _, fn := range r.Functions {
		if fn.CPUBoost {
			return awsService{}, fail.Unsupported("sub-experiment %d: aws has no CPU boost (CPUBoostEnabled)", fn.Sub)
		}
		f, err := awsOne(r, fn)
		if err != nil {
			return awsService{}, err
		}
		file.Functions = append(file.Functions, member[awsFunction]{fn.Name, f})
	}
	return file, nil
}

func awsOne(r *run.Run, fn *run.Function) (awsFunction, error) {
	runtime, architecture, err := awsRuntime(fn)
	if err != nil {
		return awsFunction{}, err
	}
	f := awsFunction{
		Name:         awsName(r.Service, fn.Name),
		Architecture: architecture,
		MemorySize:   fn.MemoryMB,
		Timeout:      fn.TimeoutSeconds,
		SnapStart:    fn.SnapStart,
		Environment:  texts(fn.Env),
		Events:       events(fn),
	}
	if fn.PackageType != "Image" {
		f.Handler, f.Runtime, f.Package = fn.Handler, runtime, artifactOf(r, fn)
		return f, nil
	}
	switch {
	case fn.SnapStart:
		return awsFunction{}, fail.Unsupported("sub-experiment %d: aws has no SnapStart for images", fn.Sub).WithHint(`write "PackageType": "Zip"`)
	case fn.Platform.ImageContract == "http":
		return awsFunction{}, fail.Unsupported("sub-experiment %d: aws runs images by the Runtime API only", fn.Sub).
			WithHint(`leave "ImageContract": "http" out`)
	}
	f.Image = imageOf(fn)
	return f, nil
}

// awsRuntime gives Lambda's names of the function's runtime and architecture.
func awsRuntime(fn *run.Function) (runtime, architecture string, err error) {
	switch fn.Architecture {
	case "amd64", "":
		architecture = "x86_64"
	case "arm64":
		architecture = "arm64"
	default:
		return "", "", fail.Unsupported("sub-experiment %d: aws has no architecture %q", fn.Sub, fn.Architecture)
	}
	if fn.SnapStart && fn.Language != "python" && fn.Language != "java" {
		return "", "", fail.Unsupported("sub-experiment %d: SnapStart is for Java and Python, not for runtime %q", fn.Sub, fn.Runtime)
	}
	if fn.Language == "go" || fn.Language == "rust" {
		return "provided.al2023", architecture, nil // compiled to a bootstrap of their own
	}
	return fn.Runtime, architecture, nil
}

// awsNameLimit is the longest function name that Lambda takes.
const awsNameLimit = 64

// awsName is the function's name in the account: unique, because the service's name is the run's own.
func awsName(service, function string) string {
	name := service + "-" + function
	if len(name) <= awsNameLimit {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return name[:awsNameLimit-9] + "-" + hex.EncodeToString(sum[:4])
}
