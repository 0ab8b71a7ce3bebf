package pipeline

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"

	"stellar/src/experiment"
	"stellar/src/fail"
	"stellar/src/probe"
	"stellar/src/provider"
	"stellar/src/run"
	"stellar/src/study"
)

// ready asks everything that can be known before a run: whether this version can do what the file asks, whether the
// functions' code, the compilers and the CLIs are there, whether the endpoints suffice. It changes nothing.
func (j *job) ready(ctx context.Context, exp *experiment.Experiment, baseDir string) error {
	if j.deploys(exp) {
		if err := provider.CheckLimits(exp, j.subs(exp)); err != nil {
			return err
		}
	}
	if err := j.supported(exp); err != nil {
		return err
	}
	if err := j.carries(exp); err != nil {
		return err
	}
	draft, err := j.draft(exp, baseDir)
	if err != nil {
		return err
	}
	if !j.deploys(exp) {
		return j.standing(ctx, draft)
	}
	var missing []error
	for _, s := range j.stages() {
		if c, ok := s.(Checker); ok {
			missing = append(missing, c.Check(ctx, draft))
		}
	}
	missing = append(missing, j.connectionReady(ctx, draft))
	if err := errors.Join(missing...); err != nil {
		return fail.Input("not ready: %w", err).WithHint("%s", firstHint(missing))
	}
	return nil
}

// draftID stands for the run's id, which is drawn when the run starts.
const draftID = "RUN"

// draft is a run that has only its list of functions, to ask questions of.
func (w World) draft(exp *experiment.Experiment, baseDir string) (*run.Run, error) {
	fns, err := functions(exp, w.subs(exp), "")
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(w.Output, draftID)
	return &run.Run{ID: draftID, Dir: dir, ServiceDir: filepath.Join(dir, "serverless"), Service: "stellar-" + draftID, Experiment: exp, BaseDir: baseDir,
		Functions: fns, Log: w.Log, Tags: map[string]string{"stellar-run": draftID, "stellar-expires": "TIME", "stellar-owner": run.Owner(w.Getenv)}}, nil
}

// standing checks that the endpoints that are to be probed are there.
func (w World) standing(ctx context.Context, r *run.Run) error {
	conn, err := w.openStanding(r.Experiment)
	if err != nil {
		return err
	}
	_, err = conn.DeployFunctions(ctx, r.Functions)
	return err
}

func (w World) openStanding(exp *experiment.Experiment) (provider.Connection, error) {
	kind := exp.ProviderKind()
	if kind != "url" {
		return provider.OpenEndpoints(w.Endpoints, kind, exp.SubExperiments)
	}
	row, err := provider.Find(kind)
	if err != nil {
		return nil, err
	}
	return row.Open(provider.Options{Target: exp.Provider})
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

// supported lists, all at once, what the file asks for that this version does not do.
func (w World) supported(exp *experiment.Experiment) error {
	var no []error
	add := func(sub int, format string, args ...any) {
		no = append(no, fmt.Errorf("SubExperiments[%d] %s: %s", sub, exp.SubExperiments[sub].Title, fmt.Sprintf(format, args...)))
	}
	row, err := provider.Find(exp.ProviderKind())
	if err != nil {
		return err
	}
	if w.deploys(exp) && !row.CanDeploy() {
		_, err := row.Open(provider.Options{})
		return err
	}
	if w.AWSAccount != "" && exp.ProviderKind() != "aws" {
		return fail.Input("--aws-account is for the provider aws, the experiment's is %s", exp.Provider)
	}
	for _, i := range w.subs(exp) {
		s := &exp.SubExperiments[i]
		if !study.Supported(s.Type) {
			add(i, "experiments of Type %s", s.Type)
		}
		if s.StorageTransfer {
			add(i, "StorageTransfer")
		}
		if s.DataTransferChainLength > 1 && (s.Protocol != probe.GRPC || w.deploys(exp)) {
			add(i, "chains (DataTransferChainLength %d) over %s on %s; it runs them over grpc, through functions on vhive",
				s.DataTransferChainLength, s.Protocol, exp.ProviderKind())
		}
		if len(s.Cmds) > 0 {
			add(i, "Cmds")
		}
		if s.ColdPull && s.PackageType != "Image" {
			add(i, "ColdPull of a ZIP package, it is for images")
		}
		if s.ColdPull && exp.ProviderKind() != "local" {
			add(i, "ColdPull on %s, it is for the local platform", exp.ProviderKind())
		}
		if w.deploys(exp) && exp.ProviderKind() == "local" && s.Architecture != runtime.GOARCH {
			add(i, "Architecture %s on the local platform of this %s machine", s.Architecture, runtime.GOARCH)
		}
	}
	if len(no) == 0 {
		return nil
	}
	return fail.Unsupported("this version of stellar does not do:\n%v", errors.Join(no...)).
		WithHint("`stellar plan` shows the experiment; nothing was built or deployed")
}

// connectionReady asks the provider what it misses on this machine, and what it cannot do of what the file asks for.
func (j *job) connectionReady(ctx context.Context, r *run.Run) error {
	kind := r.Experiment.ProviderKind()
	opts := j.options(r, kind)
	opts.Region = r.Experiment.Region
	row, err := provider.Find(kind)
	if err != nil {
		return err
	}
	conn, err := row.Open(opts)
	if err != nil {
		return err
	}
	if err := refusals(conn, r); err != nil {
		return err
	}
	c, ok := conn.(provider.Checker)
	if !ok {
		return nil
	}
	ready := c.Ready(ctx)
	j.tools = map[string]string{}
	for _, t := range ready.Tools {
		j.tools[t.Name] = t.Version
	}
	return ready.Err()
}

// refusals lists what the provider cannot do of what the sub-experiments ask for.
func refusals(conn provider.Connection, r *run.Run) error {
	c, ok := conn.(provider.Refuser)
	if !ok {
		return nil
	}
	var no []error
	told := map[int]bool{}
	for _, f := range r.Functions {
		if told[f.Sub] {
			continue
		}
		told[f.Sub] = true
		s := &r.Experiment.SubExperiments[f.Sub]
		for _, why := range c.Refuse(s, f) {
			no = append(no, fmt.Errorf("SubExperiments[%d] %s: %s: %s", f.Sub, s.Title, r.Experiment.ProviderKind(), why))
		}
	}
	if len(no) == 0 {
		return nil
	}
	return fail.Input("%w", errors.Join(no...)).WithHint("the provider cannot do this: ask for what it can, or choose another provider")
}
