package aws

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/signing"
)

// behindAPI are the functions of a unit that an HTTP API leads to.
func behindAPI(fns []*provider.Function) (out []*provider.Function) {
	for _, f := range fns {
		if len(provider.HTTPEvents(f)) > 0 {
			out = append(out, f)
		}
	}
	return out
}

// entryAddress is where a function is called that no HTTP API leads to.
func (s *session) entryAddress(ctx context.Context, unit string, f *provider.Function) (string, error) {
	name := functionName(unit, f.Name)
	if f.Entry != experiment.EntryURL {
		base, err := s.lambdaAddress(ctx)
		return base + provider.InvokePath(name), err
	}
	out, err := s.lambda.GetFunctionUrlConfig(ctx, &lambda.GetFunctionUrlConfigInput{FunctionName: &name})
	if err != nil {
		return "", fmt.Errorf("ask for the URL of function %s: %w", name, err)
	}
	return aws.ToString(out.FunctionUrl), nil
}

// lambdaAddress is the address of the Lambda API in the region, or the endpoint that AWS_ENDPOINT_URL sets.
func (s *session) lambdaAddress(ctx context.Context) (string, error) {
	at, err := lambda.NewDefaultEndpointResolverV2().ResolveEndpoint(ctx, lambda.EndpointParameters{
		Region: &s.region, Endpoint: s.lambda.Options().BaseEndpoint})
	if err != nil {
		return "", fmt.Errorf("find the address of the Lambda API in %s: %w", s.region, err)
	}
	return at.URI.Scheme + "://" + at.URI.Host, nil
}

// Signer signs with the credentials in use. Those that expire are renewed by the SDK.
func (a *connection) Signer(ctx context.Context) (signing.Sign, error) {
	s, err := a.open(ctx)
	if err != nil {
		return nil, err
	}
	return signing.ForLambda(s.region, func(ctx context.Context) (signing.Key, error) {
		c, err := s.lambda.Options().Credentials.Retrieve(ctx)
		return signing.Key{ID: c.AccessKeyID, Secret: c.SecretAccessKey, Session: c.SessionToken}, err
	}), nil
}
