// Package aliyun is Function Compute of Alibaba Cloud: the connection, what it accepts, the files that the Serverless
// CLI reads, and a plugin of ours that lies beside the one for Alibaba Cloud.
package aliyun

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/bytesize"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/shell"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// Provider is the row of the table of providers.
func Provider() provider.Provider {
	return provider.Provider{Name: "aliyun", Runs: "serverless deploy", Limits: limits(), Secrets: []string{envSecret},
		UDP: true, Can: []string{"a service for each function"}, Connect: connect, Divide: provider.OnePerFunction,
		Ignores: append(provider.PlatformKeys(), "ProviderReport", "Reuse")}
}

// limits are those of Function Compute 2.0, whose interface the plugin speaks.
func limits() provider.Limits {
	return provider.Limits{PackageTypes: []string{"Zip"}, ZipBytes: 500 * bytesize.MB, ZipWords: "500 MB packed",
		MemoryMB: [2]int{128, 32768}, MemoryStep: 64, TimeoutMax: 86400,
		Region: regionForm(), RegionLike: "eu-central-1 or cn-hangzhou",
		Languages: []string{"python", "nodejs"}, OneRoute: true,
		Source: "alibabacloud.com/help/en/functioncompute/fc-2-0/product-overview/limits, November 2026"}
}

// regionForm is the form of a region's name, compiled when it is first asked for.
var regionForm = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z]{2}(-[a-z0-9]+)+$`) })

// aliyunCloud deploys with the Serverless CLI, its plugin for Alibaba Cloud, and one of our own that keeps what is made
// apart from the rest of the account.
type connection struct{ provider.ServerlessVendor }

var (
	_ provider.Connection = (*connection)(nil)
	_ provider.Planner    = (*connection)(nil)
	_ provider.Checker    = (*connection)(nil)
	_ provider.Locator    = (*connection)(nil)
	_ provider.Refuser    = (*connection)(nil)
	_ provider.Writer     = (*connection)(nil)
	_ provider.Adapter    = (*connection)(nil)
)

func connect(o provider.Options) provider.Connection {
	return &connection{provider.ServerlessVendor{Options: o, CLI: "aliyun"}}
}

// Environment variables as Alibaba Cloud's own libraries have them.
const (
	envID      = "ALIBABA_CLOUD_ACCESS_KEY_ID"
	envSecret  = "ALIBABA_CLOUD_ACCESS_KEY_SECRET"
	envAccount = "ALIBABA_CLOUD_ACCOUNT_ID"
	envFile    = "ALIBABA_CLOUD_CREDENTIALS_FILE"
	envRegion  = "ALIBABA_CLOUD_REGION_ID"

	credentialsHint = "set " + envID + ", " + envSecret + " and " + envAccount +
		", or write a file as docs/providers/aliyun.md shows"
)

// credentials says where the plugin will find them: the environment, or the file that it reads.
func (a *connection) credentials() (string, error) {
	set, unset := a.Variables(envID, envSecret, envAccount)
	switch {
	case len(unset) == 0:
		return strings.Join(set, ", "), nil
	case len(set) > 0:
		return "", fail.Input("the credentials for Alibaba Cloud are incomplete: %s not set",
			strings.Join(unset, ", ")).WithHint(credentialsHint)
	}
	file := a.file()
	text, err := wholefile.ReadFile(file)
	if err != nil {
		return "", fail.Input("there are no credentials for Alibaba Cloud: %w", err).WithHint(credentialsHint)
	}
	for _, key := range []string{"aliyun_access_key_id", "aliyun_access_key_secret", "aliyun_account_id"} {
		if !regexp.MustCompile(`(?m)^\s*` + key + `\s*=\s*\S`).Match(text) {
			return "", fail.Input("the credentials for Alibaba Cloud in %s have no %s", file, key).
				WithHint(credentialsHint)
		}
	}
	return file, nil
}

// file is that of the credentials, where the environment has none.
func (a *connection) file() string {
	file, _ := a.FirstSet(envFile)
	return cmp.Or(file, filepath.Join(a.Getenv("HOME"), ".aliyuncli", "credentials"))
}

var accountLine = regexp.MustCompile(`(?m)^\s*aliyun_account_id\s*=\s*(\S+)`)

// account is that which the credentials are of; empty where they do not say.
func (a *connection) account() string {
	if id, _ := a.FirstSet(envAccount); id != "" {
		return id
	}
	text, err := wholefile.ReadFile(a.file())
	if err != nil {
		return ""
	}
	if m := accountLine.FindSubmatch(text); m != nil {
		return string(m[1])
	}
	return ""
}

func (a *connection) where() map[string]string {
	out := map[string]string{}
	if id := a.account(); id != "" {
		out[provider.DetailAccount] = id
	}
	region, _ := a.FirstSet(envRegion)
	if region = cmp.Or(a.Where[provider.DetailRegion], a.Region, region); region != "" {
		out[provider.DetailRegion] = region
	}
	return out
}

// Commands are `serverless deploy` and `serverless remove` in the unit's folder, and `serverless info`, which says what
// is left.
func (a *connection) Commands(u provider.Unit) (deploy, remove []shell.Command) {
	deploy, remove = a.ServerlessVendor.Commands(u)
	return deploy, append(remove, a.OnUnit(u).Command("info"))
}

// Ready finds the Serverless CLI and credentials. Whether these are good is not tried.
func (a *connection) Ready(ctx context.Context) provider.Readiness {
	r := a.ServerlessVendor.Ready(ctx)
	found, err := a.credentials()
	if err != nil {
		r.Missing = append(r.Missing, err)
		return r
	}
	r.Credentials, r.Where = found, a.where()
	return r
}

// Locate gives the account and, where one is named, the region: the folder remembers the plugin's own default.
func (a *connection) Locate(context.Context) (map[string]string, error) {
	_, err := a.credentials()
	return a.where(), err
}

// Refuse names what functions behind the plugin's API Gateway cannot do.
func (a *connection) Refuse(s *experiment.SubExperiment, _ *provider.Function) (no []provider.Refusal) {
	if s.Protocol != "" && s.Protocol != "http1" {
		no = append(no, provider.Refuse("Protocol", s.Protocol, "the plugin's addresses answer http1 without TLS"))
	}
	for round := range s.DesiredServiceTimes {
		if t := s.ServiceTime(round); t >= gatewayTimeout {
			no = append(no, provider.Refuse("DesiredServiceTimes", t, "API Gateway waits %s for a function",
				gatewayTimeout))
		}
	}
	return no
}

// gatewayTimeout is the longest that API Gateway waits for what is behind it
// (alibabacloud.com/help/en/api-gateway/traditional-api-gateway/product-overview/limits, November 2026).
const gatewayTimeout = 30 * time.Second

// ListAPIs is not possible: the plugin knows a service by its serverless.yml alone.
func (a *connection) ListAPIs(context.Context) ([]provider.Endpoint, error) {
	return nil, fail.Unsupported("the plugin for Alibaba Cloud cannot list the services of an account")
}

// DeployFunctions deploys some services at once.
func (a *connection) DeployFunctions(ctx context.Context, fns []*provider.Function) ([]provider.Endpoint, error) {
	if _, err := a.credentials(); err != nil {
		return nil, err
	}
	return a.DeployEach(ctx, provider.OnePerFunction(a.Service, fns),
		func(u provider.Unit) string { return "the service " + u.Name }, a.deploy)
}

func (a *connection) deploy(ctx context.Context, u provider.Unit) (provider.Endpoint, error) {
	text, err := a.OnUnit(u).Deploy(ctx)
	if err != nil {
		return provider.Endpoint{}, provider.Explain(text, err)
	}
	found := readEndpoints(text)
	if len(found) != 1 {
		return provider.Endpoint{}, provider.OutputError(text, "serverless deploy named %d addresses for one function",
			len(found))
	}
	return provider.Endpoint{URL: found[0].URL, Provider: "aliyun",
		Detail: map[string]string{provider.DetailUnit: u.Name, provider.DetailDir: a.UnitFolder(u)}}, nil
}

// apiLine is how the plugin prints an API: method, address, and service.function behind it.
var apiLine = regexp.MustCompile(`(?m)^.*\b[A-Z]+ (https?://\S+) -> [^\s.]+\.(\S+)\s*$`)

// readEndpoints reads what `serverless deploy` prints. Function is the name in the account.
func readEndpoints(text string) []provider.Endpoint {
	var out []provider.Endpoint
	for _, m := range apiLine.FindAllStringSubmatch(text, -1) {
		if u, err := provider.CompleteURL(m[1]); err == nil {
			out = append(out, provider.Endpoint{Function: m[2], URL: u, Provider: "aliyun"})
		}
	}
	return out
}

// UpdateFunction deploys a service anew: Function Compute replaces all instances of a function that was updated.
// Nothing of its configuration changes for a cold start alone.
func (a *connection) UpdateFunction(ctx context.Context, e provider.Endpoint, fn *provider.Function) error {
	if _, err := a.credentials(); err != nil {
		return err
	}
	if fn == nil {
		u := provider.Unit{Name: e.Detail[provider.DetailUnit], Folder: e.Detail[provider.DetailDir]}
		if has, err := u.HasFolder(); err != nil || !has {
			return errors.Join(err, fail.Input("service %s is deployed anew from its folder, which is gone", u.Name))
		}
		text, err := a.OnFolder(u).Deploy(ctx)
		return provider.Explain(text, err)
	}
	_, err := a.deploy(ctx, provider.OnePerFunction(a.Service, []*provider.Function{fn})[0])
	return err
}

// RemoveFunctions removes services and makes sure that they are gone.
func (a *connection) RemoveFunctions(ctx context.Context, units []provider.Unit) error {
	if _, err := a.credentials(); err != nil {
		return err
	}
	return provider.ForEach(ctx, a.Patience.Parallel, units, func(ctx context.Context, u provider.Unit) error {
		if is := u.Where[provider.DetailAccount]; is != "" && is != a.account() {
			return provider.OtherAccount("service "+u.Name, is, "", a.account())
		}
		return a.remove(ctx, u)
	})
}

// remove judges by what `info` says is left: `remove` fails too where there was nothing.
func (a *connection) remove(ctx context.Context, u provider.Unit) error {
	if u.Name == "" {
		return errors.New("the service of a unit is not named")
	}
	dir, tidy, err := removalFolder(u)
	if err != nil {
		return err
	}
	defer tidy()
	cli := a.Serverless(a.CLI, dir)
	text, failed := cli.Remove(ctx)
	failed = provider.Explain(text, failed)
	err = a.VerifyAbsent(ctx, "the service "+u.Name, u.Confirmed, func(ctx context.Context) (bool, error) {
		text, err := cli.Info(ctx)
		if err != nil {
			return false, provider.Explain(text, err)
		}
		left := leftLine.FindStringSubmatch(text)
		if left == nil {
			return false, provider.OutputError(text, "serverless info did not say what is left")
		}
		return left[1] != "[]", nil
	})
	if err != nil && failed != nil {
		return provider.Join([]error{failed, err})
	}
	return err
}

// leftLine is what our plugin prints at the end of `serverless info`.
var leftLine = regexp.MustCompile(`(?m)^stellar-left: (\[.*\])\s*$`)

// removalFolder is the unit's folder, or one made for the purpose where that was deleted by hand: all names follow from
// the service's.
func removalFolder(u provider.Unit) (dir string, tidy func(), err error) {
	has, err := u.HasFolder()
	switch {
	case err != nil:
		return "", nil, err
	case has:
		return u.Folder, func() {}, nil
	}
	temp, err := os.MkdirTemp("", "stellar-aliyun-")
	if err != nil {
		return "", nil, err
	}
	region := ""
	if r := u.Where[provider.DetailRegion]; r != "" {
		region = "  region: " + r + "\n"
	}
	yml := "service: " + u.Name + "\nprovider:\n  name: aliyun\n  runtime: python3.10\n" + region +
		"  credentials: ${env:" + envFile + ", '~/.aliyuncli/credentials'}\n" +
		"plugins: [serverless-aliyun-function-compute, ./" + pluginName +
		"]\nfunctions: {}\nconfigValidationMode: off\n"
	err = errors.Join(os.WriteFile(filepath.Join(temp, provider.YMLName), []byte(yml), 0o600),
		os.WriteFile(filepath.Join(temp, pluginName), pluginSource, 0o600))
	if err != nil {
		_ = os.RemoveAll(temp)
		return "", nil, err
	}
	return temp, func() { _ = os.RemoveAll(temp) }, nil
}
