package generate

import (
	"cmp"

	"stellar/src/fail"
	"stellar/src/provider"
	"stellar/src/run"
)

// awsService is serverless.yml for AWS: one service for the unit, an HTTP API route for each function.
type awsService struct {
	Service   string               `yaml:"service"`
	Provider  awsProvider          `yaml:"provider"`
	Package   awsPackage           `yaml:"package"`
	Functions ordered[awsFunction] `yaml:"functions"`
	Resources awsResources         `yaml:"resources"`
}

// awsPackage says that each function has a package of its own; without it the framework packages these, but deploys none.
type awsPackage struct {
	Individually bool `yaml:"individually"`
}

type awsProvider struct {
	Name             string          `yaml:"name"`
	Region           string          `yaml:"region,omitempty"` // empty: the framework's own default
	StackName        string          `yaml:"stackName"`
	DeploymentMethod string          `yaml:"deploymentMethod"`
	DeploymentBucket awsBucket       `yaml:"deploymentBucket"`
	IAM              awsIAM          `yaml:"iam"`
	HTTPAPI          awsHTTPAPI      `yaml:"httpApi"`
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

// awsBucket is how the framework makes the bucket that packages go through.
type awsBucket struct {
	BlockPublicAccess bool            `yaml:"blockPublicAccess"`
	SkipPolicySetup   bool            `yaml:"skipPolicySetup"` // the framework's policy for it speaks of all principals and s3:*
	Tags              map[string]text `yaml:"tags,omitempty"`
}

type awsHTTPAPI struct {
	Name string `yaml:"name"`
}

// awsLogDays is how long a log group that was left behind keeps anything, the shortest that AWS offers.
const awsLogDays = 1

func awsFiles(s Service, r *run.Run, u provider.Unit) ([]File, error) {
	file := awsService{
		Service: u.Name,
		Provider: awsProvider{
			Name:             "aws",
			Region:           cmp.Or(s.where[provider.DetailRegion], r.Experiment.Region),
			StackName:        u.Name,   // the framework's own would be the name and a stage
			DeploymentMethod: "direct", // a change set adds a review that nobody makes
			DeploymentBucket: awsBucket{BlockPublicAccess: true, SkipPolicySetup: true, Tags: texts(r.Tags)},
			IAM:              awsIAM{Role: getAtt(provider.AWSRole, "Arn")},
			HTTPAPI:          awsHTTPAPI{Name: u.Name},
			VersionFunctions: false, // versions are copies that a removal would have to find
			LogRetention:     awsLogDays,
			Tags:             texts(r.Tags),
			StackTags:        texts(r.Tags),
		},
		Package:   awsPackage{Individually: true},
		Resources: awsExtra(r, u),
	}
	for _, fn := range u.Functions {
		f, err := awsOne(r, u, fn)
		if err != nil {
			return nil, err
		}
		file.Functions = append(file.Functions, member[awsFunction]{fn.Name, f})
	}
	yml, err := serverlessYML(r, u, file, "  serverless deploy | info | remove")
	return []File{yml}, err
}

func awsOne(r *run.Run, u provider.Unit, fn *run.Function) (awsFunction, error) {
	runtime, architecture, err := awsRuntime(fn)
	if err != nil {
		return awsFunction{}, err
	}
	f := awsFunction{
		Name:         provider.AWSFunctionName(u.Name, fn.Name),
		Architecture: architecture,
		MemorySize:   fn.MemoryMB,
		Timeout:      fn.TimeoutSeconds,
		SnapStart:    fn.SnapStart,
		Environment:  texts(fn.Env),
		Events:       events(fn),
	}
	if fn.PackageType != "Image" {
		f.Handler, f.Runtime, f.Package = fn.Handler, runtime, artifactOf(r, u, fn)
		return f, nil
	}
	if fn.Platform.ImageContract == "http" {
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
	if fn.Language == "go" || fn.Language == "rust" {
		return "provided.al2023", architecture, nil // compiled to a bootstrap of their own
	}
	return fn.Runtime, architecture, nil
}
