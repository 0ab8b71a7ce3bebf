// Package azure is function apps on Azure's Consumption plan: the connection, what it accepts, and the files that the
// Serverless CLI reads.
package azure

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/bytesize"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/shell"
)

// Provider is the row of the table of providers.
func Provider() provider.Provider {
	return provider.Provider{Name: "azure", Runs: "serverless deploy", Limits: limits(), Secrets: []string{envSecret},
		UDP: true, Chains: true, Connect: connect,
		Can:    []string{"a function app for each function", "no memory setting"},
		Divide: provider.OnePerFunction, Ignores: append(provider.PlatformKeys(), "FunctionMemoryMB",
			"MemorySizesMB", "Optimize", "BalancedWeight"),
		ColdStart: 3 * time.Second, KeepAlive: 20 * time.Minute} // mikhail.io/serverless/coldstarts/big3, 2021
}

// limits are those of the Consumption plan on Linux. Memory is no setting there.
func limits() provider.Limits {
	return provider.Limits{PackageTypes: []string{"Zip"}, ZipBytes: bytesize.GiB, ZipWords: "1 GB",
		TimeoutMax: 600, Languages: []string{"python", "nodejs", "go", "rust"},
		// learn.microsoft.com/azure/azure-functions/functions-app-settings, FUNCTIONS_REQUEST_BODY_SIZE_LIMIT
		RequestBytes: int64(100 * bytesize.MiB), RequestWords: "100 MiB, as the host is set",
		Region: regionForm(), RegionLike: "westeurope or West Europe",
		Source: "learn.microsoft.com/azure/azure-functions/functions-scale, November 2026"}
}

// regionForm is the form of a region's name, compiled when it is first asked for.
var regionForm = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z]+( ?[A-Za-z0-9]+)*$`) })

// azure deploys with the Serverless CLI and its plugin for Azure, in a version that the plugin loads in. Cold start is
// a matter of the function app, so each function has one, in a resource group of its own: what is removed is the group.
type connection struct{ provider.ServerlessVendor }

var (
	_ provider.Connection = (*connection)(nil)
	_ provider.Restorer   = (*connection)(nil)
	_ provider.Planner    = (*connection)(nil)
	_ provider.Checker    = (*connection)(nil)
	_ provider.Locator    = (*connection)(nil)
	_ provider.Refuser    = (*connection)(nil)
	_ provider.Sweeper    = (*connection)(nil)
	_ provider.Renewer    = (*connection)(nil)
	_ provider.Writer     = (*connection)(nil)
	_ provider.Reporter   = (*connection)(nil)
	_ provider.Adapter    = (*connection)(nil)
)

func connect(o provider.Options) provider.Connection {
	return &connection{provider.ServerlessVendor{Options: o, CLI: "azure"}}
}

// Environment variables of a service principal, as the plugin and Azure's own libraries have them.
const (
	envSubscription = "AZURE_SUBSCRIPTION_ID"
	envTenant       = "AZURE_TENANT_ID"
	envClient       = "AZURE_CLIENT_ID"
	envSecret       = "AZURE_CLIENT_SECRET"

	detailSubscription = "subscription"
)

// appNames are the names of what one function is made of.
type appNames struct {
	Group   string // resource group
	App     string // function app: in its address, so unique in the world
	Plan    string
	Storage string // storage account: unique in the world, at most 24 lower-case letters and digits
}

// namesOf follow from the unit's name alone, which no other run has. Of the storage account's, 22 hexadecimal digits
// are of its hash: the plugin's own choice would be the same for all functions of a run.
func namesOf(u provider.Unit) appNames {
	sum := sha256.Sum256([]byte(u.Name))
	return appNames{Group: u.Name, App: strings.ToLower(u.Name), Plan: u.Name + "-plan",
		Storage: "st" + hex.EncodeToString(sum[:11])}
}

// principal is a service principal and the subscription that it works in.
type principal struct {
	subscription, tenant, clientID, secret string
}

// login reads the environment. The plugin would ask a person to log in in a browser where any of it is missing: that is
// never let happen.
func (a *connection) login() (principal, error) {
	needed := []string{envSubscription, envTenant, envClient, envSecret}
	get := func(name string) string { return strings.TrimSpace(a.Getenv(name)) }
	l := principal{cmp.Or(a.Where[detailSubscription], get(envSubscription)), get(envTenant), get(envClient),
		get(envSecret)}
	if a.Where[detailSubscription] != "" {
		needed = needed[1:]
	}
	if _, missing := a.Variables(needed...); len(missing) > 0 {
		return l, fail.Input("there are no credentials for Azure: %s not set", strings.Join(missing, ", ")).
			WithHint("`az ad sp create-for-rbac --role Contributor --scopes /subscriptions/<id>` makes a service " +
				"principal; docs/providers/azure.md has a smaller role")
	}
	return l, nil
}

// region is that of where the run was located before, else the experiment's, else the environment's; empty: the
// plugin's own default.
func (a *connection) region() string {
	if region := cmp.Or(a.Where[provider.DetailRegion], a.Region); region != "" {
		return region
	}
	region, _ := a.FirstSet("AZURE_LOCATION", "AZURE_DEFAULTS_LOCATION")
	return region
}

// deployArgs are those of `serverless deploy`. The CLI's own packaging is left out: the package is the run's.
func (a *connection) deployArgs(u provider.Unit) []string {
	pkg := "PACKAGE.zip"
	if f := u.Functions[0]; f.Package != nil {
		pkg = f.Package.Path
		if rel, err := filepath.Rel(a.UnitFolder(u), pkg); err == nil {
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

// Commands are `serverless deploy` and `serverless remove` in the unit's folder.
func (a *connection) Commands(u provider.Unit) (deploy, remove []shell.Command) {
	at := a.OnUnit(u)
	subscription := strings.TrimSpace(a.Getenv(envSubscription))
	return []shell.Command{at.Command("deploy", a.deployArgs(u)...)},
		[]shell.Command{at.Command("remove", removeArgs(subscription)...)}
}

// Ready finds the Serverless CLI and the names of credentials. Whether they are good is not tried.
func (a *connection) Ready(ctx context.Context) provider.Readiness {
	r := a.ServerlessVendor.Ready(ctx)
	l, err := a.login()
	if err != nil {
		r.Missing = append(r.Missing, err)
		return r
	}
	r.Credentials = envClient + ", " + envSecret
	r.Where = map[string]string{detailSubscription: l.subscription}
	if region := a.region(); region != "" {
		r.Where[provider.DetailRegion] = region
	}
	return r
}

// Locate gives the subscription and, where one is named, the region. It logs in and looks: what does not lead to the
// subscription is known before anything is made that could not be removed.
func (a *connection) Locate(ctx context.Context) (map[string]string, error) {
	l, err := a.login()
	if err != nil {
		return nil, err
	}
	if err := newRestClient(a.Options, l).look(ctx); err != nil {
		return nil, fmt.Errorf("look into the subscription %s: %w", l.subscription, err)
	}
	where := map[string]string{detailSubscription: l.subscription}
	if region := a.region(); region != "" {
		where[provider.DetailRegion] = region
	}
	return where, nil
}

// Refuse names what apps of the Consumption plan cannot do.
func (a *connection) Refuse(s *experiment.SubExperiment, _ *provider.Function) []provider.Refusal {
	return provider.RefuseHTTP2(s, "function apps answer http1 and h2")
}

// ListAPIs gives the functions of the service's apps that stand.
func (a *connection) ListAPIs(ctx context.Context) ([]provider.Endpoint, error) {
	l, err := a.login()
	if err != nil {
		return nil, err
	}
	rest := newRestClient(a.Options, l)
	groups, err := rest.tagged(ctx)
	if err != nil {
		return nil, err
	}
	var out []provider.Endpoint
	for _, g := range groups {
		if g.Name != a.Service && !strings.HasPrefix(g.Name, a.Service+"-") {
			continue
		}
		addresses, err := rest.addresses(ctx, g.Name, namesOf(provider.Unit{Name: g.Name}).App)
		if err != nil {
			return nil, err
		}
		for _, address := range addresses {
			out = append(out, provider.Endpoint{Function: strings.TrimPrefix(strings.TrimPrefix(g.Name, a.Service),
				"-"), URL: address, Provider: "azure",
				Detail: map[string]string{provider.DetailUnit: g.Name, detailSubscription: l.subscription}})
		}
	}
	return out, nil
}

// DeployFunctions deploys some apps at once.
func (a *connection) DeployFunctions(ctx context.Context, fns []*provider.Function) ([]provider.Endpoint, error) {
	l, err := a.login()
	if err != nil {
		return nil, err
	}
	return a.DeployEach(ctx, provider.OnePerFunction(a.Service, fns),
		func(u provider.Unit) string { return "the function app " + namesOf(u).App },
		func(ctx context.Context, u provider.Unit) (provider.Endpoint, error) {
			e, err := a.deploy(ctx, u)
			if err == nil {
				e.Detail[detailSubscription] = l.subscription
			}
			return e, err
		})
}

func (a *connection) deploy(ctx context.Context, u provider.Unit) (provider.Endpoint, error) {
	text, err := a.OnUnit(u).Deploy(ctx, a.deployArgs(u)...)
	if err != nil {
		return provider.Endpoint{}, provider.Explain(text, err)
	}
	found := readEndpoints(text)
	if len(found) != 1 {
		return provider.Endpoint{}, provider.OutputError(text, "serverless deploy named %d addresses for one function",
			len(found))
	}
	return provider.Endpoint{URL: found[0].URL, Provider: "azure",
		Detail: map[string]string{provider.DetailUnit: u.Name, provider.DetailDir: a.UnitFolder(u)}}, nil
}

// functionLine is how the plugin prints a function: its name, a method, its address without a scheme.
var functionLine = regexp.MustCompile(`(?m)->\s+(\S+): \[[A-Z*]+\] ` +
	`((?:https?://)?[A-Za-z0-9][A-Za-z0-9.-]*(?::\d+)?/\S*)\s*$`)

// readEndpoints reads what `serverless deploy` prints. Function is the name within the app.
func readEndpoints(text string) []provider.Endpoint {
	var out []provider.Endpoint
	for _, m := range functionLine.FindAllStringSubmatch(text, -1) {
		if u, err := provider.CompleteURL(m[2]); err == nil {
			out = append(out, provider.Endpoint{Function: m[1], URL: u, Provider: "azure"})
		}
	}
	return out
}

// UpdateFunction gives an app its package anew where there is one that it does not have, and makes its instances start
// anew. Memory is no setting of the plan.
func (a *connection) UpdateFunction(ctx context.Context, e provider.Endpoint, fn *provider.Function) error {
	if fn == nil {
		return a.makeCold(ctx, e)
	}
	if fn.MemoryMB != 0 && e.MemoryMB != 0 && fn.MemoryMB != e.MemoryMB {
		return fail.Unsupported("azure: the Consumption plan has no setting for memory")
	}
	if fn.Package != nil && fn.Package.Bytes.MiB() != e.ImageSizeMB {
		if _, err := a.deploy(ctx, provider.OnePerFunction(a.Service, []*provider.Function{fn})[0]); err != nil {
			return err
		}
	}
	return a.makeCold(ctx, e)
}

// makeCold changes a setting of the app, after which Azure makes its instances anew.
func (a *connection) makeCold(ctx context.Context, e provider.Endpoint) error {
	rest, at, err := a.appOf(e.Detail)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, a.Patience.Command)
	defer cancel()
	count := provider.ColdCount()
	_, err = rest.setCold(ctx, at.Group, at.App, &count)
	return err
}

// RemoveFunctions deletes resource groups and makes sure that they are gone.
func (a *connection) RemoveFunctions(ctx context.Context, units []provider.Unit) error {
	l, err := a.login()
	if err != nil {
		return err
	}
	return provider.ForEach(ctx, a.Patience.Parallel, units, func(ctx context.Context, u provider.Unit) error {
		return a.remove(ctx, l, u)
	})
}

// remove judges by what Azure says exists. Where the unit's folder is gone, the group is deleted without the plugin.
func (a *connection) remove(ctx context.Context, l principal, u provider.Unit) error {
	if u.Name == "" {
		return errors.New("the resource group of a unit is not named")
	}
	l.subscription = cmp.Or(u.Where[detailSubscription], l.subscription)
	rest := newRestClient(a.Options, l)
	failed := a.deleteGroup(ctx, rest, u)
	err := a.VerifyAbsent(ctx, "the resource group "+u.Name, u.Confirmed, func(ctx context.Context) (bool, error) {
		g, err := rest.group(ctx, u.Name)
		return g != nil, err
	})
	if err != nil && failed != nil {
		return provider.Join([]error{failed, err})
	}
	return err
}

// deleteGroup has the plugin remove a group, and then deletes it in any case: the plugin deletes the deployment first,
// which Azure refuses as long as that is at work, and leaves a group alone that it could not look at.
// learn.microsoft.com/rest/api/resources/deployments/delete
// learn.microsoft.com/rest/api/resources/resource-groups/delete
func (a *connection) deleteGroup(ctx context.Context, rest *restClient, u provider.Unit) error {
	has, err := u.HasFolder()
	if err != nil {
		return err
	}
	if !has {
		return rest.remove(ctx, u.Name)
	}
	text, err := a.OnFolder(u).Remove(ctx, removeArgs(rest.subscription)...)
	said := provider.Explain(text, err)
	if err := rest.remove(ctx, u.Name); err != nil {
		return provider.Join(slices.DeleteFunc([]error{said, err}, func(err error) bool { return err == nil }))
	}
	return nil
}

// Tagged lists the resource groups that runs have left in the subscription.
func (a *connection) Tagged(ctx context.Context) ([]provider.Tagged, error) {
	l, err := a.login()
	if err != nil {
		return nil, err
	}
	groups, err := newRestClient(a.Options, l).tagged(ctx)
	if err != nil {
		return nil, err
	}
	var out []provider.Tagged
	for _, g := range groups {
		if g.Tags[provider.TagRun] == "" {
			continue
		}
		t := provider.Tagged{Run: g.Tags[provider.TagRun], Owner: g.Tags[provider.TagOwner],
			Unit: provider.Unit{Name: g.Name, Where: map[string]string{detailSubscription: l.subscription},
				Confirmed: true}}
		if at, err := time.Parse(time.RFC3339, g.Tags[provider.TagExpires]); err == nil {
			t.Expires = at
		}
		out = append(out, t)
	}
	return out, nil
}
