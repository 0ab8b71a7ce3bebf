// Package aws is Lambda behind an HTTP API: the connection, what it accepts, and the files that the Serverless CLI
// reads.
package aws

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/bytesize"
	"github.com/vhive-serverless/STeLLAR/src/experiment"

	"github.com/vhive-serverless/STeLLAR/src/provider"
)

// Provider is the row of the table of providers.
func Provider() provider.Provider {
	return provider.Provider{Name: "aws", Runs: "serverless deploy", Limits: limits(), Secrets: secrets(),
		Can: []string{"SnapStart", "arm64"}, Connect: connect, Divide: units, ChecksAccount: true, FilesLocated: true,
		UDP: true, Chains: true, Update: 5 * time.Second, Ignores: provider.PlatformKeys("ImageContract"),
		ColdStart: 500 * time.Millisecond, Share: provider.LambdaShare,
		KeepAlive: 10 * time.Minute} // mikhail.io/2019/08/aws-lambda-cold-starts-after-10-minutes
}

// limits are Lambda's: docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html, November 2026. The 250 MB of
// unpacked code are 262144000 bytes in Lambda's own refusal; over 50 MB a package goes through S3, as the Serverless
// CLI always does it.
func limits() provider.Limits {
	body, words := provider.EventLimits(maxPayload)
	return provider.Limits{RequestBytes: body, RequestWords: words, Base64: true,
		AsyncBytes: maxAsync, ZipBytes: 250 * bytesize.MiB, ZipWords: "250 MB unpacked", ImageBytes: 10 * bytesize.GiB,
		MemoryMB: [2]int{128, 10240}, TimeoutMax: 900, AnswerMax: int(gatewayTimeout.Seconds()),
		SnapStart: []string{"java", "python"}, Arm: true,
		Entries: []string{experiment.EntryURL, experiment.EntrySDK, experiment.EntryAsync},
		Region:  regionForm(), RegionLike: "eu-central-1",
		References: true, EnvironmentBytes: 4096,
		ReservedVariable: reservedVariable(),
		Source:           "docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html, November 2026"}
}

// reservedVariable is the form of environment variables that Lambda keeps for itself, and of names that no variable
// has: docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
var reservedVariable = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(_.*|.|AWS_LAMBDA_.*|AWS_(REGION|DEFAULT_REGION|EXECUTION_ENV|` +
		`ACCESS_KEY|ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN)|LAMBDA_(TASK_ROOT|RUNTIME_DIR))$`)
})

// regionForm is the form of a region's name, compiled when it is first asked for.
var regionForm = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}$`)
})

const (
	// gatewayTimeout is after how long an HTTP API gives a function up, which no setting changes
	// (docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html: "Maximum integration timeout 30
	// seconds").
	gatewayTimeout = 30 * time.Second
	// maxPayload is what Lambda takes as a request and as a response (its limits, the page above).
	maxPayload = int64(6 * bytesize.MiB)
	// maxAsync is what Invoke takes of an event
	// (docs.aws.amazon.com/lambda/latest/api/API_Invoke.html: "the maximum payload size is 1 MB").
	maxAsync = int64(bytesize.MiB)
	// functionsPerService is how many functions one service has at most. CloudFormation takes 500 resources a stack
	// (docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html). Of a function the Serverless
	// CLI makes seven: function, log group, integration, route, permission, and with SnapStart a version and an alias;
	// of a service five: deployment bucket, role, API, stage, access log. (500-5)/7 is 70. An HTTP API's 300 routes and
	// integrations are further off, and the 10240 characters of a role's policies (IAM's quota) hold the 70 log groups
	// of the longest names in any partition.
	functionsPerService = 70
)

// Names in the stack.
const (
	roleID    = "StellarFunctionRole" // logical id of the functions' role
	outputAPI = "StellarApiEndpoint"  // output of the stack: address of its HTTP API
)

// nameLimit is the longest function name that Lambda takes.
const nameLimit = 64

// functionName is a function's name in the account: unique, because the unit's name is the run's own.
func functionName(unit, function string) string {
	name := unit + "-" + function
	if len(name) <= nameLimit {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return name[:nameLimit-9] + "-" + hex.EncodeToString(sum[:4])
}

// logGroup is the log group that Lambda writes to, of a function by its name in the account.
func logGroup(name string) string { return "/aws/lambda/" + name }

// amazon deploys to Lambda behind an HTTP API with the Serverless CLI, a service for each unit. What the CLI does not
// do or say (identity, absence, new code, standing functions) is asked of AWS itself.
type connection struct {
	provider.ServerlessVendor
	once    sync.Once
	session *session
	failed  error
	warned  sync.Map // warnings that were written
}

var (
	_ provider.Connection = (*connection)(nil)
	_ provider.Planner    = (*connection)(nil)
	_ provider.Checker    = (*connection)(nil)
	_ provider.Locator    = (*connection)(nil)
	_ provider.Refuser    = (*connection)(nil)
	_ provider.Sweeper    = (*connection)(nil)
	_ provider.Renewer    = (*connection)(nil)
	_ provider.Writer     = (*connection)(nil)
	_ provider.Reporter   = (*connection)(nil)
	_ provider.Restorer   = (*connection)(nil)
	_ provider.Entries    = (*connection)(nil)
	_ provider.Existing   = (*connection)(nil)
)

func connect(o provider.Options) provider.Connection {
	return &connection{ServerlessVendor: provider.ServerlessVendor{Options: o, CLI: provider.MainCLI}}
}

// units divides a run into services.
func units(name string, fns []*provider.Function) []provider.Unit {
	return provider.AtMost(functionsPerService)(name, fns)
}

// withoutSnapStart are the runtimes without SnapStart, of the languages that have it
// (docs.aws.amazon.com/lambda/latest/dg/snapstart.html: Python from 3.12 on, Java from 11 on).
var withoutSnapStart = []string{"python3.10", "python3.11"}

// Refuse says what an HTTP API cannot carry, and which runtimes have no SnapStart.
func (a *connection) Refuse(s *experiment.SubExperiment, fn *provider.Function) []provider.Refusal {
	no := refuseExisting(s)
	var longest time.Duration
	for round := range s.DesiredServiceTimes {
		longest = max(longest, s.ServiceTime(round))
	}
	if longest >= gatewayTimeout && s.HTTPEntry() {
		no = append(no, provider.Refuse("DesiredServiceTimes", longest, "its HTTP API gives up after %v; Entry %s and "+
			"%s do not", gatewayTimeout, experiment.EntryURL, experiment.EntrySDK))
	}
	if s.PayloadLengthBytes > maxPayload && s.Type != experiment.TypeTransfer {
		no = append(no, provider.Refuse("PayloadLengthBytes", s.PayloadLengthBytes,
			"Lambda takes %d a request and a response",
			maxPayload))
	}
	if s.SnapStartEnabled && slices.Contains(withoutSnapStart, fn.Runtime) {
		no = append(no, provider.Refuse("SnapStartEnabled", "for Runtime "+fn.Runtime,
			"it begins with python3.12 and java11"))
	}
	if s.SnapStartEnabled && !s.HTTPEntry() {
		no = append(no, provider.Refuse("Entry", s.Entry, "a function with SnapStart is called by its alias, to which "+
			"the route of the HTTP API leads"))
	}
	return append(no, provider.RefuseHTTP2(s, "an HTTP API answers http1 and h2")...)
}

// DeployFunctions deploys the services side by side and waits for all of them.
func (a *connection) DeployFunctions(ctx context.Context, fns []*provider.Function) ([]provider.Endpoint, error) {
	for _, f := range behindAPI(fns) {
		if limit := int(gatewayTimeout.Seconds()); f.TimeoutSeconds > limit {
			a.Log.Infof("aws: the HTTP API waits for a function for %d s only, although the function may run for %d s",
				limit, f.TimeoutSeconds)
			break
		}
	}
	var mu sync.Mutex
	var stand []provider.Endpoint
	var text string
	err := provider.ForEach(ctx, a.Patience.Parallel, units(a.Service, fns),
		func(ctx context.Context, u provider.Unit) error {
			out, err := a.OnUnit(u).Deploy(ctx)
			if err != nil {
				return err
			}
			es, err := a.endpoints(ctx, u, out)
			mu.Lock()
			defer mu.Unlock()
			stand, text = append(stand, es...), text+out
			return err
		})
	if err != nil {
		return nil, err
	}
	return provider.InOrder(text, fns, stand)
}

// endpoints reads what the CLI printed of one service. The routes are in its text; where the API is, the stack says
// itself: the CLI puts the address together from parts, which is not where an emulator's API or another partition's is.
func (a *connection) endpoints(ctx context.Context, u provider.Unit, text string) ([]provider.Endpoint, error) {
	routed := behindAPI(u.Functions)
	if _, err := provider.InOrder(text, routed, readRoutes(text)); err != nil {
		return nil, err
	}
	s, err := a.open(ctx)
	if err != nil {
		return nil, err
	}
	stack, err := s.stack(ctx, u.Name)
	if err != nil {
		return nil, err
	}
	if stack == nil {
		return nil, provider.OutputError(text,
			"the Serverless CLI says that service %s is deployed, but there is no stack of that name in %s", u.Name,
			s.region)
	}
	api := outputOf(stack, outputAPI)
	if api == "" && len(routed) > 0 {
		return nil, provider.OutputError(text, "stack %s has no output %s, which says where its API is", u.Name,
			outputAPI)
	}
	var made []provider.Endpoint
	for _, f := range u.Functions {
		e := provider.Endpoint{Function: f.Name, URL: api + "/" + f.Name, Provider: "aws"}
		if len(provider.HTTPEvents(f)) == 0 {
			e.Entry = f.Entry
			if e.URL, err = s.entryAddress(ctx, u.Name, f); err != nil {
				return nil, err
			}
		}
		made = append(made, e)
	}
	out, err := provider.InOrder(text, u.Functions, made)
	if err != nil {
		return nil, err
	}
	for i, f := range u.Functions {
		out[i].Detail = map[string]string{provider.DetailName: functionName(u.Name, f.Name),
			provider.DetailRegion: s.region, provider.DetailUnit: u.Name}
	}
	return out, nil
}

// routeLine is a line of what `osls deploy` and `osls info` print of a route, `ANY - https://…`: alone behind
// "endpoint:", or in a list.
var routeLine = regexp.MustCompile(`(?m)(?:^\s*|:\s+)(?:[A-Z]+|\*) - (https?://[^\s?#]+)`)

// readRoutes reads the endpoints out of the CLI's text. A route's last element is the function's name, before the
// variable for the paths below it.
func readRoutes(text string) []provider.Endpoint {
	var out []provider.Endpoint
	for _, m := range routeLine.FindAllStringSubmatch(text, -1) {
		base := strings.TrimSuffix(m[1], provider.GreedyVariable)
		out = append(out, provider.Endpoint{Function: path.Base(base), URL: base, Provider: "aws"})
	}
	return out
}
