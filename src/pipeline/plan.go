package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"stellar/src/experiment"
	"stellar/src/fail"
	"stellar/src/generate"
	"stellar/src/provider"
	"stellar/src/shell"
)

// Plan is what a run of an experiment would do.
type Plan struct {
	Provider  string     `json:"provider"`
	Kind      string     `json:"kind"`
	Runs      string     `json:"runs"` // the command that deploys, empty where nothing is deployed
	Seed      int64      `json:"seed"`
	Subs      []PlanSub  `json:"subExperiments"`
	Functions int        `json:"functions"`
	Bursts    int        `json:"bursts"`
	Requests  int        `json:"requests"`
	Seconds   float64    `json:"seconds"`
	Commands  []PlanUnit `json:"commands"`         // what a run executes to deploy and to remove; RUN stands for the run's id
	ByHand    []PlanUnit `json:"byHand,omitempty"` // what others execute, where stellar does not deploy
	Warnings  []string   `json:"warnings"`
	NotReady  string     `json:"notReady,omitempty"` // why a run would stop before building anything, in one text
	Stops     []Missing  `json:"stops,omitempty"`    // likewise, one by one with what to do, of all classes

	Unanswered []string `json:"unanswered,omitempty"` // what was asked and not answered; a run goes on without
}

// PlanSub is one sub-experiment of a plan.
type PlanSub struct {
	Index     int    `json:"index"`
	Title     string `json:"title"`
	Type      string `json:"type"`
	Runtime   string `json:"runtime,omitempty"`
	Package   string `json:"package,omitempty"`
	MemoryMB  int    `json:"memoryMB,omitempty"`
	Functions int    `json:"functions"`
	Bursts    int    `json:"bursts"`
	Sizes     string `json:"burstSizes"`
	IAT       string `json:"iat"`
	Service   string `json:"serviceTimes"`
	Load      string `json:"load,omitempty"` // a sustained load, in place of bursts
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

// planPatience is how long a plan waits for a vendor's program to tell where functions would go.
const planPatience = 3 * time.Second

// Plan says what a run would do, and whether it could start here and now; that it could not is no error.
func (w World) Plan(ctx context.Context, loaded *experiment.Loaded, baseDir string) (*Plan, error) {
	exp := loaded.Experiment
	row, err := provider.Find(exp.ProviderKind())
	if err != nil {
		return nil, err
	}
	w.Patience.Ask = cmp.Or(w.Patience.Ask, planPatience)
	j := newJob(w, exp)
	j.planning = true
	stops := j.obstacles(ctx, exp, baseDir) // before the commands: they then know where they go
	est := exp.Estimate()
	p := &Plan{Provider: exp.Provider, Kind: exp.ProviderKind(), Seed: *exp.Seed, Functions: est.Functions, Bursts: est.Bursts,
		Requests: est.Requests, Seconds: est.Duration.Seconds(), Warnings: []string{}}
	if w.deploys(exp) {
		p.Runs = row.Runs
		if p.Commands, err = j.commands(exp, baseDir); err != nil {
			return nil, err
		}
	} else if p.ByHand, err = j.commandsByHand(exp, baseDir); err != nil {
		return nil, err
	}
	for _, i := range w.subs(exp) {
		p.Subs = append(p.Subs, planSub(exp, i))
	}
	for _, warn := range loaded.Warnings {
		p.Warnings = append(p.Warnings, warn.String())
	}
	if err := joinObstacles(stops); err != nil {
		p.NotReady = err.Error()
		if hint := fail.Hint(err); hint != noHint {
			p.NotReady += " → " + hint
		}
	}
	for _, o := range stops {
		p.Stops = append(p.Stops, missing(o.err))
	}
	p.Unanswered = j.unanswered
	return p, nil
}

// commands are those with which a run would deploy and remove.
func (j *job) commands(exp *experiment.Experiment, baseDir string) ([]PlanUnit, error) {
	r, err := j.draft(exp, baseDir)
	if err != nil {
		return nil, err
	}
	_ = generate.Check(r) // entry points, as far as the code is there; what is wrong with it is said as the plan's NotReady
	row, err := provider.Find(exp.ProviderKind())
	if err != nil {
		return nil, err
	}
	conn, err := j.draftConnection(r)
	if err != nil {
		return nil, nil //nolint:nilerr // that it cannot be deployed to is said as the plan's NotReady
	}
	return planUnits(conn, row.Units(r.Service, r.Functions)), nil
}

// commandsByHand are those with which others would deploy and remove what is probed.
func (j *job) commandsByHand(exp *experiment.Experiment, baseDir string) ([]PlanUnit, error) {
	row, err := provider.Find(exp.ProviderKind())
	if err != nil || row.ByHand(provider.Options{}) == nil {
		return nil, err
	}
	r, err := j.draft(exp, baseDir)
	if err != nil {
		return nil, err
	}
	conn := row.ByHand(j.options(r, row.Name))
	if generate.Check(r) != nil || refusals(conn, r) != nil {
		return nil, nil // no such functions are made here, they stand already; --write says what is wrong
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
	if s.FunctionImageSizeMB > 0 {
		pkg += fmt.Sprintf(" %g MiB", s.FunctionImageSizeMB)
	}
	return PlanSub{Index: i, Title: s.Title, Type: s.Type, Runtime: s.Runtime, Package: pkg, MemoryMB: s.FunctionMemoryMB,
		Functions: s.Parallelism * s.DataTransferChainLength, Bursts: s.Bursts, Sizes: join(s.BurstSizes, strconv.Itoa),
		IAT: fmt.Sprintf("%gs %s", s.IATSeconds, s.IATType), Service: strings.Join(s.DesiredServiceTimes, " "),
		Load: s.LoadText(), Payload: s.PayloadLengthBytes, Chain: s.DataTransferChainLength, Folder: s.Folder(i, exp.ProviderKind())}
}

func (s PlanSub) memory() string {
	if s.MemoryMB == 0 {
		return ""
	}
	return fmt.Sprintf("%d MB", s.MemoryMB)
}

// removes is the command that takes back what Runs makes: the Serverless CLI removes, others delete.
func (p *Plan) removes() string {
	if strings.HasPrefix(p.Runs, "serverless") {
		return strings.Replace(p.Runs, "deploy", "remove", 1)
	}
	return strings.NewReplacer("run deploy", "run services delete", "deploy", "delete").Replace(p.Runs)
}

// Print writes the plan as a table.
func (p *Plan) Print(w io.Writer) error {
	fmt.Fprintf(w, "provider %s", p.Provider)
	if p.Runs != "" {
		fmt.Fprintf(w, ": %s, then %s", p.Runs, p.removes())
	} else {
		fmt.Fprint(w, ": nothing is deployed")
	}
	fmt.Fprintf(w, "\nseed %d\n\n", p.Seed)
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tw, "#\ttitle\ttype\truntime\tpackage\tmemory\tfunctions\tbursts\tsizes\tIAT\tservice time\tpayload\t")
	for _, s := range p.Subs {
		if s.Load != "" {
			fmt.Fprintf(tw, "%d\t%s\t%s\t%s\t%s\t%s\t%d\t%s\t\t\t%s\t%d B\t\n", s.Index, s.Title, s.Type, s.Runtime, s.Package,
				s.memory(), s.Functions, s.Load, s.Service, s.Payload)
			continue
		}
		fmt.Fprintf(tw, "%d\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%s\t%s\t%s\t%d B\t\n", s.Index, s.Title, s.Type, s.Runtime, s.Package,
			s.memory(), s.Functions, s.Bursts, s.Sizes, s.IAT, s.Service, s.Payload)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	length := time.Duration(p.Seconds * float64(time.Second))
	what := "bursts and pauses"
	if p.Bursts == 0 {
		what = "load"
	}
	fmt.Fprintf(w, "\n%d functions, %d bursts, about %d requests, about %s of %s\n", p.Functions, p.Bursts, p.Requests, length.Round(time.Second), what)
	p.printCommands(w)
	for _, warn := range p.Warnings {
		fmt.Fprintf(w, "asks before it starts: %s\n", warn)
	}
	for _, text := range p.Unanswered {
		fmt.Fprintf(w, "not answered: %s\n", text)
	}
	p.printStops(w)
	return nil
}

func (p *Plan) printStops(w io.Writer) {
	lead := "a run would stop before it builds anything:"
	for _, m := range p.Stops {
		fmt.Fprintf(w, "%s %s\n", lead, strings.ReplaceAll(m.What, "\n", "\n  "))
		lead = "  and:"
		if m.Hint != "" {
			fmt.Fprintf(w, "    → %s\n", strings.ReplaceAll(m.Hint, "\n", "\n      "))
		}
	}
}

func (p *Plan) printCommands(w io.Writer) {
	if len(p.Commands) > 0 {
		printUnits(w, p.Commands, fmt.Sprintf("commands of a run (%s is its id, drawn when it starts):", draftID), "and in the end, whatever happens:")
	}
	if len(p.ByHand) > 0 {
		printUnits(w, p.ByHand, "functions for it, deployed by hand (`--write DIR` makes their images and files):", "and removed by hand:")
	}
}

func printUnits(w io.Writer, units []PlanUnit, deploy, remove string) {
	fmt.Fprintf(w, "\n%s\n", deploy)
	for _, u := range units {
		for _, line := range u.Deploy {
			fmt.Fprintf(w, "  %s\n", line)
		}
	}
	fmt.Fprintln(w, remove)
	for _, u := range units {
		for _, line := range u.Remove {
			fmt.Fprintf(w, "  %s\n", line)
		}
	}
}
