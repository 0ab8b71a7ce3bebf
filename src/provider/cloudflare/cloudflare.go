package provider

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"stellar/src/experiment"
	"stellar/src/fail"
	"stellar/src/run"
	"stellar/src/shell"
)

// cloudflareLimits are those of Workers: developers.cloudflare.com/workers/platform/limits, November 2026. The 3 and 10 MB compressed of
// earlier years gave way to 64 MiB uncompressed on every plan in September 2026. There is no limit of wall-clock time, and memory is no
// setting.
func cloudflareLimits() Limits {
	return Limits{PackageTypes: []string{"Zip"}, ZipBytes: 64 * mib, ZipWords: "64 MiB of modules, uncompressed",
		MemoryMB: [2]int{128, 128}, Source: "developers.cloudflare.com/workers/platform/limits, November 2026"}
}

// cloudflareMaxCPU is the most that one request may compute, on the paid plan (the same page); the free one has 10 ms.
const cloudflareMaxCPU = 5 * time.Minute

// cloudflareAttempts span the five minutes for which Cloudflare answers nothing to who has sent 1200 calls in five minutes
// (developers.cloudflare.com/fundamentals/api/reference/limits): with Patience's own waits, 5 s doubled each time. A deployment is about
// ten calls.
const cloudflareAttempts = 7

// cloudflare deploys with Wrangler, a Worker for each function.
type cloudflare struct{ Options }

var (
	_ Connection = (*cloudflare)(nil)
	_ Planner    = (*cloudflare)(nil)
	_ Checker    = (*cloudflare)(nil)
	_ Locator    = (*cloudflare)(nil)
	_ Refuser    = (*cloudflare)(nil)
)

func newCloudflare(o Options) Connection { return &cloudflare{o} }

const (
	wranglerName   = "wrangler"
	wranglerConfig = "wrangler.jsonc"
	wranglerOutput = "wrangler-output.ndjson" // what Wrangler says of a deployment, for programs
	wranglerHint   = "`make wrangler` in a clone of stellar installs the pinned one (npm install -g wrangler@4.86.0 does too)"
)

// Keys of an endpoint's Detail, and of the journal.
const (
	detailAccount = "account"
	detailUpload  = "uploadKiB" // the Worker's size as Wrangler counts it
	detailGzip    = "gzipKiB"   // likewise, compressed
	detailStartup = "startupMs" // what Cloudflare measured of the global scope when it took the Worker
)

// command is Wrangler in a unit's folder: without questions, and without word of it to anybody.
func (c *cloudflare) command(dir, account string, args ...string) shell.Command {
	env := []string{"WRANGLER_SEND_METRICS=false", "WRANGLER_SEND_ERROR_REPORTS=false", "WRANGLER_HIDE_BANNER=true", "FORCE_COLOR=0",
		"WRANGLER_OUTPUT_FILE_DIRECTORY="}
	if account != "" {
		env = append(env, "CLOUDFLARE_ACCOUNT_ID="+account)
	}
	if dir != "" {
		env = append(env, "WRANGLER_LOG_PATH="+filepath.Join(dir, "wrangler-logs")) // else in the home, for ever
	}
	var secrets []string
	for _, name := range []string{"CLOUDFLARE_API_TOKEN", "CLOUDFLARE_API_KEY"} {
		if v := c.Getenv(name); v != "" {
			secrets = append(secrets, v)
		}
	}
	return shell.Command{Name: wranglerName, Args: append(args, "--config", wranglerConfig), Dir: dir, Env: env, Secrets: secrets}
}

func (c *cloudflare) deployment(dir, account string, more ...string) shell.Command {
	cmd := c.command(dir, account, append([]string{"deploy"}, more...)...)
	cmd.Env = append(cmd.Env, "WRANGLER_OUTPUT_FILE_PATH="+filepath.Join(dir, wranglerOutput))
	return cmd
}

func (c *cloudflare) removal(dir, account, name string) (remove, look shell.Command) {
	return c.command(dir, account, "delete", "--name", name, "--force"), c.command(dir, account, "deployments", "list", "--name", name, "--json")
}

// wrangler runs a command with the Wrangler that is found here.
func (c *cloudflare) wrangler(ctx context.Context, cmd shell.Command) (shell.Result, error) {
	bin, err := c.LookPath(wranglerName)
	if err != nil {
		return shell.Result{}, fail.Input("wrangler is not on the PATH").WithHint(wranglerHint)
	}
	cmd.Name = bin
	if c.Log != nil {
		cmd.Line = func(line string) { c.Log.Debugf("wrangler: %s", colours.ReplaceAllString(line, "")) }
	}
	res, err := c.do(ctx, cmd)
	return res, explained(err, res)
}

func (c *cloudflare) dir(u Unit) string {
	return filepath.Join(c.ServiceDir, filepath.FromSlash(u.Dir))
}

// Commands are `wrangler deploy`, twice, and `wrangler delete` in the unit's folder, and the look whether it is gone.
func (c *cloudflare) Commands(u Unit) (deploy, remove []shell.Command) {
	gone, look := c.removal(c.dir(u), "", u.Name)
	again := c.deployment(c.dir(u), "", "--var", "STELLAR_VERSION:TIME") // once it answers, so that it starts cold
	return []shell.Command{c.deployment(c.dir(u), ""), again}, []shell.Command{gone, look}
}

// Ready finds Wrangler, credentials and the account.
func (c *cloudflare) Ready(ctx context.Context) Readiness {
	r := Readiness{Tools: []Tool{c.find(ctx, wanted{name: wranglerName, args: []string{"--version"}, least: [3]int{4, 86, 0}, below: 5,
		install: wranglerHint})}}
	if r.Tools[0].Err != nil {
		return r
	}
	who, err := c.who(ctx)
	if err != nil {
		r.Missing = append(r.Missing, err)
		return r
	}
	r.Credentials, r.Where = who.credentials, map[string]string{detailAccount: who.account}
	return r
}

// Locate gives the account.
func (c *cloudflare) Locate(ctx context.Context) (map[string]string, error) {
	who, err := c.who(ctx)
	return map[string]string{detailAccount: who.account}, err
}

type identity struct{ account, credentials string }

// who tells which account the credentials at hand lead to. A token is not tried: the first deployment does.
func (c *cloudflare) who(ctx context.Context) (identity, error) {
	account := cmp.Or(c.Where[detailAccount], strings.TrimSpace(c.Getenv("CLOUDFLARE_ACCOUNT_ID")))
	_, name := c.anyOf("CLOUDFLARE_API_TOKEN", "CLOUDFLARE_API_KEY")
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
		return identity{}, fail.Input("the login at Cloudflare leads to %d accounts", len(me.Accounts)).WithHint("set CLOUDFLARE_ACCOUNT_ID to the one that is meant")
	}
	return identity{account, "wrangler login"}, nil
}

// Refuse names what Workers cannot do.
func (c *cloudflare) Refuse(s *experiment.SubExperiment, fn *Function) (no []Refusal) {
	if fn.Language == run.LanguageWorkers && s.FunctionImageSizeMB > 0 && slices.Contains([]string{"front", "spread"}, s.FillerPlacement) {
		no = append(no, refuse("FillerPlacement", s.FillerPlacement, "the modules of a Worker have no order"))
	}
	no = append(no, noHTTP2(s, "Workers answer http1 and h2")...)
	for round := range s.DesiredServiceTimes {
		if t := s.ServiceTime(round); t > cloudflareMaxCPU {
			no = append(no, refuse("DesiredServiceTimes", t, "a request may compute for %s", cloudflareMaxCPU))
		}
	}
	return no
}

// DeployFunctions deploys some Workers at once.
func (c *cloudflare) DeployFunctions(ctx context.Context, fns []*Function) ([]Endpoint, error) {
	who, err := c.who(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]Endpoint, len(fns))
	units := onePerFunction(c.Service, fns)
	numbers := make([]int, len(units))
	for i := range numbers {
		numbers[i] = i
	}
	err = each(ctx, c.Patience.Parallel, numbers, func(ctx context.Context, i int) error {
		f := fns[i]
		e, err := c.deployNew(ctx, units[i].Name, c.dir(units[i]), who.account, f.Generated)
		if err != nil {
			return fmt.Errorf("deploy the Worker %s: %w", units[i].Name, err)
		}
		e.Function, e.MemoryMB, e.PackageType = f.Name, f.MemoryMB, f.PackageType
		if f.Package != nil {
			e.ImageSizeMB = float64(f.Package.Bytes) / mib
		}
		out[i] = e
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

var (
	wranglerUpload  = regexp.MustCompile(`Total Upload: ([\d.]+) KiB`)
	wranglerGzip    = regexp.MustCompile(`Total Upload: [\d.]+ KiB / gzip: ([\d.]+) KiB`)
	wranglerStartup = regexp.MustCompile(`Worker Startup Time: (\d+) ms`)
	workersDev      = regexp.MustCompile(`https?://[A-Za-z0-9.-]+\.workers\.dev\b\S*`)
)

// deployNew deploys a Worker that was not there, waits until it answers, and makes it start cold again.
func (c *cloudflare) deployNew(ctx context.Context, name, dir, account string, ours bool) (Endpoint, error) {
	e, err := c.deploy(ctx, name, dir, account)
	if err != nil {
		return e, err
	}
	if c.settle(ctx, e.URL, ours) {
		return c.deploy(ctx, name, dir, account, newVersion()...)
	}
	if c.Log != nil && ctx.Err() == nil {
		c.Log.Warnf("%s does not answer yet, the first requests may fail", e.URL)
	}
	return e, ctx.Err()
}

func (c *cloudflare) deploy(ctx context.Context, name, dir, account string, more ...string) (Endpoint, error) {
	cmd := c.deployment(dir, account, more...)
	if err := os.Remove(filepath.Join(dir, wranglerOutput)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Endpoint{}, err // it would be taken for this deployment's
	}
	res, err := c.wrangler(ctx, cmd)
	if err != nil {
		return Endpoint{}, err
	}
	text := res.Stdout + res.Stderr
	address := deployedTo(filepath.Join(dir, wranglerOutput), name)
	if address == "" {
		address = workersDev.FindString(res.Stdout)
	}
	if address == "" {
		return Endpoint{}, outputError(text, "wrangler deploy named no address")
	}
	e := Endpoint{URL: address, Provider: "cloudflare", Detail: map[string]string{DetailUnit: name, DetailDir: dir, detailAccount: account}}
	for key, pattern := range map[string]*regexp.Regexp{detailUpload: wranglerUpload, detailGzip: wranglerGzip, detailStartup: wranglerStartup} {
		if m := pattern.FindStringSubmatch(text); m != nil {
			e.Detail[key] = m[1]
		}
	}
	return e, nil
}

// deployedTo reads the address in what Wrangler writes for programs: lines of JSON, one of them about the deployment
// (developers.cloudflare.com/workers/wrangler/system-environment-variables, WRANGLER_OUTPUT_FILE_PATH).
func deployedTo(file, name string) string {
	text, err := os.ReadFile(file)
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
// request starts cold.
func (c *cloudflare) UpdateFunction(ctx context.Context, e Endpoint, fn *Function) error {
	unit := onePerFunction(c.Service, []*Function{fn})[0]
	dir := cmp.Or(e.Detail[DetailDir], c.dir(unit))
	_, err := c.deploy(ctx, cmp.Or(e.Detail[DetailUnit], unit.Name), dir, e.Detail[detailAccount], newVersion()...)
	return err
}

// RemoveFunctions deletes Workers and makes sure that they are gone.
func (c *cloudflare) RemoveFunctions(ctx context.Context, es []Endpoint) error {
	return each(ctx, c.Patience.Parallel, es, c.remove)
}

// remove judges by what is left: Wrangler fails too where the Worker was not there, and where it is deleted but the token may
// not read the KV namespaces in which Wrangler looks for a Workers Site.
func (c *cloudflare) remove(ctx context.Context, e Endpoint) error {
	name := e.Detail[DetailUnit]
	if name == "" {
		return fmt.Errorf("the Worker of function %s is not named", e.Function)
	}
	dir, tidy, err := c.removalDir(e.Detail[DetailDir], name)
	if err != nil {
		return err
	}
	defer tidy()
	remove, look := c.removal(dir, e.Detail[detailAccount], name)
	res, failed := c.wrangler(ctx, remove)
	if noWorker(res) {
		failed = nil
	}
	err = c.gone(ctx, "the Worker "+name, e.Detail[DetailConfirmed] != "", func(ctx context.Context) (bool, error) {
		res, err := c.wrangler(ctx, look)
		if err != nil && noWorker(res) {
			return false, nil
		}
		return err == nil, err
	})
	if err != nil && failed != nil && !errors.Is(err, failed) {
		return joined([]error{failed, err})
	}
	return err
}

// noWorker reports whether Cloudflare says that there is no such Worker: codes 10007 and 10090 of its API, as Wrangler itself
// takes them (workers-sdk, packages/wrangler/src/utils/worker-not-found-error.ts).
func noWorker(res shell.Result) bool {
	return absent.MatchString(res.Stderr) || absent.MatchString(res.Stdout)
}

var absent = regexp.MustCompile(`\[code: (?:10007|10090)\]|Worker does not exist on your account`)

// removalDir is the unit's folder, or one made for the purpose where that was deleted by hand: Wrangler is not to find the
// configuration of somebody else's Worker in the folder from which stellar was started.
func (c *cloudflare) removalDir(dir, name string) (string, func(), error) {
	if _, err := os.Stat(filepath.Join(dir, wranglerConfig)); dir != "" && err == nil {
		return dir, func() {}, nil
	}
	temp, err := os.MkdirTemp("", "stellar-wrangler-")
	if err != nil {
		return "", nil, err
	}
	text := fmt.Sprintf("{\"name\": %q, \"send_metrics\": false}\n", name)
	if err := os.WriteFile(filepath.Join(temp, wranglerConfig), []byte(text), 0o600); err != nil {
		_ = os.RemoveAll(temp)
		return "", nil, err
	}
	return temp, func() { _ = os.RemoveAll(temp) }, nil
}
