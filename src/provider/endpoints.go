package provider

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/bytesize"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// ExistingFunctions are functions that exist already, named by an endpoints file: they are matched, not deployed.
type ExistingFunctions struct {
	row  Provider
	all  []Endpoint
	file string
}

var (
	_ Connection = (*ExistingFunctions)(nil)
	_ Matcher    = (*ExistingFunctions)(nil)
)

// OpenEndpoints reads the endpoints file of a provider: path itself, or <provider>.json in the folder path (vHive.json
// is also found in lower case).
func OpenEndpoints(path string, row Provider) (*ExistingFunctions, error) {
	file, err := EndpointsFile(path, row.Name)
	if err != nil {
		return nil, err
	}
	entries, err := experiment.ReadEndpoints(file)
	if err != nil {
		return nil, err
	}
	s := &ExistingFunctions{row: row, file: file}
	for _, e := range entries {
		ep, err := existingEndpoint(e, row)
		if err != nil {
			return nil, fail.Input("endpoints file %s: %w", file, err)
		}
		s.all = append(s.all, ep)
	}
	return s, nil
}

// EndpointsFile finds the endpoints file of a provider, as OpenEndpoints does.
func EndpointsFile(path, provider string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fail.Input("endpoints: %w", err).
			WithHint("--endpoints names a file, or a folder with %s.json in it", provider)
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

func existingEndpoint(e experiment.StandingEndpoint, row Provider) (Endpoint, error) {
	address := e.GatewayID
	if row.Scheme != "" && !strings.Contains(address, "://") {
		address = row.Scheme + "://" + address
	}
	u, err := CompleteURL(address)
	if err != nil {
		return Endpoint{}, err
	}
	return Endpoint{URL: u, Provider: row.Name, MemoryMB: e.FunctionMemoryMB, ImageSizeMB: e.ImageSizeMB,
		PackageType: e.PackageType}, nil
}

// ListAPIs gives the file's endpoints.
func (s *ExistingFunctions) ListAPIs(context.Context) ([]Endpoint, error) { return s.all, nil }

// DeployFunctions deploys nothing: it gives what Match finds.
func (s *ExistingFunctions) DeployFunctions(_ context.Context, fns []*Function) ([]Endpoint, error) {
	return s.Match(fns)
}

// Match gives each function an endpoint of its own, and the functions of a chain neighbours. Too few is an error that
// says how many are missing.
func (s *ExistingFunctions) Match(fns []*Function) ([]Endpoint, error) {
	taken := make([]bool, len(s.all))
	out := make([]Endpoint, len(fns))
	missing := map[string]int{}
	var order []string
	for _, c := range chains(fns) {
		f := fns[c.first]
		found := s.find(f, c.length, taken)
		for hop, i := range found {
			taken[i] = true
			out[c.first+hop] = s.all[i]
			out[c.first+hop].Function = fns[c.first+hop].Name
		}
		if lack := c.length - len(found); lack > 0 {
			kind := fmt.Sprintf("%s, %d MB of memory, size %s", f.PackageType, f.MemoryMB,
				bytesize.FromMiB(f.ImageSizeMB))
			if missing[kind] == 0 {
				order = append(order, kind)
			}
			missing[kind] += lack
		}
	}
	if len(missing) > 0 {
		var lines []error
		for _, kind := range order {
			lines = append(lines, fmt.Errorf("%d more of: %s", missing[kind], kind))
		}
		return nil, fail.Input("%s has too few endpoints: %w", s.file, errors.Join(lines...)).WithHint("%s", s.hint())
	}
	return out, nil
}

func (s *ExistingFunctions) hint() string {
	return cmp.Or(s.row.EndpointsHint, "add them to the file, or deploy with --serverless")
}

// chain is a stretch of a list of functions: one function, or those of a chain from its head on.
type chain struct{ first, length int }

// chains gives the chains in a list of functions, the longest first: what they leave over is enough for single
// functions.
func chains(fns []*Function) []chain {
	var out []chain
	for i, f := range fns {
		if f.Hop > 0 {
			out[len(out)-1].length++
		} else {
			out = append(out, chain{i, 1})
		}
	}
	slices.SortStableFunc(out, func(a, b chain) int { return b.length - a.length })
	return out
}

// find finds endpoints for so many functions of one kind, fewer where there are not enough. Files list producer,
// consumer, producer, consumer, …: a chain begins where, counted from the first endpoint that fits, a chain of its
// length would; only where no such place is free it takes what is left, in the file's order.
func (s *ExistingFunctions) find(f *Function, length int, taken []bool) []int {
	var fit, free []int
	for i, e := range s.all {
		if Fits(e, f) {
			fit = append(fit, i)
			if !taken[i] {
				free = append(free, i)
			}
		}
	}
	for at := 0; at+length <= len(fit); at += length {
		if !slices.ContainsFunc(fit[at:at+length], func(i int) bool { return taken[i] }) {
			return fit[at : at+length]
		}
	}
	return free[:min(length, len(free))]
}

// UpdateFunction is not possible: a file only names addresses.
func (s *ExistingFunctions) UpdateFunction(context.Context, Endpoint, *Function) error {
	return fail.Unsupported("functions named by an endpoints file cannot be updated, and a cold start cannot be forced")
}

// RemoveFunctions removes nothing: what a file names is not ours.
func (s *ExistingFunctions) RemoveFunctions(context.Context, []Unit) error { return nil }
