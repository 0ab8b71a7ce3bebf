package provider

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"path"
	"regexp"
	"slices"
	"sync"
	"time"

	"stellar/src/experiment"
)

// awsLimits are Lambda's: docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html, November 2026. The 250 MB of unpacked code are
// 262144000 bytes in Lambda's own refusal; over 50 MB a package goes through S3, as the Serverless CLI always does it.
func awsLimits() Limits {
	return Limits{ZipBytes: 250 * mib, ZipWords: "250 MB unpacked", ImageBytes: 10 * 1024 * mib, MemoryMB: [2]int{128, 10240}, TimeoutMax: 900,
		SnapStart: []string{"java",
			"python"}, Arm: true, Region: regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}$`), RegionLike: "eu-central-1",
		Source: "docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html, November 2026"}
}

const (
	// awsAnswer is after how long an HTTP API gives a function up, which no setting changes
	// (docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html: "Maximum integration timeout 30 seconds").
	awsAnswer = 30 * time.Second
	// awsPayload is what Lambda takes as a request and as a response (its limits, the page above).
	awsPayload = 6 * mib
	// awsServiceFunctions is how many functions one service has at most. CloudFormation takes 500 resources a stack
	// (docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html). Of a function the Serverless CLI makes
	// seven: function, log group, integration, route, permission, and with SnapStart a version and an alias; of a service four:
	// deployment bucket, role, API, stage. (500-4)/7 is 70. An HTTP API's 300 routes and integrations are further off, and the 10240 characters of
	// a role's policies (IAM's quota) hold the 70 log groups of the longest names in any partition.
	awsServiceFunctions = 70
)

// Names that generate and the connection agree on.
const (
	AWSRole      = "StellarFunctionRole" // logical id of the functions' role
	AWSOutputAPI = "StellarApiEndpoint"  // output of the stack: address of its HTTP API
)

// awsNameLimit is the longest function name that Lambda takes.
const awsNameLimit = 64

// AWSFunctionName is a function's name in the account: unique, because the unit's name is the run's own.
func AWSFunctionName(unit, function string) string {
	name := unit + "-" + function
	if len(name) <= awsNameLimit {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return name[:awsNameLimit-9] + "-" + hex.EncodeToString(sum[:4])
}

// AWSLogGroup is the log group that Lambda writes to, of a function by its name in the account.
func AWSLogGroup(name string) string { return "/aws/lambda/" + name }

// amazon deploys to Lambda behind an HTTP API with the Serverless CLI, a service for each unit. What the CLI does not do or
// say (identity, absence, new code, standing functions) is asked of AWS itself.
type amazon struct {
	service
	once    sync.Once
	session *awsSession
	failed  error
}

var (
	_ Connection = (*amazon)(nil)
	_ Planner    = (*amazon)(nil)
	_ Checker    = (*amazon)(nil)
	_ Locator    = (*amazon)(nil)
	_ Refuser    = (*amazon)(nil)
	_ Sweeper    = (*amazon)(nil)
)

func newAWS(o Options) Connection { return &amazon{service: service{Options: o, cli: MainCLI}} }

// awsUnits divides a run into services.
func awsUnits(name string, fns []*Function) []Unit { return atMost(awsServiceFunctions)(name, fns) }

// awsNoSnapStart are the runtimes without SnapStart, of the languages that have it (docs.aws.amazon.com/lambda/latest/dg/snapstart.html:
// Python from 3.12 on, Java from 11 on).
var awsNoSnapStart = []string{"python3.10", "python3.11"}

// Refuse says what an HTTP API cannot carry, and which runtimes have no SnapStart.
func (a *amazon) Refuse(s *experiment.SubExperiment, fn *Function) []Refusal {
	var no []Refusal
	var longest time.Duration
	for round := range s.DesiredServiceTimes {
		longest = max(longest, s.ServiceTime(round))
	}
	if longest >= awsAnswer {
		no = append(no, refuse("DesiredServiceTimes", longest, "its HTTP API gives up after %v", awsAnswer))
	}
	if s.PayloadLengthBytes > awsPayload && !s.StorageTransfer {
		no = append(no, refuse("PayloadLengthBytes", s.PayloadLengthBytes, "Lambda takes %d a request and a response",
			awsPayload))
	}
	if s.SnapStartEnabled && slices.Contains(awsNoSnapStart, fn.Runtime) {
		no = append(no, refuse("SnapStartEnabled", "for Runtime "+fn.Runtime, "it begins with python3.12 and java11"))
	}
	return append(no, noHTTP2(s, "an HTTP API answers http1 and h2")...)
}

// DeployFunctions deploys the services side by side and waits for all of them.
func (a *amazon) DeployFunctions(ctx context.Context, fns []*Function) ([]Endpoint, error) {
	for _, f := range fns {
		if limit := int(awsAnswer.Seconds()); f.TimeoutSeconds > limit {
			a.Log.Infof("aws: the HTTP API gives a function up after %d s, although it may run for %d s", limit, f.TimeoutSeconds)
			break
		}
	}
	var mu sync.Mutex
	var stand []Endpoint
	var text string
	err := each(ctx, a.Patience.Parallel, awsUnits(a.Service, fns), func(ctx context.Context, u Unit) error {
		out, err := a.at(u).Deploy(ctx)
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
	return byFunction(text, fns, stand)
}

// endpoints reads what the CLI printed of one service. The routes are in its text; where the API is, the stack says itself:
// the CLI puts the address together from parts, which is not where an emulator's API or another partition's is.
func (a *amazon) endpoints(ctx context.Context, u Unit, text string) ([]Endpoint, error) {
	out, err := byFunction(text, u.Functions, awsRoutes(text))
	if err != nil {
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
		return nil, outputError(text, "the Serverless CLI says that service %s is deployed, but there is no stack of that name in %s", u.Name, s.region)
	}
	api := awsOutput(stack, AWSOutputAPI)
	if api == "" {
		return nil, outputError(text, "stack %s has no output %s, which says where its API is", u.Name, AWSOutputAPI)
	}
	for i, f := range u.Functions {
		out[i].URL = api + "/" + f.Name
		out[i].Detail = map[string]string{detailName: AWSFunctionName(u.Name, f.Name), DetailRegion: s.region, DetailUnit: u.Name}
	}
	return out, nil
}

// detailName is the function's name in the account, in an endpoint's Detail.
const detailName = "name"

// awsRoute is a line of what `osls deploy` and `osls info` print of a route, `ANY - https://…`: alone behind "endpoint:", or in a list.
var awsRoute = regexp.MustCompile(`(?m)(?:^\s*|:\s+)(?:[A-Z]+|\*) - (https?://[^\s?#]+)`)

// awsRoutes reads the endpoints out of the CLI's text. A route's last element is the function's name.
func awsRoutes(text string) []Endpoint {
	var out []Endpoint
	for _, m := range awsRoute.FindAllStringSubmatch(text, -1) {
		out = append(out, Endpoint{Function: path.Base(m[1]), URL: m[1], Provider: "aws"})
	}
	return out
}
