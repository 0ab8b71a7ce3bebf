package pipeline

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"stellar/src/experiment"
	"stellar/src/fail"
	"stellar/src/provider"
	"stellar/src/providerreport"
	"stellar/src/run"
	"stellar/src/study"
)

// joinStage joins what the platform reports of each request to its row. It comes after all bursts: reading logs takes
// time of this machine, which no latency is to contain.
type joinStage struct {
	*connector
	row provider.Provider
}

var (
	_ Stage   = joinStage{}
	_ Skipper = joinStage{}
)

func (joinStage) String() string { return "reading the platform's reports of requests" }

// Skip says why no report is read. The local platform always says of functions that do not say it themselves whether
// they were cold.
func (s joinStage) Skip(r *run.Run) string {
	if s.row.Local && s.config.Deploys(r.Experiment) {
		return ""
	}
	for i := range r.Results {
		if r.Experiment.SubExperiments[r.Results[i].Sub].ProviderReport {
			return ""
		}
	}
	return "no sub-experiment has ProviderReport"
}

// Run joins sub-experiments side by side: most of it is waiting for reports. What cannot be joined is said, and is no
// error of the run: the rows are whole without it.
func (s joinStage) Run(ctx context.Context, r *run.Run) error {
	var wanted []*run.Result
	for i := range r.Results {
		res := &r.Results[i]
		is, err := s.wanted(&r.Experiment.SubExperiments[res.Sub], res)
		if err != nil {
			return err
		}
		if is {
			wanted = append(wanted, res)
		}
	}
	if len(wanted) == 0 {
		return fail.Skip{Reason: "the functions say all of themselves, and no sub-experiment has ProviderReport"}
	}
	reporter, err := s.reporter(ctx, r)
	if err != nil {
		return s.without(err)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(joinsAtOnce)
	for _, res := range wanted {
		g.Go(fail.Trying(func() error { return s.one(ctx, r, res, reporter) }))
	}
	return g.Wait()
}

// joinsAtOnce is how many sub-experiments are joined at once.
const joinsAtOnce = 4

// wanted says whether a sub-experiment's rows get reports.
func (s joinStage) wanted(sub *experiment.SubExperiment, res *run.Result) (bool, error) {
	if res.Rows == 0 {
		return false, nil
	}
	if sub.ProviderReport || !s.row.Local {
		return sub.ProviderReport, nil
	}
	return providerreport.Silent(filepath.Join(res.Dir, study.LatenciesFile))
}

// reporter is the connection that reads the reports.
func (s joinStage) reporter(ctx context.Context, r *run.Run) (provider.Reporter, error) {
	if !s.config.Deploys(r.Experiment) {
		return nil, fail.Unsupported("stellar reads no reports of functions that others have deployed")
	}
	opts := s.ConnectionOptions(r, r.Experiment.ProviderKind())
	opts.Region, opts.Where = r.Experiment.Region, s.place
	if s.row.Local {
		client := s.platform.client
		if client == nil { // the functions are those of an earlier run
			var err error
			if client, err = s.config.RunningPlatform(ctx); err != nil {
				return nil, err
			}
		}
		if client == nil {
			return nil, errors.New("the local platform is not running")
		}
		opts.FunctionLog = client.Logs
	}
	conn, err := s.row.Open(opts)
	if err != nil {
		return nil, err
	}
	reporter, ok := conn.(provider.Reporter)
	if !ok {
		return nil, fail.Unsupported("stellar reads no reports of single requests from %s", s.row.Name)
	}
	return reporter, nil
}

// without says why there are no reports.
func (s joinStage) without(err error) error {
	s.config.Log.Warnf("no columns of the provider's report: %v", err)
	return nil
}

// one joins the rows of a sub-experiment.
func (s joinStage) one(ctx context.Context, r *run.Run, res *run.Result, from provider.Reporter) error {
	sub := &r.Experiment.SubExperiments[res.Sub]
	var at []provider.Endpoint
	for _, f := range r.Functions {
		if f.Sub == res.Sub && f.Endpoint != nil {
			at = append(at, *f.Endpoint)
		}
	}
	joined, err := providerreport.Join(ctx, providerreport.Options{
		Path: filepath.Join(res.Dir, study.LatenciesFile), Reporter: from, Functions: at, Columns: sub.ProviderReport,
		Forced: sub.ColdStart == experiment.ColdForce, Wait: s.config.Patience.Reports})
	switch {
	case err != nil && ctx.Err() != nil:
		return err
	case errors.Is(err, fail.ErrUnsupported):
		return s.without(err)
	case err != nil:
		s.config.Log.Warnf("%s: %v", sub.Title, err)
	}
	s.tell(sub, joined)
	return nil
}

// tell says how many rows have their report, and which have none.
func (s joinStage) tell(sub *experiment.SubExperiment, joined providerreport.Result) {
	line := fmt.Sprintf("%s: %d of %d answered requests have the platform's report", sub.Title, joined.Joined,
		joined.Rows)
	if joined.Ambiguous > 0 {
		line += fmt.Sprintf("; the ids of %d are not theirs alone", joined.Ambiguous)
	}
	if missing := joined.Cold - joined.Divided; sub.ProviderReport && missing > 0 {
		line += fmt.Sprintf("; %d of %d cold requests are not divided into parts: they have no report, or their "+
			"endpoint answered no warm request on the same kind of connection", missing, joined.Cold)
	}
	if joined.Joined < joined.Rows {
		s.config.Log.Warnf("%s", line)
		return
	}
	s.config.Log.Infof("%s", line)
}
