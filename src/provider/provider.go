// Package provider is the connection to a vendor: one interface with four verbs, what a vendor may do beside them, the
// form of a row in the table of vendors, and the helpers that vendors share. Each vendor is a package below this one;
// provider/vendors is their list.
package provider

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/shell"
	"github.com/vhive-serverless/STeLLAR/src/signing"
)

// Endpoint and Function are the run's, named here because the connection speaks in them.
type (
	Endpoint = run.Endpoint
	Function = run.Function
)

// Connection is all use that is made of a vendor. What a provider cannot do returns fail.Unsupported.
type Connection interface {
	// ListAPIs lists functions of ours that already exist.
	ListAPIs(ctx context.Context) ([]Endpoint, error)
	// DeployFunctions deploys a batch: one `serverless deploy` serves many. Endpoints come in the functions' order.
	DeployFunctions(ctx context.Context, fns []*Function) ([]Endpoint, error)
	// UpdateFunction gives a deployed function new code or memory, or with a nil Function only a cold start. It returns
	// when the provider says that the next request meets the new function.
	UpdateFunction(ctx context.Context, e Endpoint, fn *Function) error
	// RemoveFunctions removes units that DeployFunctions made, and returns when each is verified absent; that one did
	// not exist is success. Of a unit only what a journal entry holds is used (UnitOf).
	RemoveFunctions(ctx context.Context, units []Unit) error
}

// Planner is a connection that can say beforehand which commands it will run.
type Planner interface {
	// Commands are those that deploy and remove one unit, in their order. What is known only later, as an image's
	// digest, is written in capitals.
	Commands(u Unit) (deploy, remove []shell.Command)
}

// Checker is a connection that can say what it needs of this machine. It changes nothing there, nor in the account.
type Checker interface {
	Ready(ctx context.Context) Readiness
}

// Matcher is a connection to functions that exist already. It gives each function one of their endpoints, in the
// functions' order, and changes nothing. Too few endpoints are bad input.
type Matcher interface {
	Match(fns []*Function) ([]Endpoint, error)
}

// Guide is a connection to a provider to which others deploy what stellar prepares. It makes no request.
type Guide interface {
	// Endpoints is the endpoints file of units that others will deploy; what is left to fill in is written in capitals.
	Endpoints(units []Unit) (File, error)
	// Instructions say what to type to deploy what was written into a folder, to probe it, and to remove it with the
	// images of the run in folder runDir. endpoints is the name of the endpoints file, token that of the file with the
	// run's token.
	Instructions(dir, runDir, endpoints, token string, units []Unit) string
}

// Locator is a connection that knows more than names of where its units go, which another process needs to find them
// again.
type Locator interface {
	// Locate gives region, project, account…; never a secret. A removal finds it in Unit.Where.
	Locate(ctx context.Context) (map[string]string, error)
}

// Refuser is a connection that cannot do all that an experiment file can ask for, beyond its limits in numbers.
type Refuser interface {
	// Refuse gives each thing that a sub-experiment asks for and the provider cannot do; fn is one of its functions. It
	// makes no request: the answer follows from the two alone.
	Refuse(s *experiment.SubExperiment, fn *Function) []Refusal
}

// Sweeper is a connection that finds by its tags what runs have left in the account, where no journal names it.
type Sweeper interface {
	// Tagged lists every unit that carries the tag stellar-run, of whatever run, in the region and account that the
	// environment names. What is not tagged is never listed.
	Tagged(ctx context.Context) ([]Tagged, error)
}

// Renewer is a connection that can give the tag stellar-expires of a unit another time without touching what is
// measured there: no instance ends for it.
type Renewer interface {
	// Renew makes a sweep leave the unit alone until then. The unit is one that RemoveFunctions takes.
	Renew(ctx context.Context, u Unit, until time.Time) error
}

// Tagged is a unit found by its tags.
type Tagged struct {
	Unit    Unit      // RemoveFunctions takes it; its folder is not known
	Run     string    // the run's id, perhaps in lower case
	Owner   string    // user@host, as the provider can keep it; empty: it does not say
	Expires time.Time // zero: it does not say
}

// Options are what a connection may need; each provider uses its part.
type Options struct {
	Service    string // the run's service: all names that it makes in an account begin with it
	ServiceDir string // absolute: serverless.yml, packages, what generate wrote for each unit
	Region     string // the experiment's; empty: the provider's own default
	// what Locate said of this run before: none of it is looked up anew; nil: not known yet
	Where    map[string]string
	Tags     map[string]string // stellar-run, stellar-expires
	Getenv   func(string) string
	Runner   shell.Runner
	LookPath func(program string) (string, error) // nil: the PATH alone
	Log      run.Logger

	// Serverless is the Serverless CLI on one folder; cli is MainCLI, or another that a provider names.
	Serverless func(cli, dir string) Serverless
	Target     string // the experiment's Provider: hostname or URL, for the provider `url`
	Account    string // the account that the credentials must be of; empty: any
	// Retire ends the instances of a function on the local platform and returns when they are gone.
	Retire    func(ctx context.Context, function string) error
	LambdaKey signing.Key // of the local platform's Lambda API
	// FunctionLog reads the local platform's log of a function from an offset on, and says where the next piece begins.
	FunctionLog func(ctx context.Context, service, function string, offset int64) (text []byte, next int64, err error)
	Patience    Patience
}

// Provider is a row of the table of providers.
type Provider struct {
	Name     string
	Runs     string   // what a deployment there runs, in words
	Standing bool     // nothing is ever deployed there: functions exist already
	Language string   // the only one of functions there, whatever Runtime says; empty: Runtime's
	Limits   Limits   // what it accepts at most
	Secrets  []string // environment variables whose values are never shown
	Can      []string // for the table of providers: what else it can do

	// Ignores are the keys of experiment files that change nothing there, those of Platform as Platform.Key.
	Ignores []string

	// KeepAlive is how long an idle instance usually lives there, as a plan assumes it; 0: not known, or a setting.
	KeepAlive time.Duration

	// CPUs is how many vCPUs a function has whose instances serve so many requests at once; 0: not known. nil: of none.
	CPUs func(memoryMB, concurrency int) float64

	// ColdStart is how long a cold start takes there, as a plan assumes it; 0: not known.
	ColdStart time.Duration
	// Share is the share of a CPU that code on one thread gets with so much memory, in MiB; nil: a whole one.
	Share func(memoryMB int) float64

	// Update is how long it takes to make a function cold, as a plan assumes it; 0: not known.
	Update time.Duration

	UDP           bool // functions can send datagrams
	Chains        bool // functions can call each other at their addresses, by POST with a body of any bytes
	Local         bool // functions run on this machine, on the local platform
	ChecksAccount bool // Options.Account is compared with the account in use
	FilesLocated  bool // the files that Writer gives say where the unit goes: Locate is asked before they are written

	// Defaults of keys of experiment files that differ here; empty: those of other providers.
	Protocol, ImageContract string

	Scheme string // of addresses in an endpoints file that have none; empty: CompleteURL's choice
	// EndpointsHint says what to do where an endpoints file has too few endpoints; empty: the hint for providers to
	// which stellar deploys.
	EndpointsHint string

	// Connect opens a connection; nil: functions exist already, named by an endpoints file. Open calls it.
	Connect func(Options) Connection
	// ConnectByHand gives what others deploy with, where stellar does not; nil: nothing is known of that.
	ConnectByHand func(Options) Connection
	// Divide divides functions into units; nil: one unit of all. Units calls it.
	Divide   func(service string, fns []*Function) []Unit
	Attempts int // of a command that the vendor throttles; 0: the default of Patience
}

// InFile is what the reading of an experiment file needs to know of the provider.
func (p Provider) InFile() experiment.Provider {
	return experiment.Provider{Name: p.Name, Standing: p.Standing, Local: p.Local, Protocol: p.Protocol,
		ImageContract: p.ImageContract}
}

// Assumed is what a plan assumes of the provider.
func (p Provider) Assumed() experiment.Assumed {
	a := experiment.Assumed{Update: p.Update, ColdStart: p.ColdStart, Share: p.Share}
	switch {
	case p.Local:
		a.KeepAlive = func(s *experiment.SubExperiment) time.Duration {
			return time.Duration(s.Platform.KeepAliveSeconds * float64(time.Second))
		}
	case p.KeepAlive > 0:
		a.KeepAlive = func(*experiment.SubExperiment) time.Duration { return p.KeepAlive }
	}
	return a
}

// LambdaShare is the share of a CPU that a Lambda function gets: memory/1769, at most a whole one for one thread
// (docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html).
func LambdaShare(memoryMB int) float64 { return min(float64(memoryMB)/1769, 1) }

// Ignored reports whether a key of experiment files changes nothing there; keys of Platform are written Platform.Key.
func (p Provider) Ignored(key string) bool { return slices.Contains(p.Ignores, key) }

// PlatformKeys are the keys of Platform, but for those named. A provider that has none of the settings ignores them.
func PlatformKeys(but ...string) (keys []string) {
	for _, k := range experiment.PlatformKeys() {
		if !slices.Contains(but, k) {
			keys = append(keys, "Platform."+k)
		}
	}
	return keys
}

// CanDeploy reports whether this version deploys to the provider, or probes what exists there.
func (p Provider) CanDeploy() bool { return p.Connect != nil }

// ByHand is what knows how functions are deployed where stellar does not do it; nil where nothing is known of that.
func (p Provider) ByHand(o Options) Connection {
	if p.ConnectByHand == nil {
		return nil
	}
	return p.ConnectByHand(o.WithDefaults())
}

// Open connects to the provider; deploying where this version cannot is fail.Unsupported.
func (p Provider) Open(o Options) (Connection, error) {
	if p.Connect == nil {
		return nil, fail.Unsupported("this version of stellar does not deploy to %s", p.Name).
			WithHint("probe functions that are already deployed there: --serverless=false --endpoints <folder with "+
				"%s.json>", p.Name)
	}
	o.Patience.Attempts = cmp.Or(o.Patience.Attempts, p.Attempts)
	return p.Connect(o.WithDefaults()), nil
}

// offline is a connection of which only questions are asked that it answers by itself; nil where there is none.
func (p Provider) offline() Connection {
	if p.Connect == nil {
		return p.ByHand(Options{})
	}
	return p.Connect(Options{}.WithDefaults())
}

// Fits reports whether an existing endpoint can serve a function: same package type, memory and size to 5 MB. A
// function with no size asked for fits any; images are not compared by size, AWS does not tell it.
func Fits(e Endpoint, fn *Function) bool {
	const tolerance = 5
	if e.PackageType != fn.PackageType || e.MemoryMB != fn.MemoryMB {
		return false
	}
	if fn.ImageSizeMB == 0 || fn.PackageType == "Image" {
		return true
	}
	return max(e.ImageSizeMB-fn.ImageSizeMB, fn.ImageSizeMB-e.ImageSizeMB) <= tolerance
}
