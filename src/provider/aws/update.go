package aws

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/vhive-serverless/STeLLAR/src/bytesize"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
)

// directLimit is the largest package that Lambda takes in the request itself (50 MB, its limits); others go through S3.
const directLimit = int(50 * bytesize.MB)

// UpdateFunction gives a function new code and memory where they differ, and a cold start in any case. It returns when
// Lambda shows that the next request meets the new function.
func (a *connection) UpdateFunction(ctx context.Context, e provider.Endpoint, fn *provider.Function) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	name := e.Detail[provider.DetailName]
	if name == "" {
		return fail.Input("function %s at %s has no name in the account: only functions that stellar deployed can "+
			"be updated", e.Function, e.URL)
	}
	ctx, cancel := context.WithTimeout(ctx, a.Patience.Command)
	defer cancel()
	if e.Detail[provider.DetailExisting] != "" {
		if fn != nil {
			return fail.Unsupported("function %s exists: it gets no new code", name)
		}
		_, _, err := s.setCold(ctx, name, aws.String(provider.ColdCount()), 0)
		return err
	}
	memoryMB := 0
	if fn != nil {
		is, err := s.ready(ctx, name)
		if err != nil {
			return err
		}
		if err := s.newCode(ctx, e.Detail[provider.DetailUnit], name, is, fn); err != nil {
			return err
		}
		memoryMB = fn.MemoryMB
	}
	return s.makeCold(ctx, name, memoryMB)
}

// ready waits until no change of a function is under way, and gives its configuration. That the last change failed is
// no error: Lambda keeps the configuration of before it, and takes another change.
func (s *session) ready(ctx context.Context, name string) (*lambda.GetFunctionConfigurationOutput, error) {
	return s.await(ctx, name, nil)
}

// Pauses between two looks at a function's configuration: an update takes about a second.
const (
	firstLook = 200 * time.Millisecond
	lastLook  = 2 * time.Second
)

// await waits until no change of a function is under way and its configuration is as it should be, which a failed
// change is not. With nil, every configuration is.
func (s *session) await(ctx context.Context, name string,
	is func(*lambda.GetFunctionConfigurationOutput) bool) (*lambda.GetFunctionConfigurationOutput, error) {
	for wait, looked := firstLook, false; ; wait, looked = min(2*wait, lastLook), true {
		now, err := s.lambda.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &name})
		switch {
		case err != nil && looked && ctx.Err() != nil:
			return nil, fmt.Errorf("function %s: an update is under way: %w", name, ctx.Err())
		case err != nil:
			return nil, fmt.Errorf("ask for function %s: %w", name, err)
		}
		done := now.LastUpdateStatus != lambdatypes.LastUpdateStatusInProgress && now.State != lambdatypes.StatePending
		switch as := is == nil || is(now); {
		case as && is != nil && now.LastUpdateStatus == lambdatypes.LastUpdateStatusFailed:
			return nil, fmt.Errorf("function %s: %s", name, aws.ToString(now.LastUpdateStatusReason))
		case as && now.State == lambdatypes.StateFailed:
			return nil, fmt.Errorf("function %s: %s", name, aws.ToString(now.StateReason))
		case as && done:
			return now, nil
		}
		if err := provider.Pause(ctx, min(wait, s.Patience.Wait)); err != nil {
			return nil, fmt.Errorf("function %s: an update is under way: %w", name, err)
		}
	}
}

// newCode gives a function the package of fn, unless it has it.
func (s *session) newCode(ctx context.Context, unit, name string, is *lambda.GetFunctionConfigurationOutput,
	fn *provider.Function) error {
	if fn.Package == nil {
		return nil
	}
	in := &lambda.UpdateFunctionCodeInput{FunctionName: &name}
	if fn.PackageType == "Image" {
		has, err := s.lambda.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: &name})
		if err != nil {
			return fmt.Errorf("ask for function %s: %w", name, err)
		}
		if has.Code != nil && (aws.ToString(has.Code.ImageUri) == fn.Package.Image ||
			aws.ToString(has.Code.ResolvedImageUri) == fn.Package.Image) {
			return nil
		}
		in.ImageUri = aws.String(fn.Package.Image)
	} else {
		sum, err := hex.DecodeString(fn.Package.SHA256)
		if err != nil {
			return fmt.Errorf("package %s: %w", fn.Package.Name, err)
		}
		if aws.ToString(is.CodeSha256) == base64.StdEncoding.EncodeToString(sum) {
			return nil
		}
		if err := s.code(ctx, unit, fn, in); err != nil {
			return err
		}
	}
	updated, err := s.lambda.UpdateFunctionCode(ctx, in)
	if err != nil {
		return fmt.Errorf("new code for function %s: %w", name, err)
	}
	same := aws.ToString(updated.RevisionId) == aws.ToString(is.RevisionId)
	_, err = s.await(ctx, name, func(now *lambda.GetFunctionConfigurationOutput) bool {
		return same || aws.ToString(now.RevisionId) != aws.ToString(is.RevisionId)
	})
	return err
}

// code puts a ZIP package into the request, or into the service's own bucket where it is too large for that. It lies
// there under the Serverless CLI's prefix, so that `osls remove` finds it too.
func (s *session) code(ctx context.Context, unit string, fn *provider.Function,
	in *lambda.UpdateFunctionCodeInput) error {
	text, err := os.ReadFile(fn.Package.Path)
	if err != nil {
		return fmt.Errorf("package %s: %w", fn.Package.Name, err)
	}
	if len(text) < directLimit {
		in.ZipFile = text
		return nil
	}
	buckets, err := s.resources(ctx, unit, "AWS::S3::Bucket")
	if err != nil {
		return err
	}
	if len(buckets) == 0 {
		return fmt.Errorf("stack %s has no bucket for the package of function %s", unit, fn.Name)
	}
	key := "serverless/" + unit + "/dev/" + fn.Package.SHA256 + ".zip"
	if _, err := s.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &buckets[0], Key: &key,
		Body: bytes.NewReader(text)}); err != nil {
		return fmt.Errorf("upload the package of function %s: %w", fn.Name, err)
	}
	in.S3Bucket, in.S3Key = &buckets[0], &key
	return nil
}
