package cli

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/app"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/report"
)

func memoryText(s app.PlanSub) string {
	if len(s.Memories) > 0 {
		return strings.ReplaceAll(strings.Trim(fmt.Sprint(s.Memories), "[]"), " ", ", ") + " MB"
	}
	if s.MemoryMB == 0 {
		return ""
	}
	return fmt.Sprintf("%d MB", s.MemoryMB)
}

// removeCommand is what takes back what p.Runs makes: requests to the provider's API where the plan's commands are
// such, else a command. The Serverless CLI removes, others delete.
func removeCommand(p *app.Plan) string {
	if len(p.Commands) > 0 && len(p.Commands[0].Remove) > 0 &&
		strings.HasPrefix(p.Commands[0].Remove[0], http.MethodDelete+" ") {
		return "requests to its API"
	}
	if strings.HasPrefix(p.Runs, "serverless") {
		return strings.Replace(p.Runs, "deploy", "remove", 1)
	}
	return strings.NewReplacer("run deploy", "run services delete", "deploy", "delete").Replace(p.Runs)
}

// printPlan writes the plan as a table.
func printPlan(w io.Writer, p *app.Plan, look report.SummaryOptions) error {
	fmt.Fprintf(w, "provider %s", p.Provider)
	if p.Runs != "" {
		fmt.Fprintf(w, ": %s, then %s", p.Runs, removeCommand(p))
	} else {
		fmt.Fprint(w, ": nothing is deployed")
	}
	fmt.Fprintf(w, "\nseed %d\n\n", p.Seed)
	table, same := planTable(p), []string(nil)
	if !table.Fits(look) {
		table, same = table.Fold()
	}
	dropped, err := table.Write(w, look)
	if err != nil {
		return err
	}
	if len(same) > 0 {
		err = report.Words(w, "all: "+strings.Join(same, ", "), look, 2)
	}
	if len(dropped) > 0 && err == nil {
		err = report.Words(w, "not shown here: "+strings.Join(dropped, ", ")+" (--json has all)", look, 2)
	}
	if err != nil {
		return err
	}
	for _, s := range p.Subs {
		if s.Function != "" {
			fmt.Fprintf(w, "%d is of your own: %s, entry point %s\n", s.Index, s.Function, s.Handler)
		}
	}
	printAmounts(w, p)
	if !ofServer(p) {
		printCost(w, p.Cost)
	}
	printExisting(w, p.Existing)
	printCommands(w, p)
	for _, text := range p.Cautions {
		fmt.Fprintf(w, "warning: %s\n", text)
	}
	for _, warn := range p.Warnings {
		fmt.Fprintf(w, "asks before it starts: %s\n", warn)
	}
	for _, text := range p.Unanswered {
		fmt.Fprintf(w, "not answered: %s\n", text)
	}
	printStops(w, p)
	return nil
}

// planTable has a row for each sub-experiment. A sustained load has its rate in place of bursts. Columns without a
// value are left out, and so are those about functions where a server is measured.
func planTable(p *app.Plan) report.Table {
	columns := []struct {
		name string
		drop int
		cell func(s app.PlanSub) string
	}{
		{"#", 0, func(s app.PlanSub) string { return strconv.Itoa(s.Index) }},
		{"title", 0, func(s app.PlanSub) string { return s.Title }},
		{"type", 5, func(s app.PlanSub) string { return s.Type }},
		{"runtime", 6, func(s app.PlanSub) string { return s.Runtime }},
		{"package", 4, func(s app.PlanSub) string { return s.Package }},
		{"memory", 8, memoryText},
		{"functions", 3, func(s app.PlanSub) string { return ofFunctions(p, "1", strconv.Itoa(s.Functions)) }},
		{"bursts", 0, func(s app.PlanSub) string { return cmp.Or(s.Load, strconv.Itoa(s.Bursts)) }},
		{"sizes", 9, func(s app.PlanSub) string { return burstText(s, s.Sizes) }},
		{"IAT", 7, func(s app.PlanSub) string { return burstText(s, s.IAT) }},
		{"service time", 2, func(s app.PlanSub) string { return ofFunctions(p, "0ms", s.Service) }},
		{"payload", 1, func(s app.PlanSub) string { return ofFunctions(p, "0 B", fmt.Sprintf("%d B", s.Payload)) }},
	}
	t := report.Table{Title: 1}
	for _, c := range columns {
		column := report.Column{Name: c.name, Left: true, Drop: c.drop}
		empty := true
		for _, s := range p.Subs {
			column.Cells = append(column.Cells, c.cell(s))
			empty = empty && c.cell(s) == ""
		}
		if !empty {
			t.Columns = append(t.Columns, column)
		}
	}
	return t
}

// ofServer says whether a plan measures a server, of whose functions, if it has some, nothing is known.
func ofServer(p *app.Plan) bool { return p.Kind == experiment.KindURL }

// ofFunctions is a cell about functions, empty where it says no more than usual of a server.
func ofFunctions(p *app.Plan, usual, text string) string {
	if ofServer(p) && text == usual {
		return ""
	}
	return text
}

// burstText is a cell that only sub-experiments with bursts have.
func burstText(s app.PlanSub, text string) string {
	if s.Load != "" {
		return ""
	}
	return text
}

// exampleTrip is the round trip for which a plan says how long a ping-pong takes.
const exampleTrip = 10 * time.Millisecond

// printAmounts says how many functions, bursts and requests there are, and how long they take.
func printAmounts(w io.Writer, p *app.Plan) {
	what := "bursts and pauses"
	switch {
	case p.Bursts == 0 && slices.ContainsFunc(p.Subs, func(s app.PlanSub) bool { return s.Load != "" }):
		what = "load"
	case p.Bursts == 0:
		what = "invocations and pauses"
	}
	var amounts []string
	if !ofServer(p) {
		amounts = append(amounts, counted(p.Functions, "function"))
	}
	if p.Bursts > 0 {
		amounts = append(amounts, counted(p.Bursts, "burst"))
	}
	amounts = append(amounts, loads(p.Subs)...)
	amounts = append(amounts, "about "+counted(p.Requests, "request"))
	fmt.Fprintf(w, "\n%s", strings.Join(amounts, ", "))
	if p.Seconds > 0 || p.RoundTrips == 0 {
		fmt.Fprintf(w, ", about %s of %s", seconds(p.Seconds).Round(time.Second), what)
	}
	if n := p.RoundTrips; n > 0 {
		fmt.Fprintf(w, ", %s one after the other: %s where one takes %v", counted(n, "round trip"),
			(time.Duration(n) * exampleTrip).Round(time.Second), exampleTrip)
	}
	fmt.Fprintln(w)
	printOrder(w, p)
	if p.StartSeconds > 0 && p.Seconds > 0 && what != "load" {
		fmt.Fprintf(w, "  a cold start is assumed to take %s; service times are in it, at the functions' share of a "+
			"CPU\n",
			seconds(p.StartSeconds))
	}
	switch forced := slices.ContainsFunc(p.Subs, func(s app.PlanSub) bool { return s.Forced }); {
	case forced && p.ColdSeconds > 0:
		fmt.Fprintf(w, "  making functions cold is assumed to take %s each time\n", seconds(p.ColdSeconds))
	case forced:
		fmt.Fprintf(w, "  the time that making functions cold takes is not in it: it is not known for provider %s\n",
			p.Provider)
	}
}

// printOrder says in which order sub-experiments are measured, and how often, where that is not the usual.
func printOrder(w io.Writer, p *app.Plan) {
	if p.Order == experiment.OrderInterleaved {
		fmt.Fprintf(w, "  sub-experiments take turns, a round at a time, in blocks of random order\n")
	}
	if p.Repeat > 1 {
		fmt.Fprintf(w, "  these are the amounts of %d repetitions\n", p.Repeat)
	}
	u := p.Until
	if u == nil {
		return
	}
	fmt.Fprintf(w, "  then repeated until the interval of each median is within %s of it, or %s over:\n"+
		"    up to about %s, %s",
		u.P50CI, minutes(u.MaxMinutes), counted(u.Repetitions, "repetition"), counted(u.Requests, "request"))
	if u.Cost.USD != nil {
		fmt.Fprintf(w, ", %.4g USD", *u.Cost.USD)
	}
	fmt.Fprintln(w)
}

// minutes is a number of minutes with its verb.
func minutes(n float64) string {
	if n == 1 {
		return "1 minute is"
	}
	return fmt.Sprintf("%g minutes are", n)
}

// loads says the sustained loads: rate, arrivals and length, each with how often it is sent.
func loads(subs []app.PlanSub) (all []string) {
	count := map[string]int{}
	for _, s := range subs {
		if s.Load == "" {
			continue
		}
		if count[s.Load]++; count[s.Load] == 1 {
			all = append(all, s.Load)
		}
	}
	for i, text := range all {
		if n := count[text]; n > 1 {
			all[i] = fmt.Sprintf("%d times %s", n, text)
		}
	}
	return all
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// counted writes a count with its noun: 1 burst, 20 bursts.
func counted(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// printCost says what the run is expected to cost, or why that is not known.
func printCost(w io.Writer, c app.PlanCost) {
	if c.USD == nil {
		fmt.Fprintf(w, "cost: not known: %s\n", c.Unknown)
		return
	}
	fmt.Fprintf(w, "cost: about %s USD\n  assumed: %s\n", dollars(*c.USD), c.Assumed)
}

// dollars writes an amount of money with two digits that count, in whole cents from 10 of them on.
func dollars(usd float64) string {
	decimals := 2
	for v := usd; v > 0 && v < 0.1 && decimals < 12; v *= 10 {
		decimals++
	}
	return strconv.FormatFloat(usd, 'f', decimals, 64)
}

// printExisting says what is changed of functions that exist already.
func printExisting(w io.Writer, all []app.PlanExisting) {
	if len(all) == 0 {
		return
	}
	fmt.Fprint(w, "\nfunctions that exist, which are neither made nor removed:\n")
	for _, e := range all {
		name := e.Name
		if e.Function != name {
			name += " (" + e.Function + ")"
		}
		if len(e.Changes) == 0 {
			fmt.Fprintf(w, "  %s: nothing is changed\n", name)
			continue
		}
		fmt.Fprintf(w, "  %s: changed for the time of the run, then put back:\n", name)
		for _, change := range e.Changes {
			fmt.Fprintf(w, "    %s\n", change)
		}
	}
}

func printStops(w io.Writer, p *app.Plan) {
	lead := "a run would stop before it builds anything:"
	for _, m := range p.Stops {
		fmt.Fprintf(w, "%s %s\n", lead, strings.ReplaceAll(m.What, "\n", "\n  "))
		lead = "  and:"
		printOutput(w, "    ", m.Output)
		if m.Hint != "" {
			fmt.Fprintf(w, "    → %s\n", strings.ReplaceAll(m.Hint, "\n", "\n      "))
		}
	}
}

func printCommands(w io.Writer, p *app.Plan) {
	if len(p.Commands) > 0 {
		printUnits(w, p.Commands, fmt.Sprintf("commands of a run (%s is its id, drawn when it starts):", app.DraftID),
			"and in the end, whatever happens:")
	}
	if len(p.ByHand) > 0 {
		printUnits(w, p.ByHand, "functions for it, deployed by hand (`--write DIR` makes their images and files):",
			"and removed by hand:")
	}
}

func printUnits(w io.Writer, units []app.PlanUnit, deploy, remove string) {
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
