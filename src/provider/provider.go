// Package provider is the connection to a vendor: one interface with four verbs, a table of providers, one file each.
package provider

import (
	"context"
	"slices"

	"stellar/src/experiment"
	"stellar/src/fail"
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
	// RemoveFunctions removes what DeployFunctions made and returns when it is verified absent; that it was not there
	// is success.
	RemoveFunctions(ctx context.Context, es []Endpoint) error
}

// Serverless is the Serverless CLI at work on one service folder. The texts are what it printed.
type Serverless interface {
	Deploy(ctx context.Context) (string, error)
	Info(ctx context.Context) (string, error)
	Remove(ctx context.Context) (string, error)
}

// Options are what a connection may need; each provider takes its part.
type Options struct {
	Serverless Serverless
	ServiceDir string // folder of serverless.yml
	Target     string // the experiment's Provider: hostname or URL, for the provider `url`
	Endpoints  string // endpoints file or folder, for functions that stand already
	Retire     func(ctx context.Context, function string) error
}

// Provider is a row of the table of providers.
type Provider struct {
	Name     string
	Needs    string                   // what a deployment there runs, for `stellar plan`
	Standing bool                     // nothing is ever deployed there: functions stand already
	open     func(Options) Connection // nil: this version cannot deploy there
}

var table = []Provider{
	{Name: "local", Needs: "serverless deploy", open: newLocal},
	{Name: "url", Standing: true, open: newURL},
	{Name: "aws", Needs: "serverless deploy"},
	{Name: "azure", Needs: "serverless deploy"},
	{Name: "aliyun", Needs: "serverless deploy"},
	{Name: "gcr", Needs: "gcloud run deploy"},
	{Name: "google", Needs: "gcloud functions deploy"},
	{Name: "cloudflare", Needs: "wrangler deploy"},
	{Name: "vhive", Standing: true},
}

// Find gives the table's row for an experiment's kind of provider.
func Find(kind string) (Provider, error) {
	i := slices.IndexFunc(table, func(p Provider) bool { return p.Name == kind })
	if i < 0 {
		return Provider{}, fail.Input("there is no provider %q", kind)
	}
	return table[i], nil
}

// CanDeploy reports whether this version deploys to the provider, or probes what stands there.
func (p Provider) CanDeploy() bool { return p.open != nil }

// Open connects to the provider; deploying where this version cannot is fail.Unsupported.
func (p Provider) Open(o Options) (Connection, error) {
	if p.open == nil {
		return nil, fail.Unsupported("this version of stellar does not deploy to %s", p.Name).
			WithHint("probe functions that stand there already: --serverless=false --endpoints <folder with %s.json>", p.Name)
	}
	return p.open(o), nil
}

// Fits reports whether a standing endpoint can serve a function: same package type, memory and size to 5 MB. A function
// with no size asked for takes any; images are not compared by size, AWS does not tell it.
func Fits(e Endpoint, fn *Function, sub *experiment.SubExperiment) bool {
	const tolerance = 5
	if e.PackageType != fn.PackageType || e.MemoryMB != fn.MemoryMB {
		return false
	}
	if sub.FunctionImageSizeMB == 0 || fn.PackageType == "Image" {
		return true
	}
	return max(e.ImageSizeMB-sub.FunctionImageSizeMB, sub.FunctionImageSizeMB-e.ImageSizeMB) <= tolerance
}
