package aws

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/vhive-serverless/STeLLAR/src/provider"
)

// Renew gives the first function of a service a later tag. The stack's own tag would be set only by an update of all
// that is in the stack; a tag of a function is no part of its configuration, and no instance ends for it.
func (a *connection) Renew(ctx context.Context, u provider.Unit, until time.Time) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	unit := u.Name
	f, err := s.firstFunction(ctx, unit)
	if err != nil {
		return err
	}
	if f == nil || f.Configuration == nil {
		return fmt.Errorf("service %s has no function whose tag could be renewed", unit)
	}
	_, err = s.lambda.TagResource(ctx, &lambda.TagResourceInput{Resource: f.Configuration.FunctionArn,
		Tags: map[string]string{provider.TagExpires: until.UTC().Format(time.RFC3339)}})
	if err != nil {
		return fmt.Errorf("renew the tag of service %s: %w", unit, err)
	}
	return nil
}

// renewed is when a stack expires whose own tag says that it has: later where its first function's tag says so.
func (s *session) renewed(ctx context.Context, unit string, was time.Time) (time.Time, error) {
	f, err := s.firstFunction(ctx, unit)
	if err != nil || f == nil {
		return was, err
	}
	if later, err := time.Parse(time.RFC3339, f.Tags[provider.TagExpires]); err == nil && later.After(was) {
		return later, nil
	}
	return was, nil
}

// firstFunction is that of a stack by its name, with its tags; nil where the stack has none.
func (s *session) firstFunction(ctx context.Context, unit string) (*lambda.GetFunctionOutput, error) {
	names, err := s.resources(ctx, unit, "AWS::Lambda::Function")
	if err != nil || len(names) == 0 {
		return nil, err
	}
	first := slices.Min(names)
	f, err := s.lambda.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: aws.String(first)})
	if hasCode(err, "ResourceNotFoundException", "") {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("ask for the tags of function %s: %w", first, err)
	}
	return f, nil
}
