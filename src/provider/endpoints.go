package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"stellar/src/experiment"
	"stellar/src/fail"
)

// Standing are functions that stand already, named by an endpoints file: they are matched, not deployed.
type Standing struct {
	provider string
	subs     []experiment.SubExperiment
	all      []Endpoint
	file     string
}

var _ Connection = (*Standing)(nil)

// fileEntry is one object of an endpoints file.
type fileEntry struct {
	GatewayID        *string
	FunctionMemoryMB int
	ImageSizeMB      float64
	PackageType      string
}

// OpenEndpoints reads the endpoints file of a provider: path itself, or <provider>.json in the folder path (vHive.json
// is also found in lower case).
func OpenEndpoints(path, provider string, subs []experiment.SubExperiment) (*Standing, error) {
	file, err := findFile(path, provider)
	if err != nil {
		return nil, err
	}
	in, err := os.Open(file)
	if err != nil {
		return nil, fail.Input("read the endpoints file: %w", err)
	}
	defer in.Close()
	dec := json.NewDecoder(in)
	dec.DisallowUnknownFields()
	var entries []fileEntry
	if err := dec.Decode(&entries); err != nil {
		return nil, fail.Input("endpoints file %s: %w", file, err).
			WithHint(`it is a list of {"GatewayID","FunctionMemoryMB","ImageSizeMB","PackageType"}`)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, fail.Input("endpoints file %s: there is something after the list", file)
	}
	s := &Standing{provider: provider, subs: subs, file: file}
	var wrong []error
	for i, e := range entries {
		ep, err := e.endpoint(provider)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: entry %d: %w", file, i, err))
		}
		s.all = append(s.all, ep)
	}
	if len(wrong) > 0 {
		return nil, fail.Input("%w", errors.Join(wrong...))
	}
	return s, nil
}

func findFile(path, provider string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fail.Input("endpoints: %w", err).WithHint("--endpoints names a file, or a folder with %s.json in it", provider)
	}
	if !info.IsDir() {
		return path, nil
	}
	names, err := os.ReadDir(path)
	if err != nil {
		return "", fail.Input("endpoints: %w", err)
	}
	for _, n := range names {
		if strings.EqualFold(n.Name(), provider+".json") {
			return filepath.Join(path, n.Name()), nil
		}
	}
	return "", fail.Input("endpoints: %s has no %s.json", path, provider)
}

func (e fileEntry) endpoint(provider string) (Endpoint, error) {
	if e.GatewayID == nil || *e.GatewayID == "" {
		return Endpoint{}, errors.New("GatewayID is missing: the address of the function, with or without a scheme")
	}
	kind := e.PackageType
	switch kind {
	case "Zip", "Image":
	case "Container", "Docker":
		kind = "Image"
	default:
		return Endpoint{}, fmt.Errorf("PackageType is %q; want Zip or Image", e.PackageType)
	}
	address := *e.GatewayID
	if provider == "vhive" && !strings.Contains(address, "://") {
		address = "http://" + address // its gateway speaks HTTP/2 in clear
	}
	u, err := CompleteURL(address)
	if err != nil {
		return Endpoint{}, err
	}
	return Endpoint{URL: u, Provider: provider, MemoryMB: e.FunctionMemoryMB, ImageSizeMB: e.ImageSizeMB, PackageType: kind}, nil
}

// ListAPIs gives the file's endpoints.
func (s *Standing) ListAPIs(context.Context) ([]Endpoint, error) { return s.all, nil }

// DeployFunctions matches each function with an endpoint of its own. Too few is an error that says how many are missing.
func (s *Standing) DeployFunctions(_ context.Context, fns []*Function) ([]Endpoint, error) {
	taken := make([]bool, len(s.all))
	out := make([]Endpoint, 0, len(fns))
	missing := map[string]int{}
	var order []string
	for _, f := range fns {
		i := s.match(f, taken)
		if i < 0 {
			kind := fmt.Sprintf("%s, %d MB of memory, size %g MB", f.PackageType, f.MemoryMB, s.subs[f.Sub].FunctionImageSizeMB)
			if missing[kind]++; missing[kind] == 1 {
				order = append(order, kind)
			}
			continue
		}
		taken[i] = true
		e := s.all[i]
		e.Function = f.Name
		out = append(out, e)
	}
	if len(missing) > 0 {
		var lines []error
		for _, kind := range order {
			lines = append(lines, fmt.Errorf("%d more of: %s", missing[kind], kind))
		}
		return nil, fail.Input("%s has too few endpoints: %w", s.file, errors.Join(lines...)).
			WithHint("add them to the file, or deploy with --serverless")
	}
	return out, nil
}

func (s *Standing) match(f *Function, taken []bool) int {
	for i, e := range s.all {
		if !taken[i] && Fits(e, f, &s.subs[f.Sub]) {
			return i
		}
	}
	return -1
}

// UpdateFunction is not possible: a file only names addresses.
func (s *Standing) UpdateFunction(context.Context, Endpoint, *Function) error {
	return fail.Unsupported("functions named by an endpoints file cannot be changed, nor made to start cold")
}

// RemoveFunctions removes nothing: what a file names is not ours.
func (s *Standing) RemoveFunctions(context.Context, []Endpoint) error { return nil }
