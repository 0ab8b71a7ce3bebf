package provider

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"stellar/src/fail"
)

// local deploys to the platform inside the binary, through the real Serverless CLI and our own provider plugin, so that
// the laptop's path is the cloud's path.
type local struct{ service }

var (
	_ Connection = (*local)(nil)
	_ Planner    = (*local)(nil)
	_ Checker    = (*local)(nil)
)

func newLocal(o Options) Connection { return &local{service{Options: o, cli: MainCLI}} }

// all is the one unit that a run is there.
func (l *local) all() Unit { return Unit{Name: l.Service} }

// endpointsFile is what the plugin writes beside serverless.yml on `deploy` and `info`, and deletes on `remove`.
const endpointsFile = ".stellar-endpoints.json"

type localEndpoints struct {
	Service   string `json:"service"`
	Endpoints []struct {
		Function       string `json:"function"`
		URL            string `json:"url"`
		PackageBytes   int64  `json:"packageBytes"`
		PackageSHA256  string `json:"packageSHA256"`
		RuntimeVersion string `json:"runtimeVersion"`
		LimitsEnforced bool   `json:"limitsEnforced"`
	} `json:"endpoints"`
}

func (l *local) ListAPIs(ctx context.Context) ([]Endpoint, error) {
	text, err := l.at(l.all()).Info(ctx)
	if err != nil {
		return nil, err
	}
	return l.read(text)
}

func (l *local) DeployFunctions(ctx context.Context, fns []*Function) ([]Endpoint, error) {
	text, err := l.at(l.all()).Deploy(ctx)
	if err != nil {
		return nil, err
	}
	stand, err := l.read(text)
	if err != nil {
		return nil, err
	}
	out, err := byFunction(text, fns, stand)
	if err != nil {
		return nil, err
	}
	for i, f := range fns {
		if got, want := out[i].Detail["packageSHA256"], f.Package.SHA256; got != want {
			return nil, fail.With(fail.CodeFailed, "function %s: the platform has package %.12s, built was %.12s", f.Name, got, want)
		}
	}
	return out, nil
}

func (l *local) UpdateFunction(ctx context.Context, e Endpoint, _ *Function) error {
	return l.Retire(ctx, e.Function)
}

func (l *local) RemoveFunctions(ctx context.Context, _ []Endpoint) error {
	text, err := l.at(l.all()).Remove(ctx)
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(l.ServiceDir, endpointsFile)); !errors.Is(err, fs.ErrNotExist) {
		return outputError(text, "serverless remove did not say that the service is gone")
	}
	return nil
}

func (l *local) read(text string) ([]Endpoint, error) {
	raw, err := os.ReadFile(filepath.Join(l.ServiceDir, endpointsFile))
	if err != nil {
		return nil, outputError(text, "the endpoints that serverless should have written: %w", err)
	}
	var all localEndpoints
	if err := json.Unmarshal(raw, &all); err != nil {
		return nil, outputError(text, "read %s: %w", endpointsFile, err)
	}
	var out []Endpoint
	for _, e := range all.Endpoints {
		out = append(out, Endpoint{Function: e.Function, URL: e.URL, Provider: "local", Detail: map[string]string{
			"packageBytes": strconv.FormatInt(e.PackageBytes, 10), "packageSHA256": e.PackageSHA256,
			"runtimeVersion": e.RuntimeVersion, "limitsEnforced": strconv.FormatBool(e.LimitsEnforced)}})
	}
	return out, nil
}
