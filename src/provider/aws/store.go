package aws

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/vhive-serverless/STeLLAR/src/objectstore"
	"github.com/vhive-serverless/STeLLAR/src/provider"
)

var _ provider.Stores = (*connection)(nil)

// Store is S3 in the functions' region, or the endpoint that AWS_ENDPOINT_URL sets, with the credentials in use.
func (a *connection) Store(ctx context.Context) (objectstore.Place, objectstore.Keys, error) {
	s, err := a.open(ctx)
	if err != nil {
		return objectstore.Place{}, objectstore.Keys{}, err
	}
	at, err := s3.NewDefaultEndpointResolverV2().ResolveEndpoint(ctx, s3.EndpointParameters{
		Region: &s.region, Endpoint: s.s3.Options().BaseEndpoint})
	if err != nil {
		return objectstore.Place{}, objectstore.Keys{}, fmt.Errorf("find the address of S3 in %s: %w", s.region, err)
	}
	c, err := s.s3.Options().Credentials.Retrieve(ctx)
	if err != nil {
		return objectstore.Place{}, objectstore.Keys{}, fmt.Errorf("read the credentials for S3: %w", err)
	}
	return objectstore.Place{Endpoint: at.URI.Scheme + "://" + at.URI.Host, Region: s.region},
		objectstore.Keys{ID: c.AccessKeyID, Secret: c.SecretAccessKey, Session: c.SessionToken}, nil
}
