// Package url probes something that exists already: any hostname or URL. Nothing is deployed, nothing is removed.
package url

import (
	"context"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
)

// Provider is the row of the table of providers.
func Provider() provider.Provider {
	return provider.Provider{Name: "url", Standing: true, UDP: true,
		Ignores: append(provider.PlatformKeys(), "Region", "Registry", "Storage.Endpoint", "Storage.Bucket",
			"Storage.Region", "Function", "Handler", "Runtime", "PackageType", "PackagePattern", "FunctionImageSizeMB",
			"FunctionMemoryMB", "FunctionTimeoutSeconds", "Architecture", "FillerPlacement", "FillerRead", "BaseImage",
			"ColdPull", "Reuse", "Public", "SnapStartEnabled", "CPUBoostEnabled", "ProviderReport", "Parallelism",
			"MemorySizesMB", "Optimize", "BalancedWeight"),
		Connect: func(o provider.Options) provider.Connection { return connection{o.Target} }}
}

// connection leads to the one address.
type connection struct{ target string }

var (
	_ provider.Connection = connection{}
	_ provider.Matcher    = connection{}
)

// endpoint is the address.
func (c connection) endpoint() (provider.Endpoint, error) {
	u, err := provider.CompleteURL(c.target)
	return provider.Endpoint{URL: u, Provider: "url"}, err
}

// ListAPIs gives the address.
func (c connection) ListAPIs(context.Context) ([]provider.Endpoint, error) {
	one, err := c.endpoint()
	if err != nil {
		return nil, err
	}
	return []provider.Endpoint{one}, nil
}

// DeployFunctions deploys nothing: it gives what Match gives.
func (c connection) DeployFunctions(_ context.Context, fns []*provider.Function) ([]provider.Endpoint, error) {
	return c.Match(fns)
}

// Match gives every function the one address.
func (c connection) Match(fns []*provider.Function) ([]provider.Endpoint, error) {
	one, err := c.endpoint()
	if err != nil {
		return nil, err
	}
	out := make([]provider.Endpoint, len(fns))
	for i, f := range fns {
		out[i] = one
		out[i].Function = f.Name
	}
	return out, nil
}

// UpdateFunction is not possible: what exists there is not ours.
func (c connection) UpdateFunction(context.Context, provider.Endpoint, *provider.Function) error {
	return fail.Unsupported("%s is probed as it is: stellar cannot update it or force a cold start", c.target)
}

// RemoveFunctions removes nothing: what exists there is not ours.
func (c connection) RemoveFunctions(context.Context, []provider.Unit) error { return nil }
