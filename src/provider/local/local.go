// Package local is the platform inside the binary: the connection to it, and the files that the Serverless CLI reads.
package local

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/bytesize"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/local/plugin"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/signing"
)

// Provider is the row of the table of providers.
func Provider() provider.Provider {
	return provider.Provider{Name: name, Local: true, Runs: "serverless deploy", Limits: limits(),
		Can: []string{"cold pull", "concurrency", "queueing"}, Connect: connect,
		UDP: true, Chains: true, Update: 100 * time.Millisecond, Ignores: []string{"Region"},
		ColdStart: 100 * time.Millisecond, Share: provider.LambdaShare}
}

const (
	name = "local"
	// maxEvent is what the platform takes as an event, as Lambda does.
	maxEvent = int64(6 * bytesize.MiB)
	// maxAsync is the same for an event, which has no response.
	maxAsync = int64(bytesize.MiB)
)

func limits() provider.Limits {
	body, words := provider.EventLimits(maxEvent)
	return provider.Limits{Arm: true,
		ZipBytes: 10 * bytesize.GiB, ZipWords: "unpacked", MemoryMB: [2]int{32, 131072}, TimeoutMax: 3600,
		Entries:      []string{experiment.EntryURL, experiment.EntrySDK, experiment.EntryAsync},
		RequestBytes: body, RequestWords: words, Base64: true, AsyncBytes: maxAsync, References: true,
		ReservedVariable: reservedVariable()}
}

// reservedVariable matches what the platform sets itself.
var reservedVariable = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(_HANDLER|AWS_LAMBDA_.*|AWS_(REGION|DEFAULT_REGION|EXECUTION_ENV)|` +
		`LAMBDA_TASK_ROOT|TMPDIR)$`)
})

// connection deploys to the platform inside the binary, through the real Serverless CLI and our own provider plugin, so
// that the laptop's path is the cloud's path.
type connection struct{ provider.ServerlessVendor }

var (
	_ provider.Connection = (*connection)(nil)
	_ provider.Planner    = (*connection)(nil)
	_ provider.Checker    = (*connection)(nil)
	_ provider.Writer     = (*connection)(nil)
	_ provider.Reporter   = (*connection)(nil)
	_ provider.Entries    = (*connection)(nil)
)

func connect(o provider.Options) provider.Connection {
	return &connection{provider.ServerlessVendor{Options: o, CLI: provider.MainCLI}}
}

// all is the one unit that a run is there.
func (l *connection) all() provider.Unit { return provider.Unit{Name: l.Service} }

// endpointsFile is what the plugin writes beside serverless.yml.
type endpointsFile struct {
	Service   string `json:"service"`
	Endpoints []struct {
		Function       string `json:"function"`
		URL            string `json:"url"`
		FunctionURL    string `json:"functionURL"`
		LambdaName     string `json:"lambdaName"`
		PackageBytes   int64  `json:"packageBytes"`
		PackageSHA256  string `json:"packageSHA256"`
		RuntimeVersion string `json:"runtimeVersion"`
		LimitsEnforced bool   `json:"limitsEnforced"`
	} `json:"endpoints"`
}

// ListAPIs asks the plugin.
func (l *connection) ListAPIs(ctx context.Context) ([]provider.Endpoint, error) {
	text, err := l.OnUnit(l.all()).Info(ctx)
	if err != nil {
		return nil, err
	}
	return l.read(text)
}

// DeployFunctions deploys all in one service, and makes sure that the platform has the packages that were built.
func (l *connection) DeployFunctions(ctx context.Context, fns []*provider.Function) ([]provider.Endpoint, error) {
	text, err := l.OnUnit(l.all()).Deploy(ctx)
	if err != nil {
		return nil, err
	}
	stand, err := l.read(text)
	if err != nil {
		return nil, err
	}
	out, err := provider.InOrder(text, fns, stand)
	if err != nil {
		return nil, err
	}
	for i, f := range fns {
		if err := enter(&out[i], f.Entry); err != nil {
			return nil, err
		}
		if got, want := out[i].Detail["packageSHA256"], f.Package.SHA256; got != want {
			return nil, fail.With(fail.CodeFailed, "function %s: the platform has package %.12s, but %.12s was built",
				f.Name, got, want)
		}
	}
	return out, nil
}

// enter makes the endpoint's address that of the function's entry.
func enter(e *provider.Endpoint, entry string) error {
	switch entry {
	case experiment.EntryURL:
		e.URL, e.Entry = e.Detail["functionURL"], entry
	case experiment.EntrySDK, experiment.EntryAsync:
		u, err := url.Parse(e.URL)
		if err != nil {
			return fmt.Errorf("the address of function %s: %w", e.Function, err)
		}
		e.URL, e.Entry = u.Scheme+"://"+u.Host+provider.InvokePath(e.Detail["lambdaName"]), entry
	}
	return nil
}

// Signer signs with the platform's key. The platform takes any region.
func (l *connection) Signer(context.Context) (signing.Sign, error) {
	return signing.ForLambda(name, func(context.Context) (signing.Key, error) { return l.LambdaKey, nil }), nil
}

// UpdateFunction retires the instances of a function and returns when they are gone: nothing of the function's
// configuration changes.
func (l *connection) UpdateFunction(ctx context.Context, e provider.Endpoint, _ *provider.Function) error {
	return l.Retire(ctx, cmp.Or(e.Detail[provider.DetailName], e.Function))
}

// RemoveFunctions removes the service in whose folder the connection was opened.
func (l *connection) RemoveFunctions(ctx context.Context, _ []provider.Unit) error {
	text, err := l.OnUnit(l.all()).Remove(ctx)
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(l.ServiceDir, plugin.EndpointsFile)); !errors.Is(err, fs.ErrNotExist) {
		return provider.OutputError(text, "serverless remove did not say that the service is gone")
	}
	return nil
}

func (l *connection) read(text string) ([]provider.Endpoint, error) {
	raw, err := os.ReadFile(filepath.Join(l.ServiceDir, plugin.EndpointsFile))
	if err != nil {
		return nil, provider.OutputError(text, "the endpoints that serverless should have written: %w", err)
	}
	var all endpointsFile
	if err := json.Unmarshal(raw, &all); err != nil {
		return nil, provider.OutputError(text, "read %s: %w", plugin.EndpointsFile, err)
	}
	var out []provider.Endpoint
	for _, e := range all.Endpoints {
		out = append(out, provider.Endpoint{Function: e.Function, URL: e.URL, Provider: name, Detail: map[string]string{
			provider.DetailUnit: all.Service, provider.DetailName: e.Function,
			"functionURL": e.FunctionURL, "lambdaName": e.LambdaName,
			"packageBytes": strconv.FormatInt(e.PackageBytes, 10), "packageSHA256": e.PackageSHA256,
			"runtimeVersion": e.RuntimeVersion, "limitsEnforced": strconv.FormatBool(e.LimitsEnforced)}})
	}
	return out, nil
}
