package provider

import (
	"fmt"
	"maps"
	"strings"
)

// Unit is what is deployed and removed as one: a service of many functions, or one function where the provider knows no
// larger thing. The journal has an entry for each.
type Unit struct {
	Name      string // in the account; no other run has it
	Dir       string // its folder under the service folder, slashes; empty: the service folder itself
	Functions []*Function

	// The rest is known of units that exist.

	Folder    string            // its folder, absolute, as the journal has it; empty: not known
	Where     map[string]string // what Locate said, and what else the journal holds: region, account, project…
	Confirmed bool              // its creation was seen to its end
}

// Units divides a run's functions into what is deployed as one. The division depends on nothing but its arguments:
// those who generate, plan, deploy and remove all come to the same.
func (p Provider) Units(service string, fns []*Function) []Unit {
	switch {
	case len(fns) == 0:
		return nil
	case p.Divide == nil:
		return []Unit{{Name: service, Functions: fns}}
	}
	return p.Divide(service, fns)
}

// OnePerFunction is the division of providers that deploy functions one by one.
func OnePerFunction(service string, fns []*Function) []Unit {
	out := make([]Unit, 0, len(fns))
	for _, f := range fns {
		out = append(out, Unit{Name: service + "-" + f.Name, Dir: f.Name, Functions: []*Function{f}})
	}
	return out
}

// AtMost divides into services of at most n functions; a single one keeps the run's name and folder.
func AtMost(n int) func(service string, fns []*Function) []Unit {
	return func(service string, fns []*Function) []Unit {
		if len(fns) <= n {
			return []Unit{{Name: service, Functions: fns}}
		}
		var out []Unit
		for at := 0; at < len(fns); at += n {
			name := fmt.Sprintf("%s-%d", service, len(out))
			out = append(out, Unit{Name: name, Dir: fmt.Sprintf("service-%d", len(out)),
				Functions: fns[at:min(at+n, len(fns))]})
		}
		return out
	}
}

// Keys of a unit in the journal, and in an endpoint's Detail.
const (
	DetailUnit      = "unit"      // its name
	DetailDir       = "dir"       // its folder, absolute
	DetailFunctions = "functions" // their names, with blanks between them
	DetailRegion    = "region"    // set by those who Locate
	DetailAccount   = "account"   // likewise
)

// Tags of a run, on all that it makes in an account.
const (
	TagRun     = "stellar-run"
	TagExpires = "stellar-expires"
	TagOwner   = "stellar-owner"
)

func (u Unit) names() string {
	names := make([]string, 0, len(u.Functions))
	for _, f := range u.Functions {
		names = append(names, f.Name)
	}
	return strings.Join(names, " ")
}

// Detail is what the journal keeps of a unit so that another process can remove it.
func (u Unit) Detail(dir string, where map[string]string) map[string]string {
	out := map[string]string{DetailUnit: u.Name, DetailDir: dir, DetailFunctions: u.names()}
	maps.Copy(out, where)
	return out
}

// UnitOf is the unit of a journal entry that Detail made. Of its functions only the names are known.
func UnitOf(detail map[string]string, confirmed bool) Unit {
	u := Unit{Name: detail[DetailUnit], Folder: detail[DetailDir], Where: maps.Clone(detail), Confirmed: confirmed}
	for _, name := range strings.Fields(detail[DetailFunctions]) {
		u.Functions = append(u.Functions, &Function{Name: name})
	}
	for _, key := range []string{DetailUnit, DetailDir, DetailFunctions} {
		delete(u.Where, key)
	}
	return u
}
