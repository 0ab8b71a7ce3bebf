package deploy

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"path/filepath"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// KindService is the journal's kind for what a deployment makes: a service, or a function where the provider has none.
const KindService = "service"

// Stage deploys the run's functions and gives each its endpoint.
type Stage struct {
	// Locate returns where units will be deployed, the same at every call of one run (provider.Locator).
	Locate func(ctx context.Context, r *run.Run) (map[string]string, error)
	// Remember writes into the index of runs where they go, before the journal has any of them.
	Remember func(r *run.Run, place map[string]string) error
	// Connect opens the connection to the run's provider.
	Connect func(r *run.Run) (provider.Connection, error)
	// Units are what will be deployed; none where the functions are deployed already.
	Units func(r *run.Run) []provider.Unit
	// Deploys says whether functions are deployed, or are deployed already.
	Deploys func(r *run.Run) bool
	// Standing says that nothing is deployed: the endpoints exist.
	Standing bool
	// Attrs is what the journal needs beside the unit's own, so that another process can remove it.
	Attrs func(r *run.Run) map[string]string
}

func (s Stage) String() string {
	if s.Standing {
		return "looking up endpoints"
	}
	return "deploying functions"
}

// Run writes the intent, deploys, and records what was deployed. Removal is the journal's work, whatever happens here.
func (s Stage) Run(ctx context.Context, r *run.Run) error {
	wanted := r.Unplaced()
	if len(wanted) == 0 {
		return fail.Skip{Reason: "all functions stand already"}
	}
	intents, err := s.intend(ctx, r)
	if err != nil {
		return err
	}
	conn, err := s.Connect(r) // after Locate: it goes where the journal says
	if err != nil {
		return err
	}
	stand, err := conn.DeployFunctions(ctx, wanted)
	if err != nil {
		return err
	}
	if len(stand) != len(wanted) {
		return fail.With(fail.CodeFailed, "%d functions were deployed, but %d endpoints came back", len(wanted),
			len(stand))
	}
	for i, f := range wanted {
		if u, err := url.Parse(stand[i].URL); err != nil || u.Host == "" {
			return fail.With(fail.CodeFailed, "function %s came back with no usable address: %q", f.Name, stand[i].URL)
		}
		f.Endpoint = &stand[i]
		f.Endpoint.Deployed = s.Deploys(r)
	}
	for _, res := range intents {
		if err := r.Journal.Created(res, map[string]string{"count": fmt.Sprint(len(wanted))}); err != nil {
			return err
		}
	}
	return nil
}

// intend enters every unit into the journal, with where it goes, and into the index, which a later command reads if the
// journal is missing.
func (s Stage) intend(ctx context.Context, r *run.Run) ([]run.Resource, error) {
	units := s.Units(r)
	if len(units) == 0 {
		return nil, nil
	}
	where := s.Attrs(r)
	place, err := s.Locate(ctx, r)
	if err != nil {
		return nil, err
	}
	maps.Copy(where, place)
	if err := s.Remember(r, where); err != nil {
		return nil, err
	}
	var out []run.Resource
	for _, u := range units {
		attrs := u.Detail(filepath.Join(r.ServiceDir, filepath.FromSlash(u.Dir)), where)
		attrs[run.AttrGroup] = KindService
		res, err := r.Journal.Intend(KindService, u.Name, attrs)
		if err != nil {
			return nil, err
		}
		out = append(out, res)
	}
	return out, nil
}
