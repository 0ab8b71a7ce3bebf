package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// findStage looks up the functions that exist already. Nothing is made of them or deployed, and nothing removes them.
type findStage struct{ *connector }

var (
	_ Stage   = findStage{}
	_ Skipper = findStage{}
)

func (findStage) String() string { return "looking up functions that exist" }

// Skip says why there are none.
func (findStage) Skip(r *run.Run) string {
	if len(r.Making().Functions) == len(r.Functions) {
		return "no sub-experiment names a function that exists"
	}
	return ""
}

// Run gives each its endpoint, and what its provider says of it.
func (s findStage) Run(ctx context.Context, r *run.Run) error {
	conn, err := s.connect(r)
	if err != nil {
		return err
	}
	found, bad := FindExisting(ctx, conn, r)
	if len(bad) > 0 {
		return errors.Join(bad...)
	}
	for _, f := range r.Functions {
		if is, ok := found[f.Name]; ok && f.Endpoint == nil {
			is.Apply(f)
		}
	}
	return nil
}

// FindExisting looks up the functions of a run that exist already, by their names in the run. The errors are those of
// what cannot be found, each once.
func FindExisting(ctx context.Context, conn provider.Connection, r *run.Run) (map[string]provider.Found, []error) {
	to, ok := conn.(provider.Existing)
	if !ok {
		return nil, []error{fail.Unsupported("functions that exist already on %s", r.Experiment.ProviderKind())}
	}
	found := map[string]provider.Found{}
	var bad []error
	for _, f := range r.Functions {
		if f.Existing == "" {
			continue
		}
		one, err := to.Find(ctx, f)
		if err == nil {
			found[f.Name] = one
			continue
		}
		if !slices.ContainsFunc(bad, func(other error) bool { return other.Error() == err.Error() }) {
			bad = append(bad, err)
		}
	}
	return found, bad
}

// existingFunctions are configured as sub-experiments want it.
type existingFunctions struct {
	job *Job

	mu   sync.Mutex
	conn provider.Existing
	at   map[string]*existingFunction // by existingKey
}

// existingFunction is one whose configuration is in the journal.
type existingFunction struct {
	was map[string]string // what Original gave
	is  *provider.Wanted  // how it is configured now; nil: not known, or as before the run
}

// existingKey is the same for endpoints of one function of an account, empty where the function is the run's own.
func existingKey(e *provider.Endpoint) string {
	if e == nil || e.Detail[provider.DetailExisting] == "" {
		return ""
	}
	return e.Detail[provider.DetailRegion] + "/" + e.Detail[provider.DetailName]
}

// groups divides sub-experiments into those that are measured by one goroutine, in the order of the file. Those of one
// existing function are measured one after the other, because they may want different configurations of it.
func groups(r *run.Run, subs []int) (out [][]int) {
	at := map[string]int{}
	for _, sub := range subs {
		key := ""
		for _, f := range r.Functions {
			if f.Sub == sub {
				key = existingKey(f.Endpoint)
			}
		}
		n, is := at[key]
		if key == "" || !is || r.Experiment.Sequential {
			at[key] = len(out)
			out = append(out, []int{sub})
			continue
		}
		out[n] = append(out[n], sub)
	}
	return out
}

// configure gives the existing function of a sub-experiment the configuration that it wants. The one of before is in
// the journal, on disk, before the first change.
func (x *existingFunctions) configure(ctx context.Context, r *run.Run, sub int) error {
	at := slices.IndexFunc(r.Functions, func(f *run.Function) bool { return f.Sub == sub && f.Existing != "" })
	if at < 0 {
		return nil
	}
	e, s := *r.Functions[at].Endpoint, &r.Experiment.SubExperiments[sub]
	want := provider.WantedOf(s, x.job.Getenv)
	conn, f, err := x.prepare(ctx, r, e, s.Changes())
	if err != nil || f == nil || f.is != nil && f.is.Same(want) {
		return err
	}
	f.is = nil // not known, where the change fails
	if err := conn.Change(ctx, e, f.was, want); err != nil {
		return fmt.Errorf("%s: %w", s.Title, err)
	}
	f.is = &want
	return nil
}

// prepare connects, and writes down the configuration of a function that is about to be changed; nil where it never was
// and is not.
func (x *existingFunctions) prepare(ctx context.Context, r *run.Run, e provider.Endpoint, changes bool) (
	provider.Existing, *existingFunction, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	key := existingKey(&e)
	if f := x.at[key]; f != nil || !changes {
		return x.conn, f, nil
	}
	if x.conn == nil {
		conn, err := x.job.connect(r)
		if err != nil {
			return nil, nil, err
		}
		to, ok := conn.(provider.Existing)
		if !ok {
			return nil, nil, fail.Unsupported("stellar changes no functions that exist on %s",
				r.Experiment.ProviderKind())
		}
		x.conn, x.at = to, map[string]*existingFunction{}
	}
	was, err := x.conn.Original(ctx, e, r.ID)
	if err != nil {
		return nil, nil, err
	}
	attrs := map[string]string{"provider": r.Experiment.ProviderKind(), attrRun: r.ID, run.AttrGroup: KindConfiguration}
	maps.Copy(attrs, e.Detail)
	maps.Copy(attrs, was)
	if _, err := r.Journal.Intend(KindConfiguration, configurationName(e.Detail), attrs); err != nil {
		return nil, nil, err
	}
	f := &existingFunction{was: was}
	x.at[key] = f
	return x.conn, f, nil
}

// ownExisting checks the entry of a function that exists. It may be any function of the account: that the run has
// changed it is noted in the function itself, with what it was before, and Restore changes no other.
func ownExisting(r *run.Run, res run.Resource) (run.Resource, error) {
	if res.Attrs[attrRun] != r.ID || res.Attrs["provider"] != run.KindOf(r.ID) ||
		res.Name == "" || res.Name != res.Attrs[provider.DetailName] {
		return res, fmt.Errorf("function %q is not one that run %s has changed", res.Name, r.ID)
	}
	return res, nil
}
