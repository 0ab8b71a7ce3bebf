package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"stellar/src/fail"
)

// local deploys to the platform inside the binary, through the real Serverless CLI and our own provider plugin, so that
// the laptop's path is the cloud's path.
type local struct {
	sls    Serverless
	dir    string
	retire func(ctx context.Context, function string) error
}

var _ Connection = (*local)(nil)

func newLocal(o Options) Connection {
	return &local{sls: o.Serverless, dir: o.ServiceDir, retire: o.Retire}
}

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
	text, err := l.sls.Info(ctx)
	if err != nil {
		return nil, err
	}
	return l.read(text)
}

func (l *local) DeployFunctions(ctx context.Context, fns []*Function) ([]Endpoint, error) {
	text, err := l.sls.Deploy(ctx)
	if err != nil {
		return nil, err
	}
	stand, err := l.read(text)
	if err != nil {
		return nil, err
	}
	byName := map[string]Endpoint{}
	for _, e := range stand {
		byName[e.Function] = e
	}
	out := make([]Endpoint, 0, len(fns))
	for _, f := range fns {
		e, ok := byName[f.Name]
		if !ok {
			return nil, outputError(text, "serverless deploy gave no endpoint for function %s", f.Name)
		}
		if got, want := e.Detail["packageSHA256"], f.Package.SHA256; got != want {
			return nil, fail.With(fail.CodeFailed, "function %s: the platform has package %.12s, built was %.12s", f.Name, got, want)
		}
		e.MemoryMB, e.PackageType, e.ImageSizeMB = f.MemoryMB, f.PackageType, float64(f.Package.Bytes)/(1<<20)
		out = append(out, e)
	}
	return out, nil
}

func (l *local) UpdateFunction(ctx context.Context, e Endpoint, _ *Function) error {
	return l.retire(ctx, e.Function)
}

func (l *local) RemoveFunctions(ctx context.Context, _ []Endpoint) error {
	text, err := l.sls.Remove(ctx)
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(l.dir, endpointsFile)); !errors.Is(err, fs.ErrNotExist) {
		return outputError(text, "serverless remove did not say that the service is gone")
	}
	return nil
}

func (l *local) read(text string) ([]Endpoint, error) {
	raw, err := os.ReadFile(filepath.Join(l.dir, endpointsFile))
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

// outputError is an error about what a tool printed; it carries the text.
func outputError(text, format string, args ...any) error {
	return &fail.Error{Code: fail.CodeFailed, Output: text, Err: fmt.Errorf(format, args...)}
}
