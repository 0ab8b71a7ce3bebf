package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/pipeline"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/provider/vendors"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/spans"
)

// ready asks everything that can be known before a run: whether this version can do what the file asks, whether the
// functions' code, the compilers and the CLIs are there, whether the endpoints suffice. It changes nothing.
func (j *job) ready(ctx context.Context, exp *experiment.Experiment, baseDir string) error {
	return joinObstacles(j.obstacles(ctx, exp, baseDir))
}

// obstacle is one reason why a run would stop before it builds anything.
type obstacle struct {
	err     error
	missing bool // from this machine or account, rather than wrong in the file
}

// obstacles gives all of them, of every class: what the provider does not take, what this version cannot do, what this
// machine cannot carry, then what is missing of code, tools and credentials.
func (j *job) obstacles(ctx context.Context, exp *experiment.Experiment, baseDir string) []obstacle {
	var all []obstacle
	add := func(missing bool, errs ...error) {
		for _, err := range errs {
			if err != nil && !slices.ContainsFunc(all, func(o obstacle) bool { return o.err.Error() == err.Error() }) {
				all = append(all, obstacle{err, missing})
			}
		}
	}
	if j.Deploys(exp) {
		row, err := vendors.Find(exp.ProviderKind())
		var fns []*run.Function
		if err == nil {
			fns, err = pipeline.Functions(exp, j.Subs(exp), "")
		}
		if err == nil {
			err = row.CheckLimits(exp, j.Subs(exp), fns)
		}
		add(false, err)
	}
	add(true, j.app.variables(exp, true)...)
	_, err := spans.FromEnvironment(j.Getenv)
	add(false, err)
	_, err = j.Sheet()
	add(false, err, j.app.supported(exp), j.Carries(exp), j.PortsFree(ctx, exp))
	draft, err := j.app.draft(exp, baseDir)
	if err != nil {
		add(false, err)
		return all
	}
	if !j.Deploys(exp) {
		hosts, err := j.app.checkEndpoints(draft)
		add(false, append(j.Reachable(ctx, exp, hosts), err)...)
		return all
	}
	add(false, j.Reachable(ctx, exp, nil)...)
	for _, s := range j.Stages() {
		if c, ok := s.(pipeline.Checker); ok {
			add(true, c.Check(ctx, draft))
		}
	}
	missing, refused := j.connectionReady(ctx, draft)
	add(false, refused)
	add(true, missing...)
	return all
}

// variables says which variables of the environment that the file asks for are not set: those of requests, and, where
// functions are deployed, those of their environment.
func (a App) variables(exp *experiment.Experiment, deploys bool) (missing []error) {
	for _, i := range a.Subs(exp) {
		s := &exp.SubExperiments[i]
		wanted := s.RequestVariables()
		if deploys {
			wanted = append(wanted, s.EnvironmentVariables()...)
		}
		err := s.CheckVariables(wanted, a.Getenv)
		for _, v := range s.EnvironmentVariables() {
			if _, no := provider.EscapeVariables(a.Getenv(v.Name)); no != nil && deploys && err == nil {
				err = fail.Input("Environment: the environment variable %s: %w", v.Name, no)
			}
		}
		if err != nil {
			missing = append(missing, fail.Input("SubExperiments[%d] %s: %w", i, s.Title, err))
		}
	}
	return missing
}

// joinObstacles is one error of bad input that names all of them and keeps their hints; nil where there are none.
func joinObstacles(all []obstacle) error {
	var wrong, missing []error
	var hints []string
	for _, o := range all {
		if o.missing {
			missing = append(missing, o.err)
		} else {
			wrong = append(wrong, o.err)
		}
		if hint := fail.Hint(o.err); hint != "" && !slices.Contains(hints, hint) {
			hints = append(hints, hint)
		}
	}
	if len(all) == 1 && !all[0].missing {
		return all[0].err
	}
	if i := slices.IndexFunc(missing, hasOutput); i >= 0 { // its output is printed below all of them
		missing = append(slices.Delete(slices.Clone(missing), i, i+1), missing[i])
	}
	if len(missing) > 0 {
		wrong = append(wrong, fmt.Errorf("not ready: %w", errors.Join(missing...)))
	}
	if len(wrong) == 0 {
		return nil
	}
	return fail.Input("%w", errors.Join(wrong...)).WithHint("%s", cmp.Or(strings.Join(hints, "; "), noHint))
}

func hasOutput(err error) bool { return fail.Output(err) != "" }

// checkEndpoints checks that the endpoints that are to be probed are there, and gives their hosts.
func (a App) checkEndpoints(r *run.Run) (hosts []string, err error) {
	conn, err := a.OpenStanding(r.Experiment)
	if err != nil {
		return nil, err
	}
	m, ok := conn.(provider.Matcher)
	if !ok {
		return nil, nil
	}
	all, err := m.Match(r.Functions)
	for _, e := range all {
		if u, err := url.Parse(e.URL); err == nil && u.Hostname() != "" {
			hosts = append(hosts, u.Hostname())
		}
	}
	return hosts, err
}

func firstHint(errs []error) string {
	for _, err := range errs {
		var e *fail.Error
		if errors.As(err, &e) && e.Hint != "" {
			return e.Hint
		}
	}
	return noHint
}

const noHint = "install what is missing and try again"

// connectionReady returns what the provider misses on this machine, and the error of what it does not support of the
// file. Questions to a cloud that got no answer are kept for the plan and logged.
func (j *job) connectionReady(ctx context.Context, r *run.Run) (missing []error, refused error) {
	conn, err := j.draftConnection(r)
	if err != nil {
		return nil, err
	}
	refused = refusals(conn, r)
	c, ok := conn.(provider.Checker)
	if !ok {
		return nil, refused
	}
	ready := c.Ready(ctx)
	j.region, _, _ = strings.Cut(ready.Where[provider.DetailRegion], " ") // what comes behind is a note
	j.tools = map[string]string{}
	for _, t := range ready.Tools {
		j.tools[t.Name] = t.Version
		if t.Err != nil && len(r.Making().Functions) > 0 { // else nothing is deployed
			missing = append(missing, t.Err)
		}
	}
	for _, u := range ready.Unanswered {
		switch {
		case j.planning:
			j.unanswered = append(j.unanswered, strings.Split(u.Err.Error(), "\n")...)
		case u.Needed:
			missing = append(missing, u.Err)
		default:
			j.Log.Warnf("%s: no answer, and the run continues without it: %v", r.Experiment.ProviderKind(), u.Err)
		}
	}
	missing = append(missing, ready.Missing...)
	if len(ready.Missing) == 0 && refused == nil && len(r.Making().Functions) < len(r.Functions) {
		var bad []error
		j.found, bad = pipeline.FindExisting(ctx, conn, r)
		missing = append(missing, bad...)
	}
	return missing, refused
}

// refusals lists what the provider cannot do of what the sub-experiments ask for.
func refusals(conn provider.Connection, r *run.Run) error {
	var no []error
	for _, refused := range provider.RefusedBy(conn, r.Experiment, r.Functions) {
		no = append(no, fmt.Errorf("%s: %s", refused.Where(r.Experiment), refused))
	}
	if len(no) == 0 {
		return nil
	}
	return fail.Input("%w", errors.Join(no...)).
		WithHint("the provider does not support this: change the experiment, or choose another provider")
}
