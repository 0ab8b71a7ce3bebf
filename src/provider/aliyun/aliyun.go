package provider

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"stellar/src/experiment"
	"stellar/src/fail"
	"stellar/src/provider/aliyun"
	"stellar/src/shell"
)

// aliyunLimits are those of Function Compute 2.0, whose interface the plugin speaks.
func aliyunLimits() Limits {
	return Limits{PackageTypes: []string{"Zip"}, ZipBytes: 500 * mb, ZipWords: "500 MB packed", MemoryMB: [2]int{128, 32768}, MemoryStep: 64, TimeoutMax: 86400,
		Region: regexp.MustCompile(`^[a-z]{2}(-[a-z0-9]+)+$`), RegionLike: "eu-central-1 or cn-hangzhou",
		Languages: []string{"python", "nodejs"},
		Source:    "alibabacloud.com/help/en/functioncompute/fc-2-0/product-overview/limits, November 2026"}
}

// aliyunCloud deploys with the Serverless CLI, its plugin for Alibaba Cloud, and one of our own that keeps what is made apart from the rest
// of the account.
type aliyunCloud struct{ service }

var (
	_ Connection = (*aliyunCloud)(nil)
	_ Planner    = (*aliyunCloud)(nil)
	_ Checker    = (*aliyunCloud)(nil)
	_ Locator    = (*aliyunCloud)(nil)
	_ Refuser    = (*aliyunCloud)(nil)
)

func newAliyun(o Options) Connection { return &aliyunCloud{service{Options: o, cli: "aliyun"}} }

// Environment variables as Alibaba Cloud's own libraries have them.
const (
	aliyunID     = "ALIBABA_CLOUD_ACCESS_KEY_ID"
	aliyunSecret = "ALIBABA_CLOUD_ACCESS_KEY_SECRET"
	aliyunNumber = "ALIBABA_CLOUD_ACCOUNT_ID"
	aliyunFile   = "ALIBABA_CLOUD_CREDENTIALS_FILE"
	aliyunRegion = "ALIBABA_CLOUD_REGION_ID"

	aliyunHint = "set " + aliyunID + ", " + aliyunSecret + " and " + aliyunNumber + ", or write a file as docs/providers/aliyun.md shows"
)

// credentials tells where the plugin will find them: the environment, or the file that it reads.
func (a *aliyunCloud) credentials() (string, error) {
	var set, unset []string
	for _, name := range []string{aliyunID, aliyunSecret, aliyunNumber} {
		if strings.TrimSpace(a.Getenv(name)) != "" {
			set = append(set, name)
		} else {
			unset = append(unset, name)
		}
	}
	switch {
	case len(unset) == 0:
		return strings.Join(set, ", "), nil
	case len(set) > 0:
		return "", fail.Input("the credentials for Alibaba Cloud are not whole: %s not set", strings.Join(unset, ", ")).WithHint(aliyunHint)
	}
	file := a.file()
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fail.Input("there are no credentials for Alibaba Cloud: %w", err).WithHint(aliyunHint)
	}
	for _, key := range []string{"aliyun_access_key_id", "aliyun_access_key_secret", "aliyun_account_id"} {
		if !regexp.MustCompile(`(?m)^\s*` + key + `\s*=\s*\S`).Match(text) {
			return "", fail.Input("the credentials for Alibaba Cloud in %s have no %s", file, key).WithHint(aliyunHint)
		}
	}
	return file, nil
}

// file is that of the credentials, where the environment has none.
func (a *aliyunCloud) file() string {
	file, _ := a.anyOf(aliyunFile)
	return cmp.Or(file, filepath.Join(a.Getenv("HOME"), ".aliyuncli", "credentials"))
}

var aliyunAccountLine = regexp.MustCompile(`(?m)^\s*aliyun_account_id\s*=\s*(\S+)`)

// account is that which the credentials are of; empty where they do not say.
func (a *aliyunCloud) account() string {
	if id, _ := a.anyOf(aliyunNumber); id != "" {
		return id
	}
	text, err := os.ReadFile(a.file())
	if err != nil {
		return ""
	}
	if m := aliyunAccountLine.FindSubmatch(text); m != nil {
		return string(m[1])
	}
	return ""
}

func (a *aliyunCloud) where() map[string]string {
	out := map[string]string{}
	if id := a.account(); id != "" {
		out[detailAccount] = id
	}
	region, _ := a.anyOf(aliyunRegion)
	if region = cmp.Or(a.Where[DetailRegion], a.Region, region); region != "" {
		out[DetailRegion] = region
	}
	return out
}

// Commands are `serverless deploy` and `serverless remove` in the unit's folder, and `serverless info`, which says what is left.
func (a *aliyunCloud) Commands(u Unit) (deploy, remove []shell.Command) {
	deploy, remove = a.service.Commands(u)
	return deploy, append(remove, a.at(u).Command("info"))
}

// Ready finds the Serverless CLI and credentials. Whether these are good is not tried.
func (a *aliyunCloud) Ready(ctx context.Context) Readiness {
	r := a.service.Ready(ctx)
	found, err := a.credentials()
	if err != nil {
		r.Missing = append(r.Missing, err)
		return r
	}
	r.Credentials, r.Where = found, a.where()
	return r
}

// Locate gives the account and, where one is named, the region: the folder remembers the plugin's own default.
func (a *aliyunCloud) Locate(context.Context) (map[string]string, error) {
	_, err := a.credentials()
	return a.where(), err
}

// Refuse names what functions behind the plugin's API Gateway cannot do.
func (a *aliyunCloud) Refuse(s *experiment.SubExperiment, _ *Function) (no []Refusal) {
	if s.Protocol != "" && s.Protocol != "http1" {
		no = append(no, refuse("Protocol", s.Protocol, "the plugin's addresses answer http1 without TLS"))
	}
	for round := range s.DesiredServiceTimes {
		if t := s.ServiceTime(round); t >= aliyunGateway {
			no = append(no, refuse("DesiredServiceTimes", t, "API Gateway waits %s for a function", aliyunGateway))
		}
	}
	return no
}

// aliyunGateway is the longest that API Gateway waits for what is behind it
// (alibabacloud.com/help/en/api-gateway/traditional-api-gateway/product-overview/limits, November 2026).
const aliyunGateway = 30 * time.Second

// ListAPIs is not possible: the plugin knows a service by its serverless.yml alone.
func (a *aliyunCloud) ListAPIs(context.Context) ([]Endpoint, error) {
	return nil, fail.Unsupported("the plugin for Alibaba Cloud cannot list the services of an account")
}

// DeployFunctions deploys some services at once.
func (a *aliyunCloud) DeployFunctions(ctx context.Context, fns []*Function) ([]Endpoint, error) {
	if _, err := a.credentials(); err != nil {
		return nil, err
	}
	at := map[string]int{}
	for i, f := range fns {
		at[f.Name] = i
	}
	out := make([]Endpoint, len(fns))
	err := each(ctx, a.Patience.Parallel, onePerFunction(a.Service, fns), func(ctx context.Context, u Unit) error {
		e, err := a.deploy(ctx, u)
		if err != nil {
			return fmt.Errorf("deploy the service %s: %w", u.Name, err)
		}
		out[at[e.Function]] = e
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (a *aliyunCloud) deploy(ctx context.Context, u Unit) (Endpoint, error) {
	f := u.Functions[0]
	text, err := a.at(u).Deploy(ctx)
	if err != nil {
		return Endpoint{}, explain(text, err)
	}
	found := aliyunEndpoints(text)
	if len(found) != 1 {
		return Endpoint{}, outputError(text, "serverless deploy named %d addresses for one function", len(found))
	}
	e := Endpoint{Function: f.Name, URL: found[0].URL, Provider: "aliyun", MemoryMB: f.MemoryMB, PackageType: f.PackageType,
		Detail: map[string]string{DetailUnit: u.Name, DetailDir: filepath.Join(a.ServiceDir, filepath.FromSlash(u.Dir))}}
	if f.Package != nil {
		e.ImageSizeMB = float64(f.Package.Bytes) / mib
	}
	return e, nil
}

// aliyunLine is how the plugin tells an API: method, address, and service.function behind it.
var aliyunLine = regexp.MustCompile(`(?m)^.*\b[A-Z]+ (https?://\S+) -> [^\s.]+\.(\S+)\s*$`)

// aliyunEndpoints reads what `serverless deploy` prints. Function is the name in the account.
func aliyunEndpoints(text string) []Endpoint {
	var out []Endpoint
	for _, m := range aliyunLine.FindAllStringSubmatch(text, -1) {
		if u, err := CompleteURL(m[1]); err == nil {
			out = append(out, Endpoint{Function: m[2], URL: u, Provider: "aliyun"})
		}
	}
	return out
}

// UpdateFunction deploys a service anew: Function Compute replaces all instances of a function that was updated.
func (a *aliyunCloud) UpdateFunction(ctx context.Context, _ Endpoint, fn *Function) error {
	if _, err := a.credentials(); err != nil {
		return err
	}
	_, err := a.deploy(ctx, onePerFunction(a.Service, []*Function{fn})[0])
	return err
}

// RemoveFunctions removes services and makes sure that they are gone.
func (a *aliyunCloud) RemoveFunctions(ctx context.Context, es []Endpoint) error {
	if _, err := a.credentials(); err != nil {
		return err
	}
	return each(ctx, a.Patience.Parallel, es, func(ctx context.Context, e Endpoint) error {
		// In another account nothing is there, which would be taken for a removal.
		if is := e.Detail[detailAccount]; is != "" && is != a.account() {
			return fail.Input("service %s stands in account %s, the credentials are of %s", e.Detail[DetailUnit], is, a.account()).
				WithHint("give the credentials it was deployed with, and try again")
		}
		return a.remove(ctx, e)
	})
}

// remove judges by what `info` says is left: `remove` fails too where there was nothing.
func (a *aliyunCloud) remove(ctx context.Context, e Endpoint) error {
	name := e.Detail[DetailUnit]
	if name == "" {
		return fmt.Errorf("the service of function %s is not named", e.Function)
	}
	dir, tidy, err := removalFolder(e)
	if err != nil {
		return err
	}
	defer tidy()
	cli := a.Serverless(a.cli, dir)
	text, failed := cli.Remove(ctx)
	failed = explain(text, failed)
	err = a.gone(ctx, "the service "+name, e.Detail[DetailConfirmed] != "", func(ctx context.Context) (bool, error) {
		text, err := cli.Info(ctx)
		if err != nil {
			return false, explain(text, err)
		}
		left := aliyunLeft.FindStringSubmatch(text)
		if left == nil {
			return false, outputError(text, "serverless info did not say what is left")
		}
		return left[1] != "[]", nil
	})
	if err != nil && failed != nil {
		return joined([]error{failed, err})
	}
	return err
}

// aliyunLeft is what our plugin prints at the end of `serverless info`.
var aliyunLeft = regexp.MustCompile(`(?m)^stellar-left: (\[.*\])\s*$`)

// removalFolder is the unit's folder, or one made for the purpose where that was deleted by hand: all names follow from the service's.
func removalFolder(e Endpoint) (dir string, tidy func(), err error) {
	dir = e.Detail[DetailDir]
	_, err = os.Stat(filepath.Join(dir, "serverless.yml"))
	switch {
	case dir != "" && err == nil:
		return dir, func() {}, nil
	case dir != "" && !errors.Is(err, fs.ErrNotExist):
		return "", nil, err
	}
	temp, err := os.MkdirTemp("", "stellar-aliyun-")
	if err != nil {
		return "", nil, err
	}
	region := ""
	if r := e.Detail[DetailRegion]; r != "" {
		region = "  region: " + r + "\n"
	}
	yml := "service: " + e.Detail[DetailUnit] + "\nprovider:\n  name: aliyun\n  runtime: python3.10\n" + region +
		"  credentials: ${env:" + aliyunFile + ", '~/.aliyuncli/credentials'}\n" +
		"plugins: [serverless-aliyun-function-compute, ./" + aliyun.Name + "]\nfunctions: {}\nconfigValidationMode: off\n"
	err = errors.Join(os.WriteFile(filepath.Join(temp, "serverless.yml"), []byte(yml), 0o600), os.WriteFile(filepath.Join(temp, aliyun.Name), aliyun.Source, 0o600))
	if err != nil {
		_ = os.RemoveAll(temp)
		return "", nil, err
	}
	return temp, func() { _ = os.RemoveAll(temp) }, nil
}
