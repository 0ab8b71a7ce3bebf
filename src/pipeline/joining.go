package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/providerreport"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/study"
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

// Skip says why no report is read. What cannot be found out is Run's to say.
func (s joinStage) Skip(r *run.Run) string {
	if wanted, err := s.wanted(r); err == nil && len(wanted) == 0 {
		return "no sub-experiment has ProviderReport, or rows that only the platform can complete"
	}
	return ""
}

// Run joins sub-experiments side by side: most of it is waiting for reports. What cannot be joined is said, and is no
// error of the run: the rows are whole without it.
func (s joinStage) Run(ctx context.Context, r *run.Run) error {
	wanted, err := s.wanted(r)
	if err != nil {
		return err
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

// wanted are the sub-experiments whose rows get reports: those with ProviderReport, and on the local platform those of
// functions that do not say whether they were cold. Types that have no rows in latencies.csv get none.
func (s joinStage) wanted(r *run.Run) (out []*run.Result, err error) {
	silent := s.row.Local && s.config.Deploys(r.Experiment)
	for i := range r.Results {
		res := &r.Results[i]
		path := filepath.Join(res.Dir, study.LatenciesFile)
		if _, err := os.Stat(path); res.Rows == 0 || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		is := r.Experiment.SubExperiments[res.Sub].ProviderReport
		if !is && silent {
			if is, err = providerreport.Silent(path); err != nil {
				return nil, err
			}
		}
		if is {
			out = append(out, res)
		}
	}
	return out, nil
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
		Events: sub.Entry == experiment.EntryAsync,
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
