// Package provider is the connection to a vendor: one interface with four verbs, a table of providers, one file each.
package provider

import (
	"cmp"
	"context"
	"slices"
	"time"

	"stellar/src/experiment"
	"stellar/src/fail"
	"stellar/src/run"
	"stellar/src/shell"
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

// Planner is a connection that can say beforehand which commands it will run.
type Planner interface {
	// Commands are those that deploy and remove one unit, in their order. What is known only later (an image's digest) stands
	// there in capitals.
	Commands(u Unit) (deploy, remove []shell.Command)
}

// Checker is a connection that can say what it needs of this machine. It changes nothing there, nor in the account.
type Checker interface {
	Ready(ctx context.Context) Readiness
}

// Locator is a connection that knows more than names of where its units go, which another process needs to find them again.
type Locator interface {
	// Locate gives region, project, account…; never a secret. A removal finds it in its endpoints' Detail.
	Locate(ctx context.Context) (map[string]string, error)
}

// Refuser is a connection that cannot do all that an experiment file can ask for, beyond its limits in numbers.
type Refuser interface {
	// Refuse gives each thing that a sub-experiment asks for and the provider cannot do; fn is one of its functions. It
	// asks nobody: the answer follows from the two alone.
	Refuse(s *experiment.SubExperiment, fn *Function) []Refusal
}

// Sweeper is a connection that finds by its tags what runs have left in the account, where no journal tells of it.
type Sweeper interface {
	// Tagged lists every unit that carries the tag stellar-run, of whatever run, in the region and account that the
	// environment names. What is not tagged is never listed.
	Tagged(ctx context.Context) ([]Tagged, error)
}

// Renewer is a connection that can give the tag stellar-expires of a unit another time without touching what is
// measured there: no instance ends for it.
type Renewer interface {
	// Renew makes a sweep leave the unit alone until then; e is what RemoveFunctions takes.
	Renew(ctx context.Context, e Endpoint, until time.Time) error
}

// Tagged is a unit found by its tags.
type Tagged struct {
	Unit    Endpoint  // what RemoveFunctions takes, although its folder may be gone
	Run     string    // the run's id, perhaps in lower case
	Owner   string    // user@host, as the provider can keep it; empty: it does not say
	Expires time.Time // zero: it does not say
}

// Options are what a connection may need; each provider takes its part.
type Options struct {
	Service    string            // the run's service: all names that it makes in an account begin with it
	ServiceDir string            // absolute: serverless.yml, packages, what generate wrote for each unit
	Region     string            // the experiment's; empty: the provider's own default
	Where      map[string]string // what Locate told of this run before: nothing of it is looked up anew; nil: not known yet
	Tags       map[string]string // stellar-run, stellar-expires
	Getenv     func(string) string
	Runner     shell.Runner
	LookPath   func(program string) (string, error) // nil: the PATH alone
	Log        run.Logger

	Serverless func(cli, dir string) Serverless // the Serverless CLI on one folder; cli is MainCLI, or another that a provider names
	Target     string                           // the experiment's Provider: hostname or URL, for the provider `url`
	Endpoints  string                           // endpoints file or folder, for functions that stand already
	Account    string                           // the account that the credentials must be of; empty: any
	Retire     func(ctx context.Context, function string) error
	Patience   Patience
}

// Provider is a row of the table of providers.
type Provider struct {
	Name     string
	Runs     string                                       // what a deployment there runs, in words
	Standing bool                                         // nothing is ever deployed there: functions stand already
	Language string                                       // the only one of functions there, whatever Runtime says; empty: Runtime's
	Limits   Limits                                       // what it takes at most
	Secrets  []string                                     // environment variables whose values are never shown
	Can      []string                                     // for the table of providers: what else it can do
	open     func(Options) Connection                     // nil: functions stand, named by an endpoints file
	units    func(service string, fns []*Function) []Unit // nil: one unit of all
	attempts int                                          // of a command that the vendor throttles; 0: Patience's own default
	byHand   func(Options) Connection                     // what others deploy there with, where stellar does not; nil: nothing is known of that
}

func table() []Provider {
	return []Provider{
		{Name: "local", Runs: "serverless deploy", Limits: Limits{Arm: true}, Can: []string{"cold pull", "concurrency", "queueing"}, open: newLocal},
		{Name: "url", Standing: true, open: newURL},
		{Name: "aws", Runs: "serverless deploy", Limits: awsLimits(), Secrets: awsSecrets(), Can: []string{"SnapStart", "arm64"}, open: newAWS, units: awsUnits},
		{Name: "azure", Runs: "serverless deploy", Limits: azureLimits(), Secrets: []string{azureClientSecret},
			Can: []string{"a function app for each function", "no memory setting"}, open: newAzure, units: onePerFunction},
		{Name: "aliyun", Runs: "serverless deploy", Limits: aliyunLimits(), Secrets: []string{aliyunSecret},
			Can: []string{"a service for each function"}, open: newAliyun, units: onePerFunction},
		{Name: "gcr", Runs: "gcloud run deploy", Limits: gcrLimits(), Can: []string{"CPU boost", "concurrency", "cold start by a new revision"}, open: newGcr,
			units: shortNames(gcrNameLimit)},
		{Name: "google", Runs: "gcloud functions deploy", Limits: googleLimits(), Can: []string{"concurrency", "cold start by a new revision"}, open: newGoogle,
			units: shortNames(gcrNameLimit)},
		{Name: "cloudflare", Runs: "wrangler deploy", Language: run.LanguageWorkers, Limits: cloudflareLimits(), open: newCloudflare, units: onePerFunction,
			attempts: cloudflareAttempts, Can: []string{"modules of your own", "cold start by a new version"}},
		{Name: "vhive", Standing: true, Can: []string{"functions named by an endpoints file", "kn commands to deploy them by hand", "chains over gRPC"}, byHand: newVhive, units: knativeUnits},
	}
}

// All is the table of providers.
func All() []Provider { return table() }

// Find gives the table's row for an experiment's kind of provider.
func Find(kind string) (Provider, error) {
	all := table()
	i := slices.IndexFunc(all, func(p Provider) bool { return p.Name == kind })
	if i < 0 {
		return Provider{}, fail.Input("there is no provider %q", kind)
	}
	return all[i], nil
}

// CanDeploy reports whether this version deploys to the provider, or probes what stands there.
func (p Provider) CanDeploy() bool { return p.open != nil }

// ByHand is what knows how functions are deployed where stellar does not do it; nil where nothing is known of that.
func (p Provider) ByHand(o Options) Connection {
	if p.byHand == nil {
		return nil
	}
	return p.byHand(o.defaults())
}

// Open connects to the provider; deploying where this version cannot is fail.Unsupported.
func (p Provider) Open(o Options) (Connection, error) {
	if p.open == nil {
		return nil, fail.Unsupported("this version of stellar does not deploy to %s", p.Name).
			WithHint("probe functions that stand there already: --serverless=false --endpoints <folder with %s.json>", p.Name)
	}
	o.Patience.Attempts = cmp.Or(o.Patience.Attempts, p.attempts)
	return p.open(o.defaults()), nil
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
