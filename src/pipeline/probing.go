package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/machine"
	"github.com/vhive-serverless/STeLLAR/src/netprobe"
	"github.com/vhive-serverless/STeLLAR/src/probe"
	"github.com/vhive-serverless/STeLLAR/src/probe/schedule"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/provider/vendors"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/sample"
	"github.com/vhive-serverless/STeLLAR/src/study"
	"github.com/vhive-serverless/STeLLAR/src/study/catalog"
)

// probeStage fires the bursts of all sub-experiments and records them.
type probeStage struct {
	Config
	platform *localPlatform
	store    *objectStore
	renew    renewer
	cold     *coldStarts
	existing *existingFunctions
}

func (j *Job) probeStage() probeStage {
	return probeStage{Config: j.Config, platform: j.platform, store: j.store,
		renew: renewer{config: j.Config, held: &j.held},
		cold:  &coldStarts{job: j}, existing: &existingFunctions{job: j}}
}

func (probeStage) String() string { return "probing" }

// Run probes side by side, or one sub-experiment after the other where the file says so. A sub-experiment that stops
// early keeps its rows and costs the others nothing; only an interruption ends them all, and the end of the run's own
// platform.
func (s probeStage) Run(ctx context.Context, r *run.Run) (err error) {
	if err := s.Carries(r.Experiment); err != nil {
		return err
	}
	if line := proxyLine(s.Getenv); line != "" {
		s.Log.Infof("%s", line)
	}
	fresh := s.renew.keep(ctx, r)
	defer func() { err = errors.Join(err, fresh()) }()
	if _, err := machine.RaiseOpenFiles(); err != nil {
		s.Log.Debugf("raise the limit of open files: %v", err)
	}
	ports, err := s.listen(ctx, r.Experiment)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ports.Close()) }()
	subs := s.Subs(r.Experiment)
	send, release, err := s.reserveProcessors(r, len(subs))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	s.platform.noteRuntimes(r)
	r.Results = make([]run.Result, len(subs))
	var mu sync.Mutex
	outer := ctx
	ctx, done := s.within(ctx)
	defer done()
	ctx, stop := s.platform.whileAlive(ctx)
	defer stop()
	whole := ctx
	g, ctx := errgroup.WithContext(whole) // a defect in one ends them all
	if r.Experiment.Sequential && !r.Experiment.TakesTurns() {
		g.SetLimit(1)
	}
	place := unfinished(r, subs)
	keep := s.keeper(r, place, &mu)
	keep()
	rep := s.takeTurns(r, subs, func(now run.Repetitions) {
		mu.Lock()
		r.Record.Repetitions = &now
		mu.Unlock()
		keep()
	})
	defer rep.end(whole, ctx)
	for _, group := range groups(r, subs) {
		g.Go(fail.Trying(func() error { return s.inTurn(ctx, r, group, probing{ports, rep, place, send}, keep) }))
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return context.Cause(outer)
}

// probing is what the sub-experiments of a run share.
type probing struct {
	ports    *netprobe.Ports
	repeater *repeater   // nil: the sub-experiments take no turns
	place    map[int]int // of a sub-experiment
	send     sender
}

// inTurn measures sub-experiments one after the other, and ends at a defect.
func (s probeStage) inTurn(ctx context.Context, r *run.Run, group []int, shared probing,
	keep func(...run.Result)) error {
	for _, sub := range group {
		res := s.one(ctx, r, sub, shared)
		keep(res)
		if d := fail.DefectIn(res.Stopped); d != nil {
			return d
		}
	}
	return nil
}

func (s probeStage) one(ctx context.Context, r *run.Run, sub int, shared probing) run.Result {
	defer shared.repeater.leave(shared.place[sub])
	out := run.Result{Sub: sub, Dir: Folder(r, sub)}
	if ctx.Err() != nil {
		out.Stopped = context.Cause(ctx)
		s.cutShort(ctx, &out, 0, 0, 0)
		return out
	}
	env, err := s.env(ctx, r, sub)
	if err == nil {
		err = s.existing.configure(ctx, r, sub)
	}
	if err != nil {
		out.Stopped = err
		s.cutShort(ctx, &out, 0, 0, 0)
		return out
	}
	st, err := catalog.For(env.Sub.Type)
	if err != nil {
		out.Stopped = err
		return out
	}
	if out.Note = s.backlogNote(&env); out.Note != "" {
		env.Log.Warnf("%s", out.Note)
	}
	env.Probe = shared.send
	env.Listen, env.AnswerSeconds = shared.ports.At, float64(s.answerMax(r.Experiment, sub))
	shared.repeater.seat(shared.place[sub], &env)
	var res study.Result
	env.Measured = func(measured study.Result) { res = measured }
	err = st.Run(ctx, env)
	out.Rows, out.Failed, out.Unsent, out.Stopped = res.Rows, res.Outcome.Errors, int(res.Outcome.Unsent), err
	out.IdleClose = res.Outcome.IdleClose
	done := res.Outcome.Bursts - res.Outcome.Repeated
	s.cutShort(ctx, &out, done, r.Experiment.BurstsBegun(sub, done), res.Outcome.Cut)
	shared.repeater.timeOver(&out, done, env.Sub.Bursts)
	if n := res.Outcome.Reopened; n > 0 {
		s.Log.Infof("%s: the server closed %d idle connections, which were opened again outside any latency",
			env.Sub.Title, n)
	}
	if n := res.Outcome.Repeated; n > 0 {
		s.Log.Infof("%s: %d bursts were sent again, because an instance of before answered where a cold start was "+
			"forced; %d of them met one at the last attempt, too", env.Sub.Title, n, res.Outcome.NotCold)
	}
	if res.Outcome.Watched != "" {
		s.Log.Debugf("%s: the client watched itself: %s", env.Sub.Title, res.Outcome.Watched)
	}
	if out.Stopped == nil && res.Outcome.Errors > 0 && res.Outcome.Errors == res.Outcome.Requests {
		out.Stopped = allFailed(res.Outcome)
	}
	var ratio *probe.ErrorRatio
	if errors.As(err, &ratio) {
		s.Log.Warnf("%v", err)
	}
	return out
}

// allFailed is the error of a sub-experiment without an answer.
func allFailed(o probe.Outcome) error {
	text := fmt.Sprintf("all %d requests failed (%s)", o.Requests, probe.ClassWords(o.Classes))
	switch o.Errors {
	case o.Classes[sample.Connect]:
		text += "; does a server listen at that address?"
	case o.Classes[sample.DNS]:
		text += "; is the host's name right?"
	}
	return errors.New(text)
}

// env is what the study of a sub-experiment works with.
func (s probeStage) env(ctx context.Context, r *run.Run, sub int) (study.Env, error) {
	e := &r.Experiment.SubExperiments[sub]
	out := study.Env{
		Settings: study.Settings{Index: sub, Sub: *e, Seed: *r.Experiment.Seed, UserAgent: "stellar/" + s.Version},
		Dir:      Folder(r, sub), Log: titledLog{s.Log, e.Title}, Getenv: s.Getenv,
		Progress: s.reporting(r.Experiment, sub),
	}
	if s.Deploys(r.Experiment) {
		out.MakeCold = func(ctx context.Context, at ...study.Endpoint) error { return s.cold.makeCold(ctx, r, at) }
	}
	s.store.equip(&out)
	out.Endpoints = s.endpoints(r, sub)
	if err := s.enter(ctx, r, e, &out); err != nil {
		return out, err
	}
	traces, err := e.Traces()
	if err != nil {
		return out, err
	}
	for _, t := range traces {
		out.Traces = append(out.Traces, schedule.Trace{Slot: t.Slot, Counts: t.Counts})
	}
	times := make([]time.Duration, len(e.DesiredServiceTimes))
	for round := range times {
		times[round] = e.ServiceTime(round)
	}
	out.Increments, err = increments(r.Record.Calibration, e, times)
	return out, err
}

// reporting tells the observer how far a sub-experiment is.
func (s probeStage) reporting(exp *experiment.Experiment, sub int) func(probe.Progress) {
	subs := s.Subs(exp)
	at := Progress{Sub: sub, Title: exp.SubExperiments[sub].Title, Place: slices.Index(subs, sub), Places: len(subs),
		RunBursts: exp.EstimateOf(subs).Bursts}
	if exp.Sequential && !exp.TakesTurns() {
		at.Afterwards = exp.EstimateOf(subs[at.Place+1:]).Duration
	}
	began, waits := time.Now(), exp.TakesTurns() && exp.Ordering() != experiment.OrderParallel
	return func(p probe.Progress) {
		if waits && p.Burst > 0 { // for others, too, whose bursts it does not know
			p.Left = time.Since(began) / time.Duration(p.Burst) * time.Duration(p.Bursts-p.Burst)
		}
		now := at
		now.Done, now.Of, now.Requests, now.Errors, now.Left = p.Burst, p.Bursts, p.Requests, p.Errors, p.Left
		now.Median, now.Rate, now.Waiting = p.Median, p.Rate, p.Waiting
		s.Observer.Burst(now)
	}
}

// titledLog writes lines that begin with the title of the sub-experiment that they are about.
type titledLog struct {
	run.Logger
	title string
}

// Warnf writes a warning.
func (l titledLog) Warnf(format string, args ...any) { l.Logger.Warnf("%s", l.line(format, args)) }

// Debugf writes what only the log's file has.
func (l titledLog) Debugf(format string, args ...any) { l.Logger.Debugf("%s", l.line(format, args)) }

func (l titledLog) line(format string, args []any) string {
	text := fmt.Sprintf(format, args...)
	if strings.HasPrefix(text, l.title) {
		return text
	}
	return l.title + ": " + text
}

// answerMax is after how many seconds the gateway before the functions gives a request up; 0: not known.
func (probeStage) answerMax(exp *experiment.Experiment, sub int) int {
	if !exp.SubExperiments[sub].HTTPEntry() {
		return 0 // no gateway is in front
	}
	row, _ := vendors.Find(exp.ProviderKind()) // an unknown one is refused before a stage runs
	return row.Limits.AnswerMax
}

// endpoints are those of a sub-experiment, with the token that each is sent. The run's token is sent to functions of
// ours only, never to third-party endpoints; functions in an endpoints file get the token that their deployer gave
// them.
func (s probeStage) endpoints(r *run.Run, sub int) []study.Endpoint {
	var all []provider.Endpoint
	for _, f := range r.Functions {
		if f.Sub == sub {
			all = append(all, *f.Endpoint)
		}
	}
	token := ""
	switch {
	case r.Experiment.SubExperiments[sub].Public:
	case ours(all):
		token = r.Token
	case r.Experiment.ProviderKind() != experiment.KindURL:
		token = s.Getenv(tokenVariable)
	}
	out := make([]study.Endpoint, len(all))
	for i, e := range all {
		out[i] = study.Endpoint{Function: e.Function, URL: e.URL}
		if s.platform.hosts && e.Deployed {
			out[i].Log = filepath.Join(r.Dir, LogsFolder, e.Function+".log")
		}
		if token != "" {
			out[i].Token = cmp.Or(e.Token, token)
		}
	}
	return out
}

// enter gives an environment what requests on the sub-experiment's entry need beside addresses.
func (s probeStage) enter(ctx context.Context, r *run.Run, e *experiment.SubExperiment, env *study.Env) error {
	if e.HTTPEntry() {
		return nil
	}
	if !s.Deploys(r.Experiment) {
		return fail.Input("%s: Entry %s is for functions that this run deploys", e.Title, e.Entry).
			WithHint("leave Entry out for existing functions")
	}
	for i := range env.Endpoints {
		env.Endpoints[i].Invoke, env.Endpoints[i].Signed = e.Invoked(), e.Signed()
		env.Endpoints[i].Event = e.Entry == experiment.EntryAsync
	}
	if e.Signed() {
		conn, err := s.cold.job.connect(r)
		if err != nil {
			return err
		}
		entries, ok := conn.(provider.Entries)
		if !ok {
			return fail.Unsupported("stellar cannot sign requests to %s", r.Experiment.ProviderKind())
		}
		env.Sign, err = entries.Signer(ctx)
		return err
	}
	return nil
}

// tokenVariable holds the token of functions that an endpoints file names.
const tokenVariable = "STELLAR_TOKEN"

func ours(endpoints []provider.Endpoint) bool {
	for _, e := range endpoints {
		if !e.Deployed {
			return false
		}
	}
	return true
}

// increments are the spin increments of each round: those of the file, else those that calibration found.
func increments(all []run.Calibration, e *experiment.SubExperiment, times []time.Duration) ([]int64, error) {
	if len(e.BusySpinIncrements) > 0 {
		return e.BusySpinIncrements, nil
	}
	var out []int64
	for _, want := range times {
		n, err := calibrated(all, e, want)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}

func calibrated(all []run.Calibration, e *experiment.SubExperiment, want time.Duration) (int64, error) {
	if want == 0 {
		return 0, nil
	}
	for _, c := range all {
		if c.Function == e.Function && c.Runtime == e.Runtime && c.Architecture == e.Architecture &&
			c.ServiceTime == want.String() {
			return c.Increments, nil
		}
	}
	return 0, fmt.Errorf("service time %s of %s was not calibrated", want, e.Runtime)
}

// proxyLine says that a proxy of the environment is not used for requests, empty where there is none.
func proxyLine(getenv func(string) string) string {
	var set []string
	for _, name := range []string{"HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"} {
		if getenv(name) != "" || getenv(strings.ToLower(name)) != "" {
			set = append(set, name)
		}
	}
	if len(set) == 0 {
		return ""
	}
	return strings.Join(set, " and ") + " set: requests go to the functions directly all the same, through a proxy " +
		"the proxy would be measured"
}
