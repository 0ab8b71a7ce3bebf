// Package provider is the connection to a vendor: one interface with four verbs, a table of providers, one file each.
package provider

import (
	"context"

	"stellar/src/run"
)

// Endpoint and Function are the run's, named here because the connection speaks in them.
type (
	Endpoint = run.Endpoint
	Function = run.Function
)

// Connection is all use that is made of a vendor. What a provider cannot do returns fail.Unsupported.
type Connection interface {
	// ListAPIs lists functions of ours that already stand there.
	ListAPIs(ctx context.Context) ([]Endpoint, error)
	// DeployFunctions deploys a batch: one `serverless deploy` serves many. Endpoints come in the functions' order.
	DeployFunctions(ctx context.Context, fns []*Function) ([]Endpoint, error)
	// UpdateFunction gives a deployed function new code or memory, or only a cold start.
	UpdateFunction(ctx context.Context, e Endpoint, fn *Function) error
	// RemoveFunctions removes what DeployFunctions made and returns when it is verified absent.
	RemoveFunctions(ctx context.Context, es []Endpoint) error
}
