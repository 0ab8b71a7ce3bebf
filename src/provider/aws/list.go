package aws

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cftypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/vhive-serverless/STeLLAR/src/bytesize"
	"github.com/vhive-serverless/STeLLAR/src/provider"
)

// ListAPIs lists the functions of all runs in the account and region, found by their stacks' tags.
func (a *connection) ListAPIs(ctx context.Context) ([]provider.Endpoint, error) {
	s, err := a.open(ctx)
	if err != nil {
		return nil, err
	}
	stacks, err := s.tagged(ctx)
	if err != nil {
		return nil, err
	}
	out := []provider.Endpoint{}
	for i := range stacks {
		es, err := s.functions(ctx, &stacks[i])
		if err != nil {
			return nil, err
		}
		out = append(out, es...)
	}
	return out, nil
}

// Tagged lists the services of all runs in the account and region.
func (a *connection) Tagged(ctx context.Context) ([]provider.Tagged, error) {
	s, err := a.open(ctx)
	if err != nil {
		return nil, err
	}
	stacks, err := s.tagged(ctx)
	if err != nil {
		return nil, err
	}
	var out []provider.Tagged
	for i := range stacks {
		t := provider.Tagged{Run: tagOf(&stacks[i], provider.TagRun), Owner: tagOf(&stacks[i], provider.TagOwner),
			Unit: provider.Unit{
				Name: aws.ToString(stacks[i].StackName), Confirmed: true,
				Where: map[string]string{provider.DetailRegion: s.region, provider.DetailAccount: s.account}}}
		if at, err := time.Parse(time.RFC3339, tagOf(&stacks[i], provider.TagExpires)); err == nil {
			t.Expires = at
		}
		if !t.Expires.IsZero() && time.Now().After(t.Expires) {
			if t.Expires, err = s.renewed(ctx, aws.ToString(stacks[i].StackName), t.Expires); err != nil {
				return nil, err
			}
		}
		out = append(out, t)
	}
	return out, nil
}

// tagged are the stacks that carry a run's tag.
func (s *session) tagged(ctx context.Context) ([]cftypes.Stack, error) {
	var out []cftypes.Stack
	pages := cloudformation.NewDescribeStacksPaginator(s.stacks, &cloudformation.DescribeStacksInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the stacks in %s: %w", s.region, err)
		}
		for i := range page.Stacks {
			if tagOf(&page.Stacks[i], provider.TagRun) != "" &&
				page.Stacks[i].StackStatus != cftypes.StackStatusDeleteComplete {
				out = append(out, page.Stacks[i])
			}
		}
	}
	return out, nil
}

// functions are those of one stack, as Lambda describes them.
func (s *session) functions(ctx context.Context, stack *cftypes.Stack) ([]provider.Endpoint, error) {
	unit, api := aws.ToString(stack.StackName), outputOf(stack, outputAPI)
	if api == "" {
		return nil, nil // half deployed: nothing answers there
	}
	names, err := s.resources(ctx, unit, "AWS::Lambda::Function")
	if err != nil {
		return nil, err
	}
	var out []provider.Endpoint
	for _, name := range names {
		is, err := s.lambda.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &name})
		if hasCode(err, "ResourceNotFoundException", "") {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("ask for function %s: %w", name, err)
		}
		if is.Environment != nil && is.Environment.Variables[provider.EntryVariable] != "" {
			continue // no HTTP API leads to it
		}
		function := strings.TrimPrefix(name, unit+"-")
		out = append(out, provider.Endpoint{Function: function, URL: api + "/" + function, Provider: "aws",
			MemoryMB:    int(aws.ToInt32(is.MemorySize)),
			PackageType: string(is.PackageType), ImageSizeMB: bytesize.Size(is.CodeSize).MiB(), Deployed: true,
			Detail: map[string]string{provider.DetailName: name, provider.DetailRegion: s.region,
				provider.DetailUnit: unit}})
	}
	return out, nil
}

func tagOf(stack *cftypes.Stack, key string) string {
	for _, t := range stack.Tags {
		if aws.ToString(t.Key) == key {
			return aws.ToString(t.Value)
		}
	}
	return ""
}

func outputOf(stack *cftypes.Stack, key string) string {
	for _, o := range stack.Outputs {
		if aws.ToString(o.OutputKey) == key {
			return strings.TrimRight(aws.ToString(o.OutputValue), "/")
		}
	}
	return ""
}
