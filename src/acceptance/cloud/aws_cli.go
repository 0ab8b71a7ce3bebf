package cloud

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// serviceFile is what a Serverless CLI reads of a serverless.yml, as far as the fakes need it.
type serviceFile struct {
	Service  string `yaml:"service"`
	Provider struct {
		Name      string            `yaml:"name"`
		Region    string            `yaml:"region"`
		StackName string            `yaml:"stackName"`
		StackTags map[string]string `yaml:"stackTags"`
		Tags      map[string]string `yaml:"tags"`

		ResourceGroup  string `yaml:"resourceGroup"`
		SubscriptionID string `yaml:"subscriptionId"`
		APIM           any    `yaml:"apim"`
	} `yaml:"provider"`
	Functions map[string]struct {
		Name    string `yaml:"name"`
		Package struct {
			Artifact string `yaml:"artifact"`
		} `yaml:"package"`
	} `yaml:"functions"`
}

// readService reads the serverless.yml of the folder in which a command runs.
func readService(c command) (serviceFile, []string, error) {
	var f serviceFile
	text, err := os.ReadFile(c.path("serverless.yml"))
	if err == nil {
		err = yaml.Unmarshal(text, &f)
	}
	var names []string
	for name, fn := range f.Functions {
		names = append(names, name)
		if fn.Package.Artifact == "" {
			continue
		}
		if _, serr := os.Stat(c.path(filepath.FromSlash(fn.Package.Artifact))); err == nil && serr != nil &&
			c.Args[0] == "deploy" {
			err = serr
		}
	}
	slices.Sort(names)
	return f, names, err
}

// slsVerb is what a command line of the Serverless CLI asks for: its commands take no arguments of ours but those
// given.
func slsVerb(args []string, flags map[string]string) (string, error) {
	verbs := map[string]string{"deploy": deploys, "remove": removes, "info": "info", "--version": versions}
	verb := verbs[args[0]]
	if want := flags[args[0]]; verb == "" || strings.Join(args[1:], " ") != want {
		return "", fmt.Errorf("serverless %s", strings.Join(args, " "))
	}
	return verb, nil
}

// osls is the Serverless CLI with AWS behind it: its stack and all that is in it.
func osls() fakeCLI {
	return fakeCLI{
		programs: []string{"osls"},
		texts:    "osls",
		tells: map[string]string{"failed": "CREATE_FAILED: F0Dash0LambdaFunction", "throttled": "Rate exceeded",
			"made-no-address": "<html>502 Bad Gateway</html>",
			"made-too-few":    "no endpoint for function f0-1",
			"remove-failed":   "not authorized to perform: lambda:DeleteFunction",
			"no-answer":       "unable to handle request"},
		read: func(c command) (ask, error) {
			verb, err := slsVerb(c.Args, nil)
			a := ask{verb: verb}
			if err != nil || verb == versions {
				return a, err
			}
			f, names, err := readService(c)
			if err == nil && (f.Provider.StackName != f.Service || f.Provider.Region == "") {
				err = fmt.Errorf("the stack of %s is %q in %q", f.Service, f.Provider.StackName, f.Provider.Region)
			}
			if err == nil && (f.Provider.StackTags["stellar-run"] == "" ||
				f.Provider.StackTags["stellar-expires"] == "") {
				err = fmt.Errorf("%s is not tagged: %v", f.Service, f.Provider.StackTags)
			}
			a.unit, a.names, a.scope, a.tags = f.Service, names, awsAccount+"/"+f.Provider.Region, f.Provider.StackTags
			return a, err
		},
		resources: awsResources,
		stays:     func(t resource) bool { return t.Kind == logGroup && strings.HasSuffix(t.Name, "f0-0") },
	}
}

const (
	awsAccount = "123456789012"
	logGroup   = "AWS::Logs::LogGroup"
	awsBucket  = "AWS::S3::Bucket"
	awsStack   = "stack"
)

// awsThings are a stack and what is in it; the bucket has an object, the package, until it is emptied.
func awsResources(a ask) []resource {
	one := func(kind, name string) resource {
		return resource{Kind: kind, Name: name, Scope: a.scope, Unit: a.unit}
	}
	stack := one(awsStack, a.unit)
	stack.Tags = a.tags
	switch a.do {
	case doHang, doLate: // CloudFormation goes on by itself
		stack.State = "CREATE_IN_PROGRESS"
	case doHalf:
		stack.State = "ROLLBACK_COMPLETE"
	}
	bucket := one(awsBucket, a.unit+"-serverlessdeploymentbucket-1x2y3z")
	bucket.Names = []string{"serverless/package.zip"}
	out := []resource{stack, bucket}
	for _, f := range a.names {
		out = append(out, one(logGroup, "/aws/lambda/"+a.unit+"-"+f), one("AWS::Lambda::Function", a.unit+"-"+f))
	}
	return out
}
