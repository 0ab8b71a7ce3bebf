package provider

import (
	"context"

	"github.com/vhive-serverless/STeLLAR/src/objectstore"
)

// Stores is a connection to a provider that has an object store of its own.
type Stores interface {
	// Store gives where buckets are that the run's functions use, without a bucket, and what requests for them are
	// signed with: the credentials in use. Without keys, the store has keys of its own, which the user gives.
	Store(ctx context.Context) (objectstore.Place, objectstore.Keys, error)
}

// HasStore reports whether the provider has an object store of its own.
func (p Provider) HasStore() bool {
	_, has := p.offline().(Stores)
	return has
}
