package deploy

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"

	"stellar/src/fail"
	"stellar/src/provider"
	"stellar/src/run"
)

// KindService is the journal's kind for what a deployment makes: a service, or a function where the provider has none.
const KindService = "service"

// Stage deploys the run's functions and gives each its endpoint.
type Stage struct {
	// Connect opens the connection to the run's provider.
	Connect func(r *run.Run) (provider.Connection, error)
	// Units are what will be deployed; none where the functions stand already.
	Units func(r *run.Run) []provider.Unit
	// Deploys says whether functions are made, or stand already.
	Deploys func(r *run.Run) bool
	// Attrs is what the journal needs beside the unit's own, so that another process can remove it.
	Attrs func(r *run.Run) map[string]string
}

func (Stage) String() string { return "deploying functions" }

// Run writes the intent, deploys, and writes down what stands. Removal is the journal's work, whatever happens here.
func (s Stage) Run(ctx context.Context, r *run.Run) error {
	wanted := r.Unplaced()
	if len(wanted) == 0 {
		return fail.Skip{Reason: "all functions stand already"}
	}
	conn, err := s.Connect(r)
	if err != nil {
		return err
	}
	intents, err := s.intend(ctx, conn, r)
	if err != nil {
		return err
	}
	stand, err := conn.DeployFunctions(ctx, wanted)
	if err != nil {
		return err
	}
	if len(stand) != len(wanted) {
		return fail.With(fail.CodeFailed, "%d functions were deployed, but %d endpoints came back", len(wanted), len(stand))
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

// intend enters every unit into the journal, with where it goes.
func (s Stage) intend(ctx context.Context, conn provider.Connection, r *run.Run) ([]run.Resource, error) {
	units := s.Units(r)
	if len(units) == 0 {
		return nil, nil
	}
	where := s.Attrs(r)
	if l, ok := conn.(provider.Locator); ok {
		more, err := l.Locate(ctx)
		if err != nil {
			return nil, err
		}
		for k, v := range more {
			where[k] = v
		}
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
