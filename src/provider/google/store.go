package google

import (
	"context"

	"github.com/vhive-serverless/STeLLAR/src/objectstore"
	"github.com/vhive-serverless/STeLLAR/src/provider"
)

var (
	_ provider.Stores = (*cloudRun)(nil)
	_ provider.Stores = (*cloudFunctions)(nil)
)

// storageURL is Cloud Storage with the protocol of S3 (cloud.google.com/storage/docs/interoperability).
const storageURL = "https://storage.googleapis.com"

// Store is Cloud Storage in the functions' region. Its requests are signed with an HMAC key, which the user makes
// (`gcloud storage hmac create`) and gives.
func (g gcloud) Store(ctx context.Context) (objectstore.Place, objectstore.Keys, error) {
	at, err := g.locate(ctx)
	if err != nil {
		return objectstore.Place{}, objectstore.Keys{}, err
	}
	return objectstore.Place{Endpoint: storageURL, Region: at.region}, objectstore.Keys{}, nil
}
