package deploy

import (
	"context"
	"fmt"
	"net/url"

	"stellar/src/fail"
	"stellar/src/provider"
	"stellar/src/run"
)

// KindService is the journal's kind for a deployed service.
const KindService = "service"

// Stage deploys the run's functions in one batch and gives each its endpoint.
type Stage struct {
	// Connect opens the connection to the run's provider.
	Connect func(r *run.Run) (provider.Connection, error)
	// Attrs is what the journal needs so that another process can remove the service; nil where nothing is deployed.
	Attrs func(r *run.Run) map[string]string
}

func (Stage) String() string { return "deploying functions" }

// Run writes the intent, deploys, and writes down what stands. Removal is the journal's work, whatever happens here.
func (s Stage) Run(ctx context.Context, r *run.Run) error {
	conn, err := s.Connect(r)
	if err != nil {
		return err
	}
	attrs := s.Attrs(r)
	var res run.Resource
	if attrs != nil {
		if res, err = r.Journal.Intend(KindService, r.Service, attrs); err != nil {
			return err
		}
	}
	stand, err := conn.DeployFunctions(ctx, r.Functions)
	if err != nil {
		return err
	}
	if len(stand) != len(r.Functions) {
		return fail.With(fail.CodeFailed, "%d functions were deployed, but %d endpoints came back", len(r.Functions), len(stand))
	}
	for i, f := range r.Functions {
		if u, err := url.Parse(stand[i].URL); err != nil || u.Host == "" {
			return fail.With(fail.CodeFailed, "function %s came back with no usable address: %q", f.Name, stand[i].URL)
		}
		f.Endpoint = &stand[i]
	}
	if attrs != nil {
		return r.Journal.Created(res, map[string]string{"functions": fmt.Sprint(len(stand))})
	}
	return nil
}
