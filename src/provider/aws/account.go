package aws

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
)

// defaultRegion is where the Serverless CLI deploys when serverless.yml names no region. It looks neither at AWS_REGION
// nor at a profile; so the region is written down always, and this one is taken, and said, only where none is named at
// all.
const defaultRegion = "us-east-1"

// secrets are the variables with the secret parts of credentials; a key's id is none.
func secrets() []string { return []string{"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} }

const credentialsHint = "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run `aws configure` or " +
	"`aws sso login` (docs/providers/aws.md)"

// identityTimeout bounds the search for credentials: outside of AWS, the last source, the instance
// metadata service, does not answer.
const identityTimeout = 20 * time.Second

// settingsTimeout bounds a question that a run can do without.
const settingsTimeout = 5 * time.Second

// session is AWS's own API, in one region. It finds its configuration as every tool of AWS does: environment, profiles,
// SSO, roles of machines; AWS_ENDPOINT_URL leads to an emulator.
type session struct {
	provider.Options
	region      string
	named       bool // somebody named the region
	credentials string
	account     string

	stacks *cloudformation.Client
	logs   *cloudwatchlogs.Client
	lambda *lambda.Client
	s3     *s3.Client

	originals originalVersions
}

// open finds credentials, region and account, once.
func (a *connection) open(ctx context.Context) (*session, error) {
	a.once.Do(func() { a.session, a.failed = openSession(ctx, a.Options) })
	return a.session, a.failed
}

func openSession(ctx context.Context, o provider.Options) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, identityTimeout)
	defer cancel()
	// The SDK's own logger would write past ours.
	cfg, err := config.LoadDefaultConfig(ctx, config.WithLogger(logging.Nop{}), config.WithRetryer(func() aws.Retryer {
		return retry.NewStandard(func(r *retry.StandardOptions) {
			r.MaxAttempts = o.Patience.Attempts + 4 // an answer that fails costs nothing, a command does
			r.MaxBackoff = o.Patience.Wait
		})
	}))
	if err != nil {
		return nil, fail.Input("read the configuration for AWS: %w", err).WithHint(credentialsHint)
	}
	named := cmp.Or(o.Where[provider.DetailRegion], o.Region, cfg.Region)
	s := &session{Options: o, region: cmp.Or(named, defaultRegion), named: named != ""}
	cfg.Region = s.region
	cred, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		why := shortError(err)
		if strings.Contains(why, "EC2 IMDS") { // the last place of all was asked
			why = "none in the environment, in a profile, or in a role of this machine"
		}
		return nil, fail.Input("there are no credentials for AWS: %s", why).WithHint(credentialsHint)
	}
	s.credentials = credentialSource(cred.Source, cmp.Or(o.Getenv("AWS_PROFILE"), "default"))
	// Asked twice at most: a machine without a network is to say so soon.
	identity := sts.NewFromConfig(cfg, func(o *sts.Options) {
		o.Retryer = retry.AddWithMaxAttempts(retry.NewStandard(), 2)
	})
	who, err := identity.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return nil, fail.Input("AWS does not identify the credentials (%s, region %s): %s", s.credentials, s.region,
			shortError(err)).
			WithHint("check the network and the region's name; where AWS itself refuses them, the credentials: `aws " +
				"sts get-caller-identity` must work first")
	}
	s.account = aws.ToString(who.Account)
	if was := o.Where[provider.DetailAccount]; was != "" && was != s.account {
		return nil, fail.Input("the credentials (%s) are of account %s, the run's functions are of account %s",
			s.credentials, s.account, was).
			WithHint("choose that account's credentials (AWS_PROFILE)")
	}
	s.stacks, s.logs = cloudformation.NewFromConfig(cfg), cloudwatchlogs.NewFromConfig(cfg)
	s.lambda, s.s3 = lambda.NewFromConfig(cfg), s3.NewFromConfig(cfg)
	return s, nil
}

// Ready finds the Serverless CLI, credentials, region and account, and what the account allows.
func (a *connection) Ready(ctx context.Context) provider.Readiness {
	r := a.ServerlessVendor.Ready(ctx)
	s, err := a.open(ctx)
	if err != nil {
		r.Missing = append(r.Missing, err)
		return r
	}
	r.Credentials, r.Where = s.credentials, map[string]string{provider.DetailRegion: s.region,
		provider.DetailAccount: s.account}
	if !s.named {
		r.Where[provider.DetailRegion] += " (none is named)"
		a.Log.Warnf("aws: neither the experiment's Region nor AWS_REGION nor a profile names a region: functions go "+
			"to %s, the Serverless CLI's default", s.region)
	}
	if a.Account != "" && a.Account != s.account {
		r.Missing = append(r.Missing, fail.Input("the credentials (%s) are of account %s, --aws-account says %s",
			s.credentials, s.account, a.Account).
			WithHint("choose the other account's credentials (AWS_PROFILE), or leave --aws-account out"))
		return r
	}
	limit, err := s.concurrency(ctx)
	if err != nil { // a run can do without: an emulator need not have the call, a policy need not allow it
		r.Unanswered = append(r.Unanswered,
			provider.Unanswered{Err: fmt.Errorf("how many functions the account runs at once (Lambda's "+
				"GetAccountSettings in %s): %s", s.region, shortError(err))})
	}
	if limit != "" {
		r.Where["concurrency"] = limit
	}
	return r
}

// concurrency asks for the account's limit, twice at most and not for long.
func (s *session) concurrency(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, settingsTimeout)
	defer cancel()
	settings, err := s.lambda.GetAccountSettings(ctx, &lambda.GetAccountSettingsInput{}, func(o *lambda.Options) {
		o.Retryer = retry.AddWithMaxAttempts(retry.NewStandard(), 2)
	})
	if err != nil || settings.AccountLimit == nil {
		return "", err
	}
	return fmt.Sprint(settings.AccountLimit.ConcurrentExecutions), nil
}

// Locate gives region and account.
func (a *connection) Locate(ctx context.Context) (map[string]string, error) {
	s, err := a.open(ctx)
	if err != nil {
		return nil, err
	}
	return map[string]string{provider.DetailRegion: s.region, provider.DetailAccount: s.account}, nil
}

// credentialSource says in words where credentials were found.
func credentialSource(source, profile string) string {
	kind, _, _ := strings.Cut(source, ":")
	switch strings.TrimSpace(kind) {
	case "EnvConfigCredentials":
		return "AWS_ACCESS_KEY_ID"
	case "SharedConfigCredentials":
		return "profile " + profile
	case "SSOProvider":
		return "SSO of profile " + profile
	case "ProcessProvider":
		return "program of profile " + profile
	case "AssumeRoleProvider":
		return "role of profile " + profile
	case "WebIdentityCredentials":
		return "web identity token"
	case "EC2RoleProvider":
		return "role of this machine"
	case "CredentialsEndpointProvider":
		return "role of this container"
	}
	return cmp.Or(source, "found by AWS's SDK")
}

// shortError is an error of the SDK in a line: AWS's message where it answered, else what was not reached.
func shortError(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return fmt.Sprintf("%s: %s", api.ErrorCode(), api.ErrorMessage())
	}
	var dial *net.OpError
	if errors.As(err, &dial) {
		return dial.Error()
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return dns.Error()
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	last := err
	for next := errors.Unwrap(last); next != nil; next = errors.Unwrap(last) {
		last = next
	}
	return last.Error()
}

// hasCode reports whether AWS answered with an error of this code, and words in its message where there are any given.
func hasCode(err error, code, words string) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == code && strings.Contains(api.ErrorMessage(), words)
}
