package aws

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cftypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
)

// arnForm is the ARN of a function, perhaps with a version or an alias
// (docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConfiguration.html, FunctionName).
var arnForm = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^arn:aws[a-z-]*:lambda:([a-z0-9-]+):(\d{12}):function:([A-Za-z0-9_-]{1,64})` +
		`(?::(\$LATEST|[A-Za-z0-9_-]+))?$`)
})

// stackForm is a resource of a stack. The forms of both names are CloudFormation's.
var stackForm = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^stack:([A-Za-z][A-Za-z0-9-]{0,127})/([A-Za-z0-9]{1,255})$`)
})

const (
	existingForms = "arn:aws:lambda:REGION:ACCOUNT:function:NAME, or stack:NAME/LOGICAL-ID"
	latest        = "$LATEST"
	// detailQualifier is the version or alias that an ARN names, in an endpoint's Detail.
	detailQualifier = "qualifier"
	// detailLogGroup is where a function writes its logs, in an endpoint's Detail.
	detailLogGroup = "logGroup"
)

const existingHint = "docs/providers/aws.md says how a function that exists is named, and which permissions it takes"

// named is a function as an experiment names it. Of one in a stack only the stack and the logical id are known.
type named struct {
	region, account, name string
	qualifier             string // of a version or an alias; empty: the function itself
	stack, resource       string
}

// readExisting reads how an experiment names a function that exists.
func readExisting(text string) (named, bool) {
	if m := arnForm().FindStringSubmatch(text); m != nil {
		n := named{region: m[1], account: m[2], name: m[3], qualifier: m[4]}
		if n.qualifier == latest {
			n.qualifier = ""
		}
		return n, true
	}
	if m := stackForm().FindStringSubmatch(text); m != nil {
		return named{stack: m[1], resource: m[2]}, true
	}
	return named{}, false
}

// refuseExisting says what is wrong with the name of a function that exists, and that a version is not changed.
func refuseExisting(s *experiment.SubExperiment) []provider.Refusal {
	if !experiment.IsExisting(s.Function) {
		return nil
	}
	n, ok := readExisting(s.Function)
	switch {
	case !ok:
		return []provider.Refusal{provider.Refuse("Function", s.Function, "a function that exists is written as %s",
			existingForms)}
	case n.qualifier != "" && s.Changes():
		return []provider.Refusal{provider.Refuse("Function", s.Function, "the configuration of a version, and of "+
			"what an alias leads to, cannot be changed: want the ARN without :%s, or no FunctionMemoryMB, "+
			"FunctionTimeoutSeconds, Environment and ColdStart %s", n.qualifier, experiment.ColdForce)}
	}
	return nil
}

// Find looks a function up. It needs lambda:GetFunctionConfiguration, for Entry url lambda:GetFunctionUrlConfig, and
// cloudformation:DescribeStackResource for one in a stack.
func (a *connection) Find(ctx context.Context, fn *provider.Function) (provider.Found, error) {
	s, err := a.open(ctx)
	if err != nil {
		return provider.Found{}, err
	}
	n, ok := readExisting(fn.Existing)
	if !ok {
		return provider.Found{}, fail.Input("Function %s: want %s", fn.Existing, existingForms).WithHint(existingHint)
	}
	if n, err = s.locateExisting(ctx, n); err != nil {
		return provider.Found{}, err
	}
	is, err := s.lambda.GetFunctionConfiguration(ctx,
		&lambda.GetFunctionConfigurationInput{FunctionName: &n.name, Qualifier: optional(n.qualifier)})
	if err != nil {
		return provider.Found{}, s.notFound(n, err)
	}
	if is.State == lambdatypes.StateFailed {
		return provider.Found{}, fail.Input("function %s cannot be called: %s", n, aws.ToString(is.StateReason))
	}
	if err := checkChangeable(is, fn); err != nil {
		return provider.Found{}, err
	}
	found := foundOf(is)
	e := &found.Endpoint
	e.Provider, e.Entry = "aws", fn.Entry
	e.Detail = map[string]string{provider.DetailName: n.name, provider.DetailRegion: s.region,
		provider.DetailAccount: s.account, provider.DetailExisting: fn.Existing}
	if n.qualifier != "" {
		e.Detail[detailQualifier] = n.qualifier
	}
	if is.LoggingConfig != nil && aws.ToString(is.LoggingConfig.LogGroup) != "" {
		e.Detail[detailLogGroup] = *is.LoggingConfig.LogGroup
	}
	e.URL, err = s.existingAddress(ctx, n, fn)
	return found, err
}

// foundOf is what a configuration says of a function, without where it is.
func foundOf(is *lambda.GetFunctionConfigurationOutput) provider.Found {
	found := provider.Found{Endpoint: provider.Endpoint{MemoryMB: int(aws.ToInt32(is.MemorySize)),
		PackageType: string(is.PackageType)}, Runtime: string(is.Runtime), Architecture: "amd64",
		TimeoutSeconds: int(aws.ToInt32(is.Timeout))}
	if slices.Contains(is.Architectures, lambdatypes.ArchitectureArm64) {
		found.Architecture = "arm64"
	}
	if is.Environment != nil {
		found.Variables = slices.Sorted(maps.Keys(is.Environment.Variables))
	}
	return found
}

// String is a function's name with its version or alias, as Lambda takes it.
func (n named) String() string {
	if n.qualifier == "" {
		return n.name
	}
	return n.name + ":" + n.qualifier
}

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// locateExisting finds the function of a stack, and checks that a function is where the run is.
func (s *session) locateExisting(ctx context.Context, n named) (named, error) {
	if n.stack != "" {
		return s.inStack(ctx, n)
	}
	switch {
	case n.region != s.region:
		return n, fail.Input("function %s is in %s, the run in %s", n, n.region, s.region).
			WithHint(`write "Region": %q, or name a function in %s`, n.region, s.region)
	case n.account != s.account:
		return n, fail.Input("function %s is in account %s, the credentials (%s) are of account %s", n, n.account,
			s.credentials, s.account).WithHint("choose that account's credentials (AWS_PROFILE)")
	}
	return n, nil
}

// inStack asks CloudFormation which function a resource of a stack is.
func (s *session) inStack(ctx context.Context, n named) (named, error) {
	out, err := s.stacks.DescribeStackResource(ctx,
		&cloudformation.DescribeStackResourceInput{StackName: &n.stack, LogicalResourceId: &n.resource})
	if err != nil {
		var api smithy.APIError
		if !errors.As(err, &api) {
			return n, fmt.Errorf("ask for %s of stack %s in %s: %w", n.resource, n.stack, s.region, err)
		}
		return n, fail.Input("there is no %s in stack %s in %s (account %s): %s", n.resource, n.stack, s.region,
			s.account, shortError(err)).WithHint("`aws cloudformation list-stack-resources --stack-name %s` lists the "+
			"logical ids; %s", n.stack, existingHint)
	}
	var is cftypes.StackResourceDetail
	if out.StackResourceDetail != nil {
		is = *out.StackResourceDetail
	}
	name := aws.ToString(is.PhysicalResourceId)
	if kind := aws.ToString(is.ResourceType); kind != "AWS::Lambda::Function" || name == "" {
		return n, fail.Input("%s of stack %s is %s (%s), not a function that can be called", n.resource, n.stack,
			cmp.Or(kind, "nothing"), is.ResourceStatus).WithHint("want the logical id of an AWS::Lambda::Function")
	}
	n.name = name
	return n, nil
}

// notFound says why a function could not be looked at.
func (s *session) notFound(n named, err error) error {
	switch {
	case hasCode(err, "ResourceNotFoundException", ""):
		return fail.Input("there is no function %s in %s (account %s)", n, s.region, s.account).
			WithHint("`aws lambda list-functions --region %s` lists them; %s", s.region, existingHint)
	case hasCode(err, "AccessDeniedException", ""):
		return fail.Input("function %s may not be looked at: %s", n, shortError(err)).WithHint(existingHint)
	}
	return fmt.Errorf("ask for function %s: %w", n, err)
}

// checkChangeable refuses changes that cannot be made, where there are any.
func checkChangeable(is *lambda.GetFunctionConfigurationOutput, fn *provider.Function) error {
	name := aws.ToString(is.FunctionName)
	mark, marked := markOf(is)
	if marked {
		return fail.Input("function %s is configured by run %s at the moment", name, mark.run).
			WithHint("wait until that run has ended; if it was killed, `stellar clean` puts the configuration back")
	}
	wants := provider.Wanted{MemoryMB: fn.MemoryMB, TimeoutSeconds: fn.TimeoutSeconds, Env: fn.Env}
	if wants.Same(provider.Wanted{}) {
		return nil
	}
	_, err := changeInput(is, "20060102T150405Z-aws-xxxx", wants)
	return err
}

// existingAddress is where a function that exists is called.
func (s *session) existingAddress(ctx context.Context, n named, fn *provider.Function) (string, error) {
	if fn.Entry != experiment.EntryURL {
		base, err := s.lambdaAddress(ctx)
		return base + provider.InvokePath(n.String()), err
	}
	out, err := s.lambda.GetFunctionUrlConfig(ctx,
		&lambda.GetFunctionUrlConfigInput{FunctionName: &n.name, Qualifier: optional(n.qualifier)})
	switch {
	case hasCode(err, "ResourceNotFoundException", ""):
		return "", fail.Input("function %s has no function URL", n).
			WithHint("want Entry %s; stellar makes no URL for a function that exists", experiment.EntrySDK)
	case err != nil:
		return "", fail.Input("ask for the URL of function %s: %s", n, shortError(err)).WithHint(existingHint)
	}
	auth, mode := experiment.AuthNone, experiment.InvokeBuffered
	if out.AuthType == lambdatypes.FunctionUrlAuthTypeAwsIam {
		auth = experiment.AuthIAM
	}
	if out.InvokeMode == lambdatypes.InvokeModeResponseStream {
		mode = experiment.InvokeStreamed
	}
	if auth != fn.EntryAuth || mode != fn.InvokeMode {
		return "", fail.Input("the URL of function %s has EntryAuth %s and InvokeMode %s, the experiment asks for %s "+
			"and %s", n, auth, mode, fn.EntryAuth, fn.InvokeMode).WithHint("write the values that the URL has")
	}
	return aws.ToString(out.FunctionUrl), nil
}
