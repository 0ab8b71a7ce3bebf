package provider

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cftypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// Tags of a run, on all that it makes.
const (
	tagRun     = "stellar-run"
	tagExpires = "stellar-expires"
	tagOwner   = "stellar-owner"
)

// ListAPIs lists the functions of all runs in the account and region, found by their stacks' tags.
func (a *amazon) ListAPIs(ctx context.Context) ([]Endpoint, error) {
	s, err := a.open(ctx)
	if err != nil {
		return nil, err
	}
	stacks, err := s.tagged(ctx)
	if err != nil {
		return nil, err
	}
	out := []Endpoint{}
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
func (a *amazon) Tagged(ctx context.Context) ([]Tagged, error) {
	s, err := a.open(ctx)
	if err != nil {
		return nil, err
	}
	stacks, err := s.tagged(ctx)
	if err != nil {
		return nil, err
	}
	var out []Tagged
	for i := range stacks {
		t := Tagged{Run: awsTag(&stacks[i], tagRun), Owner: awsTag(&stacks[i], tagOwner), Unit: Endpoint{Provider: "aws", Detail: map[string]string{
			DetailUnit: aws.ToString(stacks[i].StackName), DetailRegion: s.region, detailAccount: s.account, DetailConfirmed: "yes"}}}
		if at, err := time.Parse(time.RFC3339, awsTag(&stacks[i], tagExpires)); err == nil {
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
func (s *awsSession) tagged(ctx context.Context) ([]cftypes.Stack, error) {
	var out []cftypes.Stack
	pages := cloudformation.NewDescribeStacksPaginator(s.stacks, &cloudformation.DescribeStacksInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the stacks in %s: %w", s.region, err)
		}
		for i := range page.Stacks {
			if awsTag(&page.Stacks[i], tagRun) != "" && page.Stacks[i].StackStatus != cftypes.StackStatusDeleteComplete {
				out = append(out, page.Stacks[i])
			}
		}
	}
	return out, nil
}

// functions are those of one stack, as Lambda tells of them.
func (s *awsSession) functions(ctx context.Context, stack *cftypes.Stack) ([]Endpoint, error) {
	unit, api := aws.ToString(stack.StackName), awsOutput(stack, AWSOutputAPI)
	if api == "" {
		return nil, nil // half deployed: nothing answers there
	}
	names, err := s.resources(ctx, unit, "AWS::Lambda::Function")
	if err != nil {
		return nil, err
	}
	var out []Endpoint
	for _, name := range names {
		is, err := s.lambda.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &name})
		if awsCode(err, "ResourceNotFoundException", "") {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("ask for function %s: %w", name, err)
		}
		function := strings.TrimPrefix(name, unit+"-")
		out = append(out, Endpoint{Function: function, URL: api + "/" + function, Provider: "aws", MemoryMB: int(aws.ToInt32(is.MemorySize)),
			PackageType: string(is.PackageType), ImageSizeMB: float64(is.CodeSize) / mib, Deployed: true,
			Detail: map[string]string{detailName: name, DetailRegion: s.region, DetailUnit: unit}})
	}
	return out, nil
}

func awsTag(stack *cftypes.Stack, key string) string {
	for _, t := range stack.Tags {
		if aws.ToString(t.Key) == key {
			return aws.ToString(t.Value)
		}
	}
	return ""
}

func awsOutput(stack *cftypes.Stack, key string) string {
	for _, o := range stack.Outputs {
		if aws.ToString(o.OutputKey) == key {
			return strings.TrimRight(aws.ToString(o.OutputValue), "/")
		}
	}
	return ""
}
