package provider

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
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
	"stellar/src/shell"
)

// azureLimits are those of the Consumption plan on Linux. Memory is no setting there.
func azureLimits() Limits {
	return Limits{PackageTypes: []string{"Zip"}, ZipBytes: 1024 * mib, ZipWords: "1 GB", TimeoutMax: 600, Languages: []string{"python", "nodejs", "go", "rust"},
		Region: regexp.MustCompile(`^[A-Za-z]+( ?[A-Za-z0-9]+)*$`), RegionLike: "westeurope or West Europe",
		Source: "learn.microsoft.com/azure/azure-functions/functions-scale, November 2026"}
}

// azure deploys with the Serverless CLI and its plugin for Azure, in a version that the plugin loads in. Cold start is a matter of the
// function app, so each function has one, in a resource group of its own: what is removed is the group.
type azure struct{ service }

var (
	_ Connection = (*azure)(nil)
	_ Planner    = (*azure)(nil)
	_ Checker    = (*azure)(nil)
	_ Locator    = (*azure)(nil)
	_ Refuser    = (*azure)(nil)
	_ Sweeper    = (*azure)(nil)
)

func newAzure(o Options) Connection { return &azure{service{Options: o, cli: "azure"}} }

// Environment variables of a service principal, as the plugin and Azure's own libraries have them.
const (
	azureSubscription = "AZURE_SUBSCRIPTION_ID"
	azureTenant       = "AZURE_TENANT_ID"
	azureClient       = "AZURE_CLIENT_ID"
	azureClientSecret = "AZURE_CLIENT_SECRET"

	detailSubscription = "subscription"
)

// AzureApp are the names of what one function is made of.
type AzureApp struct {
	Group   string // resource group
	App     string // function app: in its address, so unique in the world
	Plan    string
	Storage string // storage account: unique in the world, at most 24 lower-case letters and digits
}

// AzureNames follow from the unit's name alone, which no other run has. Of the storage account's, 22 hexadecimal digits are of its hash:
// the plugin's own choice would be the same for all functions of a run.
func AzureNames(u Unit) AzureApp {
	sum := sha256.Sum256([]byte(u.Name))
	return AzureApp{Group: u.Name, App: strings.ToLower(u.Name), Plan: u.Name + "-plan", Storage: "st" + hex.EncodeToString(sum[:11])}
}

// azureLogin is a service principal and the subscription that it works in.
type azureLogin struct {
	subscription, tenant, clientID, secret string
}

// login reads the environment. The plugin would ask a person to log in in a browser where any of it is missing: that is never let happen.
func (a *azure) login() (azureLogin, error) {
	var missing []string
	get := func(name string) string {
		v := strings.TrimSpace(a.Getenv(name))
		if v == "" {
			missing = append(missing, name)
		}
		return v
	}
	subscription := a.Where[detailSubscription]
	if subscription == "" {
		subscription = get(azureSubscription)
	}
	l := azureLogin{subscription, get(azureTenant), get(azureClient), get(azureClientSecret)}
	if len(missing) > 0 {
		return l, fail.Input("there are no credentials for Azure: %s not set", strings.Join(missing, ", ")).
			WithHint("`az ad sp create-for-rbac --role Contributor --scopes /subscriptions/<id>` makes a service principal; docs/providers/azure.md has a smaller role")
	}
	return l, nil
}

// region is that of where the run was located before, else the experiment's, else the environment's; empty: the plugin's own default.
func (a *azure) region() string {
	if region := cmp.Or(a.Where[DetailRegion], a.Region); region != "" {
		return region
	}
	region, _ := a.anyOf("AZURE_LOCATION", "AZURE_DEFAULTS_LOCATION")
	return region
}

// deployArgs are those of `serverless deploy`. The CLI's own packaging is left out: the package is the run's.
func (a *azure) deployArgs(u Unit) []string {
	pkg := "PACKAGE.zip"
	if f := u.Functions[0]; f.Package != nil {
		pkg = f.Package.Path
		if rel, err := filepath.Rel(a.dir(u), pkg); err == nil {
			pkg = filepath.ToSlash(rel)
		}
	}
	args := []string{"--package", pkg}
	if region := a.region(); region != "" {
		args = append(args, "--region", region)
	}
	return args
}

// removeArgs keep the plugin from asking, and from looking in another subscription than that of then.
func removeArgs(subscription string) []string {
	args := []string{"--force"}
	if subscription != "" {
		args = append(args, "--subscriptionId", subscription)
	}
	return args
}

func (a *azure) dir(u Unit) string { return filepath.Join(a.ServiceDir, filepath.FromSlash(u.Dir)) }

// Commands are `serverless deploy` and `serverless remove` in the unit's folder.
func (a *azure) Commands(u Unit) (deploy, remove []shell.Command) {
	at := a.at(u)
	return []shell.Command{at.Command("deploy", a.deployArgs(u)...)}, []shell.Command{at.Command("remove", removeArgs(strings.TrimSpace(a.Getenv(azureSubscription)))...)}
}

// Ready finds the Serverless CLI and the names of credentials. Whether they are good is not tried.
func (a *azure) Ready(ctx context.Context) Readiness {
	r := a.service.Ready(ctx)
	l, err := a.login()
	if err != nil {
		r.Missing = append(r.Missing, err)
		return r
	}
	r.Credentials = azureClient + ", " + azureClientSecret
	r.Where = map[string]string{detailSubscription: l.subscription}
	if region := a.region(); region != "" {
		r.Where[DetailRegion] = region
	}
	return r
}

// Locate gives the subscription and, where one is named, the region. It logs in and looks: what does not lead to the subscription is
// known before anything is made that could not be removed.
func (a *azure) Locate(ctx context.Context) (map[string]string, error) {
	l, err := a.login()
	if err != nil {
		return nil, err
	}
	if err := newAzureRest(a.Options, l).look(ctx); err != nil {
		return nil, fmt.Errorf("look into the subscription %s: %w", l.subscription, err)
	}
	where := map[string]string{detailSubscription: l.subscription}
	if region := a.region(); region != "" {
		where[DetailRegion] = region
	}
	return where, nil
}

// Refuse names what apps of the Consumption plan cannot do.
func (a *azure) Refuse(s *experiment.SubExperiment, _ *Function) []Refusal {
	return noHTTP2(s, "function apps answer http1 and h2")
}

// ListAPIs gives the functions of the service's apps that stand.
func (a *azure) ListAPIs(ctx context.Context) ([]Endpoint, error) {
	l, err := a.login()
	if err != nil {
		return nil, err
	}
	rest := newAzureRest(a.Options, l)
	groups, err := rest.tagged(ctx)
	if err != nil {
		return nil, err
	}
	var out []Endpoint
	for _, g := range groups {
		if g.Name != a.Service && !strings.HasPrefix(g.Name, a.Service+"-") {
			continue
		}
		addresses, err := rest.addresses(ctx, g.Name, AzureNames(Unit{Name: g.Name}).App)
		if err != nil {
			return nil, err
		}
		for _, address := range addresses {
			out = append(out, Endpoint{Function: strings.TrimPrefix(strings.TrimPrefix(g.Name, a.Service), "-"), URL: address, Provider: "azure",
				Detail: map[string]string{DetailUnit: g.Name, detailSubscription: l.subscription}})
		}
	}
	return out, nil
}

// DeployFunctions deploys some apps at once.
func (a *azure) DeployFunctions(ctx context.Context, fns []*Function) ([]Endpoint, error) {
	l, err := a.login()
	if err != nil {
		return nil, err
	}
	at := map[string]int{}
	for i, f := range fns {
		at[f.Name] = i
	}
	out := make([]Endpoint, len(fns))
	err = each(ctx, a.Patience.Parallel, onePerFunction(a.Service, fns), func(ctx context.Context, u Unit) error {
		e, err := a.deploy(ctx, u)
		if err != nil {
			return fmt.Errorf("deploy the function app %s: %w", AzureNames(u).App, err)
		}
		e.Detail[detailSubscription] = l.subscription
		out[at[e.Function]] = e
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (a *azure) deploy(ctx context.Context, u Unit) (Endpoint, error) {
	f := u.Functions[0]
	text, err := a.at(u).Deploy(ctx, a.deployArgs(u)...)
	if err != nil {
		return Endpoint{}, explain(text, err)
	}
	found := azureEndpoints(text)
	if len(found) != 1 {
		return Endpoint{}, outputError(text, "serverless deploy named %d addresses for one function", len(found))
	}
	e := Endpoint{Function: f.Name, URL: found[0].URL, Provider: "azure", MemoryMB: f.MemoryMB, PackageType: f.PackageType,
		Detail: map[string]string{DetailUnit: u.Name, DetailDir: a.dir(u)}}
	if f.Package != nil {
		e.ImageSizeMB = float64(f.Package.Bytes) / mib
	}
	return e, nil
}

// azureLine is how the plugin tells a function: its name, a method, its address without a scheme.
var azureLine = regexp.MustCompile(`(?m)->\s+(\S+): \[[A-Z*]+\] ((?:https?://)?[A-Za-z0-9][A-Za-z0-9.-]*(?::\d+)?/\S*)\s*$`)

// azureEndpoints reads what `serverless deploy` prints. Function is the name within the app.
func azureEndpoints(text string) []Endpoint {
	var out []Endpoint
	for _, m := range azureLine.FindAllStringSubmatch(text, -1) {
		if u, err := CompleteURL(m[2]); err == nil {
			out = append(out, Endpoint{Function: m[1], URL: u, Provider: "azure"})
		}
	}
	return out
}

// UpdateFunction gives an app its package anew where there is one that it does not have, and makes its instances start anew. Memory is
// no setting of the plan.
func (a *azure) UpdateFunction(ctx context.Context, e Endpoint, fn *Function) error {
	l, err := a.login()
	if err != nil {
		return err
	}
	if fn.MemoryMB != 0 && e.MemoryMB != 0 && fn.MemoryMB != e.MemoryMB {
		return fail.Unsupported("azure: the Consumption plan has no setting for memory")
	}
	u := onePerFunction(a.Service, []*Function{fn})[0]
	if fn.Package != nil && float64(fn.Package.Bytes)/mib != e.ImageSizeMB {
		if _, err := a.deploy(ctx, u); err != nil {
			return err
		}
	}
	names := AzureNames(u)
	return newAzureRest(a.Options, l).restart(ctx, names.Group, names.App)
}

// RemoveFunctions deletes resource groups and makes sure that they are gone.
func (a *azure) RemoveFunctions(ctx context.Context, es []Endpoint) error {
	l, err := a.login()
	if err != nil {
		return err
	}
	return each(ctx, a.Patience.Parallel, es, func(ctx context.Context, e Endpoint) error { return a.remove(ctx, l, e) })
}

// remove judges by what Azure says is there. Where the unit's folder is gone, the group is deleted without the plugin.
func (a *azure) remove(ctx context.Context, l azureLogin, e Endpoint) error {
	group := e.Detail[DetailUnit]
	if group == "" {
		return fmt.Errorf("the resource group of function %s is not named", e.Function)
	}
	if s := e.Detail[detailSubscription]; s != "" {
		l.subscription = s
	}
	rest := newAzureRest(a.Options, l)
	failed := a.take(ctx, rest, e, group)
	err := a.gone(ctx, "the resource group "+group, e.Detail[DetailConfirmed] != "", func(ctx context.Context) (bool, error) {
		g, err := rest.group(ctx, group)
		return g != nil, err
	})
	if err != nil && failed != nil {
		return joined([]error{failed, err})
	}
	return err
}

// take has the plugin remove a group, and then deletes it in any case: the plugin deletes the deployment first, which Azure refuses as
// long as that is at work, and leaves a group alone that it could not look at.
// learn.microsoft.com/rest/api/resources/deployments/delete, learn.microsoft.com/rest/api/resources/resource-groups/delete
func (a *azure) take(ctx context.Context, rest *azureRest, e Endpoint, group string) error {
	if dir := e.Detail[DetailDir]; dir != "" {
		switch _, err := os.Stat(filepath.Join(dir, "serverless.yml")); {
		case err == nil:
			text, err := a.of(e).Remove(ctx, removeArgs(rest.subscription)...)
			told := explain(text, err)
			if err := rest.remove(ctx, group); err != nil {
				return joined(slices.DeleteFunc([]error{told, err}, func(err error) bool { return err == nil }))
			}
			return nil
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
	}
	return rest.remove(ctx, group)
}

// Tagged lists the resource groups that runs have left in the subscription.
func (a *azure) Tagged(ctx context.Context) ([]Tagged, error) {
	l, err := a.login()
	if err != nil {
		return nil, err
	}
	groups, err := newAzureRest(a.Options, l).tagged(ctx)
	if err != nil {
		return nil, err
	}
	var out []Tagged
	for _, g := range groups {
		if g.Tags[tagRun] == "" {
			continue
		}
		t := Tagged{Run: g.Tags[tagRun], Owner: g.Tags[tagOwner], Unit: Endpoint{Provider: "azure", Detail: map[string]string{DetailUnit: g.Name, detailSubscription: l.subscription, DetailConfirmed: "yes"}}}
		if at, err := time.Parse(time.RFC3339, g.Tags[tagExpires]); err == nil {
			t.Expires = at
		}
		out = append(out, t)
	}
	return out, nil
}
