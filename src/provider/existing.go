package provider

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
)

// Existing is a connection that measures functions which others have deployed, and that can change their configuration
// for the time of a run. It never creates or removes one. Restore, of Restorer, puts the configuration back.
type Existing interface {
	Restorer
	// Find looks at the function that Function.Existing names, and changes nothing. One that is not there, that has no
	// such Entry, or of which the rest of fn cannot be had, is bad input.
	Find(ctx context.Context, fn *Function) (Found, error)
	// Original gives what Restore needs, beside the endpoint's Detail, where the run of that id is about to change the
	// function. It is written to a journal before the first change, so it never holds a variable's value.
	Original(ctx context.Context, e Endpoint, run string) (map[string]string, error)
	// Change configures a function as Original found it, but for what is wanted, and returns when the next request
	// meets that. was is what Original gave. A change that others have made in between is an error, and stays.
	Change(ctx context.Context, e Endpoint, was map[string]string, want Wanted) error
}

// Found is a function that exists, as its provider shows it.
type Found struct {
	Endpoint       Endpoint // its Detail has DetailExisting
	Runtime        string   // in the provider's words
	Architecture   string   // amd64, arm64
	TimeoutSeconds int
	Variables      []string // names, sorted
}

// DetailExisting is how an experiment names a function that exists, in an endpoint's Detail.
const DetailExisting = "existing"

// Wanted is what a sub-experiment wants of a function that exists.
type Wanted struct {
	MemoryMB       int               // 0: what it has
	TimeoutSeconds int               // likewise
	Env            map[string]string // beside its own variables, or in place of those of the same names
	Cold           bool              // cold starts are forced
}

// WantedOf is what a sub-experiment wants. value gives those of the variables that its Environment refers to.
func WantedOf(s *experiment.SubExperiment, value func(name string) string) Wanted {
	w := Wanted{MemoryMB: s.FunctionMemoryMB, TimeoutSeconds: s.FunctionTimeoutSeconds,
		Cold: s.ColdStart == experiment.ColdForce}
	for name, text := range s.Environment {
		if w.Env == nil {
			w.Env = map[string]string{}
		}
		w.Env[name] = experiment.Expand(text, value)
	}
	return w
}

// Same reports whether two sub-experiments want the same configuration.
func (w Wanted) Same(other Wanted) bool {
	return w.MemoryMB == other.MemoryMB && w.TimeoutSeconds == other.TimeoutSeconds && maps.Equal(w.Env, other.Env)
}

// Changes says in words what is changed of a function, without the values of variables; none: nothing is.
func (w Wanted) Changes(of Found) (all []string) {
	number := func(what, unit string, is, want int) {
		if want != 0 && want != is {
			all = append(all, fmt.Sprintf("%s %d to %d %s", what, is, want, unit))
		}
	}
	number("memory", "MB", of.Endpoint.MemoryMB, w.MemoryMB)
	number("timeout", "s", of.TimeoutSeconds, w.TimeoutSeconds)
	var replaced, added []string
	for _, name := range slices.Sorted(maps.Keys(w.Env)) {
		if slices.Contains(of.Variables, name) {
			replaced = append(replaced, name)
		} else {
			added = append(added, name)
		}
	}
	if len(replaced) > 0 {
		all = append(all, "another value of the variables "+strings.Join(replaced, ", "))
	}
	if len(added) > 0 {
		all = append(all, "the new variables "+strings.Join(added, ", "))
	}
	if w.Cold {
		all = append(all, "a new value of "+ColdVariable+" for each cold start")
	}
	return all
}

// Apply gives a function of a run what was found of it.
func (f Found) Apply(fn *Function) {
	e := f.Endpoint
	e.Function = fn.Name
	fn.Endpoint = &e
	fn.MemoryMB = cmp.Or(fn.MemoryMB, e.MemoryMB)
	fn.Runtime, fn.Architecture, fn.PackageType = f.Runtime, f.Architecture, e.PackageType
}

// TakesExisting reports whether the provider measures functions that others have deployed, by their names in the
// account.
func (p Provider) TakesExisting() bool {
	if p.Connect == nil {
		return false
	}
	_, takes := p.offline().(Existing)
	return takes
}
