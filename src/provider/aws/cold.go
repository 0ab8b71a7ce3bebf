package aws

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
)

// makeCold makes a function cold: Lambda keeps no instance over a change of a function's configuration. With SnapStart,
// the route leads to a published version, so that a new one is published.
func (s *session) makeCold(ctx context.Context, name string, memoryMB int) error {
	_, is, err := s.setCold(ctx, name, aws.String(provider.ColdCount()), memoryMB)
	if err != nil || !hasSnapStart(is) {
		return err
	}
	return s.publish(ctx, name)
}

func hasSnapStart(is *lambda.GetFunctionConfigurationOutput) bool {
	return is.SnapStart != nil && is.SnapStart.ApplyOn == lambdatypes.SnapStartApplyOnPublishedVersions
}

// setCold sets the variable STELLAR_COLD of a function, nil: removes it, with new memory unless that is 0. It gives the
// configurations before and after.
func (s *session) setCold(ctx context.Context, name string, value *string, memoryMB int) (
	was, is *lambda.GetFunctionConfigurationOutput, err error) {
	return s.update(ctx, name, func(was *lambda.GetFunctionConfigurationOutput) (
		*lambda.UpdateFunctionConfigurationInput, error) {
		in, err := coldInput(was, name, value)
		if err == nil && memoryMB != 0 {
			in.MemorySize = aws.Int32(int32(memoryMB))
		}
		return in, err
	})
}

// update changes the configuration of a function, by what input makes of the one that it has. It returns when the
// configuration that Lambda shows has another revision and the variables that input asks for, with a successful update.
// GetFunctionConfiguration is not read-after-write consistent: its LastUpdateStatus alone may be that of the update
// before, while the instance of before still answers.
// It gives the configurations before and after.
func (s *session) update(ctx context.Context, name string,
	input func(was *lambda.GetFunctionConfigurationOutput) (*lambda.UpdateFunctionConfigurationInput, error)) (
	was, is *lambda.GetFunctionConfigurationOutput, err error) {
	for {
		if was, err = s.ready(ctx, name); err != nil {
			return nil, nil, err
		}
		in, err := input(was)
		if err != nil {
			return nil, nil, err
		}
		updated, err := s.lambda.UpdateFunctionConfiguration(ctx, in)
		switch {
		case hasCode(err, "PreconditionFailedException", ""), hasCode(err, "ResourceConflictException", ""):
			// What was read is not the newest configuration, or an update has begun meanwhile: read it again.
			if err := provider.Pause(ctx, min(firstLook, s.Patience.Wait)); err != nil {
				return nil, nil, fmt.Errorf("update function %s: %w", name, err)
			}
			continue
		case hasCode(err, "AccessDeniedException", ""):
			return nil, nil, fail.Input("function %s may not be changed: %s", name, shortError(err)).
				WithHint("docs/providers/aws.md says which permissions are needed")
		case err != nil:
			return nil, nil, fmt.Errorf("update function %s: %w", name, withoutValues(err, in))
		}
		same := aws.ToString(updated.RevisionId) == aws.ToString(was.RevisionId) // it changed nothing
		is, err = s.await(ctx, name, func(now *lambda.GetFunctionConfigurationOutput) bool {
			return (same || aws.ToString(now.RevisionId) != aws.ToString(was.RevisionId)) &&
				(now.LastUpdateStatus == lambdatypes.LastUpdateStatusFailed || shows(now, in))
		})
		return was, is, err
	}
}

// withoutValues is an error without the values of the variables that Lambda repeats where it refuses them ("String
// measured: …").
func withoutValues(err error, in *lambda.UpdateFunctionConfigurationInput) error {
	var api smithy.APIError
	if in.Environment == nil || !errors.As(err, &api) {
		return err
	}
	said, _, _ := strings.Cut(shortError(err), "String measured")
	for _, value := range in.Environment.Variables {
		if len(value) >= shownValue {
			said = strings.ReplaceAll(said, value, "…")
		}
	}
	return errors.New(said)
}

// shownValue is the length from which on a value is taken out of an error: shorter ones are part of other words.
const shownValue = 4

// shows reports whether a configuration has the variables of an update that belong to runs. Others may change the rest
// at any time.
func shows(now *lambda.GetFunctionConfigurationOutput, in *lambda.UpdateFunctionConfigurationInput) bool {
	if in.Environment == nil {
		return true
	}
	var variables map[string]string
	if now.Environment != nil {
		variables = now.Environment.Variables
	}
	for _, name := range []string{provider.ColdVariable, markVariable} {
		is, set := variables[name]
		want, wanted := in.Environment.Variables[name]
		if set != wanted || is != want {
			return false
		}
	}
	return true
}

// variablesOf are a function's variables, never nil. Lambda takes them as a whole, so that none can be changed where it
// does not show them.
func variablesOf(is *lambda.GetFunctionConfigurationOutput) (map[string]string, error) {
	variables := map[string]string{}
	if is.Environment == nil {
		return variables, nil
	}
	if e := is.Environment.Error; e != nil {
		return nil, fail.Input("function %s: Lambda does not show its variables (%s: %s), so that none can be changed",
			aws.ToString(is.FunctionName), aws.ToString(e.ErrorCode), aws.ToString(e.Message)).
			WithHint("allow kms:Decrypt with the key of the function's variables")
	}
	maps.Copy(variables, is.Environment.Variables)
	return variables, nil
}

// coldInput is the update that sets or removes the variable and keeps all others. It demands that the configuration is
// still the one that was read: the variables of others must not get lost.
func coldInput(was *lambda.GetFunctionConfigurationOutput, name string, value *string) (
	*lambda.UpdateFunctionConfigurationInput, error) {
	variables, err := variablesOf(was)
	if err != nil {
		return nil, err
	}
	delete(variables, provider.ColdVariable)
	if value != nil {
		variables[provider.ColdVariable] = *value
	}
	return &lambda.UpdateFunctionConfigurationInput{FunctionName: &name, RevisionId: was.RevisionId,
		Environment: &lambdatypes.Environment{Variables: variables}}, nil
}

// coldOf is the value of the variable STELLAR_COLD, and whether it is set.
func coldOf(is *lambda.GetFunctionConfigurationOutput) (value string, set bool) {
	if is.Environment == nil {
		return "", false
	}
	value, set = is.Environment.Variables[provider.ColdVariable]
	return value, set
}
