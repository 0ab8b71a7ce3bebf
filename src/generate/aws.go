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
	Handler      string          `yaml:"handler"`
	Runtime      string          `yaml:"runtime"`
	Architecture string          `yaml:"architecture"`
	MemorySize   int             `yaml:"memorySize"`
	Timeout      int             `yaml:"timeout"`
	SnapStart    bool            `yaml:"snapStart,omitempty"`
	Environment  map[string]text `yaml:"environment,omitempty"`
	Package      artifact        `yaml:"package"`
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
		runtime, architecture, err := awsRuntime(fn)
		if err != nil {
			return awsService{}, err
		}
		file.Functions = append(file.Functions, member[awsFunction]{fn.Name, awsFunction{
			Name:         awsName(r.Service, fn.Name),
			Handler:      fn.Handler,
			Runtime:      runtime,
			Architecture: architecture,
			MemorySize:   fn.MemoryMB,
			Timeout:      fn.TimeoutSeconds,
			SnapStart:    fn.SnapStart,
			Environment:  texts(fn.Env),
			Package:      artifactOf(r, fn),
			Events:       events(fn),
		}})
	}
	return file, nil
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
