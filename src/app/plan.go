package app

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/bytesize"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/generate"
	"github.com/vhive-serverless/STeLLAR/src/pipeline"
	"github.com/vhive-serverless/STeLLAR/src/price"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/provider/vendors"
	"github.com/vhive-serverless/STeLLAR/src/shell"
	"github.com/vhive-serverless/STeLLAR/src/study/catalog"
)

// Plan is what a run of an experiment would do.
type Plan struct {
	Provider  string    `json:"provider"`
	Kind      string    `json:"kind"`
	Runs      string    `json:"runs"` // the command that deploys, empty where nothing is deployed
	Seed      int64     `json:"seed"`
	Subs      []PlanSub `json:"subExperiments"`
	Functions int       `json:"functions"`
	Bursts    int       `json:"bursts"`
	Requests  int       `json:"requests"`
	Seconds   float64   `json:"seconds"`
	// of ping-pongs, one after the other; Seconds is without them
	RoundTrips int `json:"roundTrips,omitempty"`
	// how long making functions cold is assumed to take each time, in seconds; 0: none is forced, or it is not known
	ColdSeconds float64 `json:"coldSeconds,omitempty"`
	// how long a cold start is assumed to take, in seconds; 0: it is not known, or nothing is deployed
	StartSeconds float64 `json:"startSeconds,omitempty"`
	Order        string  `json:"order"`            // sequential, parallel or interleaved
	Repeat       int     `json:"repeat,omitempty"` // 0: the plan is sent once; all repetitions are in the amounts
	// that may follow these repetitions; nil: none do
	Until *PlanUntil `json:"until,omitempty"`
	Cost  PlanCost   `json:"cost"`
	// what a run executes to deploy and to remove; RUN stands for the run's id
	Commands []PlanUnit `json:"commands"`
	ByHand   []PlanUnit `json:"byHand,omitempty"` // what others execute, where stellar does not deploy
	// functions that exist already, as far as they were found
	Existing []PlanExisting `json:"existing,omitempty"`
	Warnings []string       `json:"warnings"`
	// settings that the provider ignores, pauses too short for cold starts; nothing is asked or refused for them
	Cautions []string  `json:"cautions,omitempty"`
	NotReady string    `json:"notReady,omitempty"` // why a run would stop before building anything, in one text
	Stops    []Missing `json:"stops,omitempty"`    // likewise, one by one with what to do, of all classes

	Unanswered []string `json:"unanswered,omitempty"` // what was asked and not answered; a run goes on without
}

// PlanUntil is what the longest run comes to that Until allows, about.
type PlanUntil struct {
	P50CI       string   `json:"p50CI"` // as in the file
	MaxMinutes  float64  `json:"maxMinutes"`
	Repetitions int      `json:"repetitions"`
	Requests    int      `json:"requests"`
	Cost        PlanCost `json:"cost"`
}

// PlanSub is one sub-experiment of a plan.
type PlanSub struct {
	Index     int    `json:"index"`
	Title     string `json:"title"`
	Type      string `json:"type"`
	Runtime   string `json:"runtime,omitempty"`
	Package   string `json:"package,omitempty"`
	MemoryMB  int    `json:"memoryMB,omitempty"`
	Memories  []int  `json:"memorySizesMB,omitempty"` // in place of MemoryMB, where the functions differ in it
	Functions int    `json:"functions"`
	Function  string `json:"function,omitempty"` // the user's own
	Handler   string `json:"handler,omitempty"`  // its entry point, named or found
	Bursts    int    `json:"bursts"`
	Sizes     string `json:"burstSizes"`
	IAT       string `json:"iat"`
	Service   string `json:"serviceTimes"`
	Load      string `json:"load,omitempty"`   // a sustained load, in place of bursts
	Forced    bool   `json:"forced,omitempty"` // cold starts are forced
	Payload   int64  `json:"payloadBytes"`
	Chain     int    `json:"chain"`
	Folder    string `json:"folder"`
}

// PlanUnit is what is deployed and removed as one, with the vendor's commands that do it.
type PlanUnit struct {
	Name      string   `json:"name"`
	Functions []string `json:"functions"`
	Deploy    []string `json:"deploy"`
	Remove    []string `json:"remove"`
}

// PlanExisting is a function that exists already, and what a run changes of it until it ends.
type PlanExisting struct {
	Function string   `json:"function"` // as the experiment names it
	Name     string   `json:"name"`     // in the account
	Changes  []string `json:"changes"`  // of all sub-experiments, in their order, each once
}

// RuntimeOf finds the runtime of a function of the user's own from its folder; baseDir is the experiment file's folder.
func RuntimeOf(baseDir string) func(function string) (id, by string) {
	return func(function string) (id, by string) {
		language, by := generate.FindLanguage(baseDir, function)
		rt, _, err := experiment.ResolveRuntime(language)
		if err != nil {
			return "", "" // none was found
		}
		return rt.ID, by
	}
}

// planPatience is how long a plan waits for a vendor's program to tell where functions would go.
const planPatience = 3 * time.Second

// Plan says what a run would do, and whether it could start here and now; that it could not is no error.
func (a App) Plan(ctx context.Context, loaded *experiment.Loaded, baseDir string) (*Plan, error) {
	exp := loaded.Experiment
	row, err := vendors.Find(exp.ProviderKind())
	if err != nil {
		return nil, err
	}
	sheet, err := a.Sheet()
	if err != nil {
		return nil, err
	}
	a.Patience.Ask = cmp.Or(a.Patience.Ask, planPatience)
	j := newJob(a, exp)
	j.planning = true
	stops := j.obstacles(ctx, exp, baseDir) // before the commands: they then know where they go
	est := exp.EstimateWith(a.Subs(exp), row.Assumed())
	p := &Plan{Provider: exp.Provider, Kind: exp.ProviderKind(), Seed: *exp.Seed, Functions: deployedFunctions(exp,
		a.Subs(exp)), Bursts: est.Bursts,
		Requests: est.Requests, Seconds: est.Duration.Seconds(), RoundTrips: est.RoundTrips, Warnings: []string{}}
	p.Cost = planCost(sheet, row, j.described(exp), a.Subs(exp), cmp.Or(exp.Region, j.region), a.Deploys(exp))
	p.Order = exp.Ordering()
	if n := exp.Repetitions(); n > 1 {
		p.Repeat = n
	}
	p.Until = a.planUntil(sheet, row, j.described(exp), cmp.Or(exp.Region, j.region))
	switch {
	case a.Deploys(exp) && p.Functions == 0: // all exist already
	case a.Deploys(exp):
		p.Runs = row.Runs
		if p.Commands, err = j.commands(exp, baseDir); err != nil {
			return nil, err
		}
	default:
		if p.ByHand, err = j.commandsByHand(exp, baseDir); err != nil {
			return nil, err
		}
	}
	for _, i := range a.Subs(exp) {
		one := planSub(exp, i)
		if one.Handler = j.entryPoints[i]; one.Handler != "" {
			one.Function = exp.SubExperiments[i].Function
		}
		if p.Subs = append(p.Subs, one); one.Forced {
			p.ColdSeconds = row.Update.Seconds()
		}
	}
	if p.Functions > 0 {
		p.StartSeconds = row.ColdStart.Seconds()
	}
	p.Existing, p.Cautions = j.planExisting(exp), a.Cautions(loaded)
	for _, warn := range Warnings(loaded) {
		p.Warnings = append(p.Warnings, warn.String())
	}
	p.tellStops(stops)
	p.Unanswered = j.unanswered
	return p, nil
}

// tellStops says why the run could not start.
func (p *Plan) tellStops(stops []obstacle) {
	if err := joinObstacles(stops); err != nil {
		p.NotReady = err.Error()
		if hint := fail.Hint(err); hint != noHint {
			p.NotReady += " → " + hint
		}
	}
	for _, o := range stops {
		p.Stops = append(p.Stops, missing(o.err))
	}
}

// planUntil is the longest run that Until allows; nil where the file has none.
func (a App) planUntil(sheet *price.Sheet, row provider.Provider, exp *experiment.Experiment,
	region string) *PlanUntil {
	if exp.Until == nil {
		return nil
	}
	subs, most := a.Subs(exp), *exp
	most.Repeat = exp.MostRepetitions(subs, row.Assumed())
	return &PlanUntil{P50CI: exp.Until.P50CI, MaxMinutes: exp.Until.MaxMinutes, Repetitions: most.Repeat,
		Requests: most.EstimateWith(subs, row.Assumed()).Requests,
		Cost:     planCost(sheet, row, &most, subs, region, a.Deploys(exp))}
}

// Warnings are all that is to be asked about before a run of the experiment starts.
func Warnings(loaded *experiment.Loaded) []experiment.Warning {
	all := make([]int, len(loaded.Experiment.SubExperiments))
	for i := range all {
		all[i] = i
	}
	return loaded.PlanWarnings(deployedFunctions(loaded.Experiment, all))
}

// deployedFunctions is the number of functions that sub-experiments deploy; none where they exist already.
func deployedFunctions(exp *experiment.Experiment, subs []int) (n int) {
	if row, err := vendors.Find(exp.ProviderKind()); err != nil || row.Standing {
		return 0
	}
	for _, i := range subs {
		if experiment.IsExisting(exp.SubExperiments[i].Function) {
			continue
		}
		n += len(catalog.Functions(&exp.SubExperiments[i]))
	}
	return n
}

// commands are those with which a run would deploy and remove.
func (j *job) commands(exp *experiment.Experiment, baseDir string) ([]PlanUnit, error) {
	r, err := j.app.draft(exp, baseDir)
	if err != nil {
		return nil, err
	}
	row, err := vendors.Find(exp.ProviderKind())
	if err != nil {
		return nil, err
	}
	// entry points, as far as the code is there; what is wrong with it is the plan's NotReady
	r = r.Making()
	_ = generate.Check(r, row)
	j.entryPoints = map[int]string{}
	for _, f := range r.Functions {
		if !f.Generated {
			j.entryPoints[f.Sub] = f.Handler
		}
	}
	conn, err := j.draftConnection(r)
	if err != nil {
		return nil, nil //nolint:nilerr // that it cannot be deployed to is said as the plan's NotReady
	}
	return planUnits(conn, row.Units(r.Service, r.Functions)), nil
}

// commandsByHand are those with which others would deploy and remove what is probed.
func (j *job) commandsByHand(exp *experiment.Experiment, baseDir string) ([]PlanUnit, error) {
	row, err := vendors.Find(exp.ProviderKind())
	if err != nil || row.ByHand(provider.Options{}) == nil {
		return nil, err
	}
	r, err := j.app.draft(exp, baseDir)
	if err != nil {
		return nil, err
	}
	conn := row.ByHand(j.ConnectionOptions(r, row.Name))
	if generate.Check(r, row) != nil || refusals(conn, r) != nil {
		return nil, nil // no such functions are made here, they exist already; --write says what is wrong
	}
	return planUnits(conn, row.Units(r.Service, r.Functions)), nil
}

// planUnits are the units' commands; nil where the connection cannot tell them beforehand.
func planUnits(conn provider.Connection, units []provider.Unit) []PlanUnit {
	planner, ok := conn.(provider.Planner)
	if !ok {
		return nil
	}
	var out []PlanUnit
	for _, u := range units {
		deploy, remove := planner.Commands(u)
		one := PlanUnit{Name: u.Name, Deploy: lines(deploy), Remove: lines(remove)}
		for _, f := range u.Functions {
			one.Functions = append(one.Functions, f.Name)
		}
		out = append(out, one)
	}
	return out
}

// described is the experiment with what was found of its functions that exist already.
func (j *job) described(exp *experiment.Experiment) *experiment.Experiment {
	if len(j.found) == 0 {
		return exp
	}
	out := *exp
	out.SubExperiments = slices.Clone(exp.SubExperiments)
	fns, err := pipeline.Functions(exp, j.Subs(exp), "")
	if err != nil {
		return exp // said by the commands
	}
	for _, f := range fns {
		if found, is := j.found[f.Name]; is {
			s := &out.SubExperiments[f.Sub]
			s.FunctionMemoryMB = cmp.Or(s.FunctionMemoryMB, found.Endpoint.MemoryMB)
			s.Architecture, s.Runtime = found.Architecture, found.Runtime
		}
	}
	return &out
}

// planExisting says what is changed of the functions that exist already.
func (j *job) planExisting(exp *experiment.Experiment) (all []PlanExisting) {
	fns, err := pipeline.Functions(exp, j.Subs(exp), "")
	if err != nil {
		return nil // said by the commands
	}
	for _, f := range fns {
		found, is := j.found[f.Name]
		if !is {
			continue
		}
		name := found.Endpoint.Detail[provider.DetailName]
		at := slices.IndexFunc(all, func(e PlanExisting) bool { return e.Function == f.Existing })
		if at < 0 {
			at = len(all)
			all = append(all, PlanExisting{Function: f.Existing, Name: name, Changes: []string{}})
		}
		want := provider.WantedOf(&exp.SubExperiments[f.Sub], j.Getenv)
		for _, change := range want.Changes(found) {
			if !slices.Contains(all[at].Changes, change) {
				all[at].Changes = append(all[at].Changes, change)
			}
		}
	}
	return all
}

func lines(commands []shell.Command) []string {
	out := make([]string, 0, len(commands))
	for _, c := range commands {
		out = append(out, c.CommandLine())
	}
	return out
}

func planSub(exp *experiment.Experiment, i int) PlanSub {
	s := &exp.SubExperiments[i]
	pkg := s.PackageType
	switch {
	case s.Type == experiment.TypeOverhead && s.OverheadType == experiment.OverheadCode:
		pkg += " " + bytesize.Size(s.CodePackageBegin).Number() + " to " + bytesize.Size(s.CodePackageEnd).String()
	case s.FunctionImageSizeMB > 0:
		pkg += " " + bytesize.FromMiB(s.FunctionImageSizeMB).String()
	}
	one := PlanSub{Index: i, Title: s.Title, Type: s.Type, Runtime: s.Runtime, Package: pkg,
		MemoryMB:  s.FunctionMemoryMB,
		Functions: len(catalog.Functions(s)), Bursts: s.Bursts, Sizes: strings.Trim(fmt.Sprint(s.BurstSizes), "[]"),
		IAT:     strconv.FormatFloat(s.IATSeconds, 'f', -1, 64) + "s " + s.IATType,
		Service: strings.Join(s.DesiredServiceTimes, " "),
		Load:    s.LoadText(), Payload: s.PayloadLengthBytes, Chain: s.DataTransferChainLength,
		Folder: s.Folder(i, exp.ProviderKind()),
		Forced: s.ColdStart == experiment.ColdForce || s.Type == experiment.TypeOverhead}
	if len(s.MemorySizesMB) > 0 {
		one.MemoryMB, one.Memories = 0, s.MemorySizesMB
	}
	if s.OverheadType == experiment.OverheadPayload {
		one.Payload = s.PayloadEnd // the largest
	}
	return one
}
