// Package cloudflare is Workers, deployed with Wrangler: the connection, what it accepts, and the configuration that
// Wrangler reads.
package cloudflare

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/bytesize"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/shell"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// Provider is the row of the table of providers.
func Provider() provider.Provider {
	return provider.Provider{Name: "cloudflare", Runs: "wrangler deploy", Language: run.LanguageWorkers,
		Limits: limits(), Chains: true,
		Can: []string{"modules of your own", "cold start by a new version"}, Connect: connect,
		Divide: provider.OnePerFunction, Attempts: attempts,
		Ignores: append(provider.PlatformKeys(), "Region", "Runtime", "FunctionTimeoutSeconds",
			"MemorySizesMB", "Optimize", "BalancedWeight")}
}

// limits are those of Workers: developers.cloudflare.com/workers/platform/limits, November 2026. The 3 and 10 MB
// compressed of earlier years gave way to 64 MiB uncompressed on every plan in September 2026. There is no limit of
// wall-clock time, and memory is no setting.
func limits() provider.Limits {
	return provider.Limits{PackageTypes: []string{"Zip"}, ZipBytes: 64 * bytesize.MiB,
		ZipWords:     "64 MiB of modules, uncompressed",
		RequestBytes: 100_000_000, RequestWords: "100 MB, on the free and the pro plan",
		MemoryMB: [2]int{128, 128}, Source: "developers.cloudflare.com/workers/platform/limits, November 2026"}
}

// longestCPU is the most that one request may compute, on the paid plan (the same page); the free one has 10 ms.
const longestCPU = 5 * time.Minute

// attempts span the five minutes for which Cloudflare answers nothing to who has sent 1200 calls in five minutes
// (developers.cloudflare.com/fundamentals/api/reference/limits): with Patience's own waits, 5 s doubled each time. A
// deployment is about ten calls.
const attempts = 7

// cloudflare deploys with Wrangler, a Worker for each function.
type connection struct{ provider.Options }

var (
	_ provider.Connection = (*connection)(nil)
	_ provider.Restorer   = (*connection)(nil)
	_ provider.Planner    = (*connection)(nil)
	_ provider.Checker    = (*connection)(nil)
	_ provider.Locator    = (*connection)(nil)
	_ provider.Refuser    = (*connection)(nil)
	_ provider.Sweeper    = (*connection)(nil)
	_ provider.Writer     = (*connection)(nil)
	_ provider.Adapter    = (*connection)(nil)
	_ provider.Reporter   = (*connection)(nil)
)

func connect(o provider.Options) provider.Connection { return &connection{o} }

const (
	wranglerName   = "wrangler"
	wranglerConfig = "wrangler.jsonc"
	wranglerOutput = "wrangler-output.ndjson" // what Wrangler says of a deployment, for programs
	wranglerHint   = "`make wrangler` in a clone of stellar installs the pinned one (npm install -g wrangler@4.86.0 " +
		"does too)"
)

// Variables of the environment that Wrangler reads too.
const (
	envAccount = "CLOUDFLARE_ACCOUNT_ID"
	envToken   = "CLOUDFLARE_API_TOKEN"
	envKey     = "CLOUDFLARE_API_KEY" // with envMail
	envMail    = "CLOUDFLARE_EMAIL"
)

// Keys of an endpoint's Detail, and of the journal.
const (
	detailUpload  = "uploadKiB" // the Worker's size as Wrangler counts it
	detailGzip    = "gzipKiB"   // likewise, compressed
	detailStartup = "startupMs" // what Cloudflare measured of the global scope when it took the Worker
)

// command is Wrangler in a unit's folder: without questions, and without word of it to anybody.
func (c *connection) command(dir, account string, args ...string) shell.Command {
	env := []string{"WRANGLER_SEND_METRICS=false", "WRANGLER_SEND_ERROR_REPORTS=false", "WRANGLER_HIDE_BANNER=true",
		"FORCE_COLOR=0",
		"WRANGLER_OUTPUT_FILE_DIRECTORY="}
	if account != "" {
		env = append(env, envAccount+"="+account)
	}
	if dir != "" {
		env = append(env, "WRANGLER_LOG_PATH="+filepath.Join(dir, "wrangler-logs")) // else in the home, for ever
	}
	var secrets []string
	for _, name := range []string{envToken, envKey} {
		if v := c.Getenv(name); v != "" {
			secrets = append(secrets, v)
		}
	}
	return shell.Command{Name: wranglerName, Args: append(args, "--config", wranglerConfig), Dir: dir, Env: env,
		Secrets: secrets}
}

func (c *connection) deployment(dir, account string, more ...string) shell.Command {
	cmd := c.command(dir, account, append([]string{"deploy"}, more...)...)
	cmd.Env = append(cmd.Env, "WRANGLER_OUTPUT_FILE_PATH="+filepath.Join(dir, wranglerOutput))
	return cmd
}

func (c *connection) removal(dir, account, name string) (remove, look shell.Command) {
	return c.command(dir, account, "delete", "--name", name, "--force"), c.command(dir, account, "deployments", "list",
		"--name", name, "--json")
}

// wrangler runs a command with the Wrangler that is found here.
func (c *connection) wrangler(ctx context.Context, cmd shell.Command) (shell.Result, error) {
	bin, err := c.LookPath(wranglerName)
	if err != nil {
		return shell.Result{}, fail.Input("wrangler is not on the PATH").WithHint(wranglerHint)
	}
	cmd.Name = bin
	if c.Log != nil {
		cmd.Line = func(line string) { c.Log.Debugf("wrangler: %s", colours.ReplaceAllString(line, "")) }
	}
	res, err := c.RunCommand(ctx, cmd)
	return res, explained(err, res)
}

// Commands are `wrangler deploy` and what follows it: a second version once the Worker answers, so that it starts cold,
// the removal, and the look whether it is gone. With a token or a key these are calls to the API, else commands of
// Wrangler.
func (c *connection) Commands(u provider.Unit) (deploy, remove []shell.Command) {
	dir := c.UnitFolder(u)
	deploy = []shell.Command{c.deployment(dir, "")}
	if c.hasKey() {
		account := cmp.Or(c.Where[provider.DetailAccount], strings.TrimSpace(c.Getenv(envAccount)), "ACCOUNT")
		line := func(method, what string) shell.Command {
			one := scriptCall(method, account, u.Name, what)
			return shell.Command{Name: method, Args: []string{c.addressOf(one)}}
		}
		return append(deploy, line(http.MethodPatch, settingsPath)), []shell.Command{line(http.MethodDelete,
			deletePath), line(http.MethodGet, deploymentsPath)}
	}
	gone, look := c.removal(dir, "", u.Name)
	return append(deploy, c.deployment(dir, "", "--var", versionVariable+":TIME")), []shell.Command{gone, look}
}

// Ready finds Wrangler, credentials and the account.
func (c *connection) Ready(ctx context.Context) provider.Readiness {
	r := provider.Readiness{Tools: []provider.Tool{c.FindProgram(ctx,
		provider.Program{Name: wranglerName, Args: []string{"--version"}, Least: [3]int{4, 86, 0}, Below: 5,
			Install: wranglerHint, Package: wranglerName})}}
	if r.Tools[0].Err != nil {
		return r
	}
	who, err := c.who(ctx)
	if err != nil {
		r.Missing = append(r.Missing, err)
		return r
	}
	r.Credentials, r.Where = who.credentials, map[string]string{provider.DetailAccount: who.account}
	return r
}

// Locate gives the account.
func (c *connection) Locate(ctx context.Context) (map[string]string, error) {
	who, err := c.who(ctx)
	return map[string]string{provider.DetailAccount: who.account}, err
}

type identity struct{ account, credentials string }

// who returns the account that the credentials belong to. A token is not tried: the first deployment does.
func (c *connection) who(ctx context.Context) (identity, error) {
	account := cmp.Or(c.Where[provider.DetailAccount], strings.TrimSpace(c.Getenv(envAccount)))
	_, name := c.FirstSet(envToken, envKey)
	switch {
	case name != "" && account == "":
		return identity{}, fail.Input("CLOUDFLARE_ACCOUNT_ID is not set").
			WithHint("set it to the id of the account in which Workers are to be deployed (`wrangler whoami` shows it)")
	case name != "":
		return identity{account, name}, nil
	}
	none := fail.Input("there are no credentials for Cloudflare").
		WithHint("set CLOUDFLARE_API_TOKEN and CLOUDFLARE_ACCOUNT_ID, or run `wrangler login`")
	cmd := c.command("", "", "whoami", "--json")
	cmd.Args = cmd.Args[:2] // it needs no configuration
	res, err := c.wrangler(ctx, cmd)
	if err != nil {
		return identity{}, none
	}
	var me struct {
		LoggedIn bool
		Accounts []struct{ Name, ID string }
	}
	if err := json.Unmarshal([]byte(res.Stdout), &me); err != nil || !me.LoggedIn {
		return identity{}, none
	}
	switch {
	case account != "":
	case len(me.Accounts) == 1:
		account = me.Accounts[0].ID
	default:
		return identity{}, fail.Input("the login at Cloudflare has access to %d accounts", len(me.Accounts)).
			WithHint("set CLOUDFLARE_ACCOUNT_ID to one of them")
	}
	return identity{account, "wrangler login"}, nil
}

// Refuse names what Workers cannot do.
func (c *connection) Refuse(s *experiment.SubExperiment, fn *provider.Function) (no []provider.Refusal) {
	if fn.Language == run.LanguageWorkers && s.FunctionImageSizeMB > 0 && slices.Contains([]string{"front", "spread"},
		s.FillerPlacement) {
		no = append(no, provider.Refuse("FillerPlacement", s.FillerPlacement, "the modules of a Worker have no order"))
	}
	no = append(no, provider.RefuseHTTP2(s, "Workers answer http1 and h2")...)
	for round := range s.DesiredServiceTimes {
		if t := s.ServiceTime(round); t > longestCPU {
			no = append(no, provider.Refuse("DesiredServiceTimes", t, "a request may compute for %s", longestCPU))
		}
	}
	return no
}

// DeployFunctions deploys some Workers at once.
func (c *connection) DeployFunctions(ctx context.Context, fns []*provider.Function) ([]provider.Endpoint, error) {
	who, err := c.who(ctx)
	if err != nil {
		return nil, err
	}
	return c.DeployEach(ctx, provider.OnePerFunction(c.Service, fns), func(u provider.Unit) string {
		return "the Worker " + u.Name
	},
		func(ctx context.Context, u provider.Unit) (provider.Endpoint, error) {
			return c.deployNew(ctx, u.Name, c.UnitFolder(u), who.account, u.Functions[0].Generated)
		})
}

var (
	wranglerUpload  = regexp.MustCompile(`Total Upload: ([\d.]+) KiB`)
	wranglerGzip    = regexp.MustCompile(`Total Upload: [\d.]+ KiB / gzip: ([\d.]+) KiB`)
	wranglerStartup = regexp.MustCompile(`Worker Startup Time: (\d+) ms`)
	workersDev      = regexp.MustCompile(`https?://[A-Za-z0-9.-]+\.workers\.dev\b\S*`)
)

// deployNew deploys a Worker that was not there, waits until it answers, and makes it start cold again.
func (c *connection) deployNew(ctx context.Context, name, dir, account string, ours bool) (provider.Endpoint, error) {
	e, err := c.deploy(ctx, name, dir, account)
	if err != nil {
		return e, err
	}
	if c.awaitWorker(ctx, e.URL, ours) {
		if c.hasKey() {
			return e, c.renew(ctx, account, name)
		}
		return c.deploy(ctx, name, dir, account, versionFlag()...)
	}
	if c.Log != nil && ctx.Err() == nil {
		c.Log.Warnf("%s does not answer yet, the first requests may fail", e.URL)
	}
	return e, ctx.Err()
}

func (c *connection) deploy(ctx context.Context, name, dir, account string, more ...string) (provider.Endpoint, error) {
	cmd := c.deployment(dir, account, more...)
	if err := os.Remove(filepath.Join(dir, wranglerOutput)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return provider.Endpoint{}, err // it would be taken for this deployment's
	}
	res, err := c.wrangler(ctx, cmd)
	if err != nil {
		return provider.Endpoint{}, err
	}
	text := res.Stdout + res.Stderr
	address := deployedTo(filepath.Join(dir, wranglerOutput), name)
	if address == "" {
		address = workersDev.FindString(res.Stdout)
	}
	if address == "" {
		return provider.Endpoint{}, provider.OutputError(text, "wrangler deploy named no address")
	}
	e := provider.Endpoint{URL: address, Provider: "cloudflare",
		Detail: map[string]string{provider.DetailUnit: name, provider.DetailDir: dir, provider.DetailAccount: account}}
	for key, pattern := range map[string]*regexp.Regexp{detailUpload: wranglerUpload, detailGzip: wranglerGzip,
		detailStartup: wranglerStartup} {
		if m := pattern.FindStringSubmatch(text); m != nil {
			e.Detail[key] = m[1]
		}
	}
	return e, nil
}

// deployedTo reads the address in what Wrangler writes for programs: lines of JSON, one of them about the deployment
// (developers.cloudflare.com/workers/wrangler/system-environment-variables, WRANGLER_OUTPUT_FILE_PATH).
func deployedTo(file, name string) string {
	text, err := wholefile.ReadFile(file)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		var one struct {
			Type    string
			Worker  string `json:"worker_name"`
			Targets []string
		}
		if json.Unmarshal([]byte(line), &one) != nil || one.Type != "deploy" || one.Worker != name {
			continue
		}
		for _, t := range one.Targets { // others are patterns of routes
			if strings.HasPrefix(t, "https://") || strings.HasPrefix(t, "http://") {
				return t
			}
		}
	}
	return ""
}

// UpdateFunction deploys anew what lies in the unit's folder. A variable that changes makes a new version, whose first
// request starts cold. Without a Function only the variable changes.
func (c *connection) UpdateFunction(ctx context.Context, e provider.Endpoint, fn *provider.Function) error {
	name, dir := e.Detail[provider.DetailUnit], e.Detail[provider.DetailDir]
	if fn == nil && name != "" && c.hasKey() {
		return c.renew(ctx, e.Detail[provider.DetailAccount], name)
	}
	if fn != nil {
		unit := provider.OnePerFunction(c.Service, []*provider.Function{fn})[0]
		name, dir = cmp.Or(name, unit.Name), cmp.Or(dir, c.UnitFolder(unit))
	}
	if _, err := os.Stat(filepath.Join(dir, wranglerConfig)); err != nil || dir == "" {
		return fail.Input("the Worker %s is deployed anew from its folder %q, which is gone", name, dir)
	}
	_, err := c.deploy(ctx, name, dir, e.Detail[provider.DetailAccount], versionFlag()...)
	return err
}
