package aws

import (
	"cmp"
	"slices"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// serviceFile is serverless.yml for AWS: one service for the unit, an HTTP API route for each function.
type serviceFile struct {
	Service   string                            `yaml:"service"`
	Provider  providerSection                   `yaml:"provider"`
	Package   packaging                         `yaml:"package"`
	Functions provider.Ordered[functionSection] `yaml:"functions"`
	Resources resourcesSection                  `yaml:"resources"`
}

// packaging says that each function has a package of its own; without it the framework packages these, but deploys
// none.
type packaging struct {
	Individually bool `yaml:"individually"`
}

type providerSection struct {
	Name             string                   `yaml:"name"`
	Region           string                   `yaml:"region,omitempty"` // empty: the framework's own default
	StackName        string                   `yaml:"stackName"`
	DeploymentMethod string                   `yaml:"deploymentMethod"`
	DeploymentBucket bucketSection            `yaml:"deploymentBucket"`
	IAM              iamSection               `yaml:"iam"`
	HTTPAPI          httpAPISection           `yaml:"httpApi"`
	VersionFunctions bool                     `yaml:"versionFunctions"`
	LogRetention     int                      `yaml:"logRetentionInDays"`
	Logs             *logsSection             `yaml:"logs,omitempty"`
	Tags             map[string]provider.Text `yaml:"tags,omitempty"`
	StackTags        map[string]provider.Text `yaml:"stackTags,omitempty"`
}

type functionSection struct {
	Name         string                   `yaml:"name"`
	Image        string                   `yaml:"image,omitempty"` // in place of handler, runtime and package
	Handler      string                   `yaml:"handler,omitempty"`
	Runtime      string                   `yaml:"runtime,omitempty"`
	Architecture string                   `yaml:"architecture"`
	MemorySize   int                      `yaml:"memorySize"`
	Timeout      int                      `yaml:"timeout"`
	SnapStart    bool                     `yaml:"snapStart,omitempty"`
	Environment  map[string]provider.Text `yaml:"environment,omitempty"`
	Package      *provider.Artifact       `yaml:"package,omitempty"`
	URL          *provider.URLSection     `yaml:"url,omitempty"`
	Events       []provider.HTTPEvent     `yaml:"events,omitempty"`
}

// bucketSection is how the framework makes the bucket that packages go through.
type bucketSection struct {
	BlockPublicAccess bool `yaml:"blockPublicAccess"`
	// the framework's policy for it speaks of all principals and s3:*
	SkipPolicySetup bool                     `yaml:"skipPolicySetup"`
	Tags            map[string]provider.Text `yaml:"tags,omitempty"`
}

type httpAPISection struct {
	Name string `yaml:"name"`
}

// logsSection asks for the HTTP API's access log. The framework makes its log group, of the name accessLogGroup, as a
// resource of the stack.
type logsSection struct {
	HTTPAPI accessLogSection `yaml:"httpApi"`
}

type accessLogSection struct {
	Format string `yaml:"format"`
}

// logRetentionDays is how long a log group that was left behind keeps anything, the shortest that AWS offers.
const logRetentionDays = 1

// Files is serverless.yml of a service.
func (a *connection) Files(r *run.Run, u provider.Unit, where map[string]string) ([]provider.File, error) {
	file := serviceFile{
		Service: u.Name,
		Provider: providerSection{
			Name:             "aws",
			Region:           cmp.Or(where[provider.DetailRegion], r.Experiment.Region),
			StackName:        u.Name,   // the framework's own would be the name and a stage
			DeploymentMethod: "direct", // a change set adds a review, which a run does not need
			DeploymentBucket: bucketSection{BlockPublicAccess: true, SkipPolicySetup: true,
				Tags: provider.Texts(r.Tags)},
			IAM:              iamSection{Role: attributeOf(roleID, "Arn")},
			HTTPAPI:          httpAPISection{Name: u.Name},
			VersionFunctions: false, // versions are copies that a removal would have to find
			LogRetention:     logRetentionDays,
			Tags:             provider.Texts(r.Tags),
			StackTags:        provider.Texts(r.Tags),
		},
		Package:   packaging{Individually: true},
		Resources: extraResources(r, u),
	}
	if reported(r, u) {
		file.Provider.Logs = &logsSection{accessLogSection{Format: accessLogFormat}}
	}
	for _, fn := range u.Functions {
		f, err := section(r, u, fn)
		if err != nil {
			return nil, err
		}
		file.Functions = append(file.Functions, provider.Member[functionSection]{Name: fn.Name, Value: f})
	}
	yml, err := provider.ServerlessYML(r, u, file, "  serverless deploy | info | remove")
	return []provider.File{yml}, err
}

// reported says whether requests to functions of the unit are to get the platform's report.
func reported(r *run.Run, u provider.Unit) bool {
	return slices.ContainsFunc(u.Functions, func(fn *run.Function) bool {
		return r.Experiment.SubExperiments[fn.Sub].ProviderReport
	})
}

func section(r *run.Run, u provider.Unit, fn *run.Function) (functionSection, error) {
	runtime, architecture, err := runtimeOf(fn)
	if err != nil {
		return functionSection{}, err
	}
	env, err := provider.Environment(fn.Env)
	if err != nil {
		return functionSection{}, err
	}
	f := functionSection{
		Name:         functionName(u.Name, fn.Name),
		Architecture: architecture,
		MemorySize:   fn.MemoryMB,
		Timeout:      fn.TimeoutSeconds,
		SnapStart:    fn.SnapStart,
		Environment:  env,
		URL:          provider.URLOf(fn),
		Events:       provider.HTTPEvents(fn),
	}
	if fn.PackageType != "Image" {
		f.Handler, f.Runtime, f.Package = fn.Handler, runtime, provider.ArtifactOf(r, u, fn)
		return f, nil
	}
	if fn.Platform.ImageContract == "http" {
		return functionSection{}, fail.Unsupported("sub-experiment %d: aws runs images by the Runtime API only",
			fn.Sub).
			WithHint(`leave "ImageContract": "http" out`)
	}
	f.Image = provider.ImageOf(fn)
	return f, nil
}

// runtimeOf gives Lambda's names of the function's runtime and architecture.
func runtimeOf(fn *run.Function) (runtime, architecture string, err error) {
	switch fn.Architecture {
	case "amd64", "":
		architecture = "x86_64"
	case "arm64":
		architecture = "arm64"
	default:
		return "", "", fail.Unsupported("sub-experiment %d: aws has no architecture %q", fn.Sub, fn.Architecture)
	}
	if fn.Language == "go" || fn.Language == "rust" {
		return "provided.al2023", architecture, nil // compiled to a bootstrap of their own
	}
	return fn.Runtime, architecture, nil
}
