package cli

import (
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/app"
	"github.com/vhive-serverless/STeLLAR/src/report"
)

// TestPlanPrintsEachStopWithItsHint holds that a plan prints every reason why a run would stop, each followed by what
// to do, with the lines of a long one indented.
func TestPlanPrintsEachStopWithItsHint(t *testing.T) {
	p := &app.Plan{Provider: "azure", Stops: []app.Missing{{What: "one\ntwo", Hint: "first"},
		{What: "three", Output: "why\n\x1b[1mso\n"},
		{What: "four", Hint: "second\nthird"}}}
	var out strings.Builder
	if err := printPlan(&out, p, report.SummaryOptions{}); err != nil {
		t.Fatal(err)
	}
	want := "a run would stop before it builds anything: one\n  two\n    → first\n" +
		"  and: three\n    its last output:\n    | why\n    |  [1mso\n  and: four\n    → second\n      third\n"
	if !strings.HasSuffix(out.String(), want) {
		t.Errorf("printed\n%s\nwant at its end\n%s", out.String(), want)
	}
}

// TestPlanSaysWhatRemoves: the first line of a plan names the tool that the commands below it are of.
func TestPlanSaysWhatRemoves(t *testing.T) {
	for remove, want := range map[string]string{
		"cd u && wrangler delete --name w": "provider p: wrangler deploy, then wrangler delete\n",
		"DELETE https://api.example/w":     "provider p: wrangler deploy, then requests to its API\n",
	} {
		var out strings.Builder
		err := printPlan(&out, &app.Plan{Provider: "p", Runs: "wrangler deploy",
			Commands: []app.PlanUnit{{Name: "w", Remove: []string{remove}}}}, report.SummaryOptions{})
		if err != nil || !strings.HasPrefix(out.String(), want) {
			t.Errorf("%s: %v, printed\n%s", remove, err, out.String())
		}
	}
}

// TestPlanOfRoundTrips: a plan does not say that a ping-pong takes no time.
func TestPlanOfRoundTrips(t *testing.T) {
	for want, p := range map[string]app.Plan{
		"\n1 function, about 50 requests, 50000 round trips one after the other: 8m20s where one takes 10ms\n": {
			Functions: 1, Requests: 50, RoundTrips: 50_000},
		"\n2 functions, 1 burst, about 1 request, about 3s of bursts and pauses, 1 round trip one after the other: 0s " +
			"where one takes 10ms\n": {Functions: 2, Bursts: 1, Requests: 1, Seconds: 3, RoundTrips: 1},
		"\n1 function, 1 burst, about 1 request, about 0s of bursts and pauses\n": {Functions: 1, Bursts: 1, Requests: 1},
		"\n2 functions, 200/s constant for 10s, 2 times 5/s poisson for 1m0s, about 2600 requests, about 1m10s of load\n": {
			Functions: 2, Requests: 2600, Seconds: 70, StartSeconds: 0.1, Subs: []app.PlanSub{
				{Load: "200/s constant for 10s"}, {Load: "5/s poisson for 1m0s"}, {Load: "5/s poisson for 1m0s"}}},
		"\n1 function, 2 bursts, about 2 requests, about 4s of bursts and pauses\n  a cold start is assumed to take " +
			"100ms; service times are in it, at the functions' share of a CPU\n": {Functions: 1, Bursts: 2, Requests: 2,
			Seconds: 4, StartSeconds: 0.1},
	} {
		var out strings.Builder
		printAmounts(&out, &p)
		if out.String() != want {
			t.Errorf("printed %q, want %q", out.String(), want)
		}
	}
}

// TestPlanOfRepetitions: a plan says in which order it is sent, how often, and what that comes to.
func TestPlanOfRepetitions(t *testing.T) {
	usd := 1.5
	for want, p := range map[string]app.Plan{
		"\n2 functions, 30 bursts, about 90 requests, about 9s of bursts and pauses\n  sub-experiments take turns, a round " +
			"at a time, in blocks of random order\n  these are the amounts of 3 repetitions\n": {Functions: 2, Bursts: 30,
			Requests: 90, Seconds: 9, Order: "interleaved", Repeat: 3},
		"\n1 function, 1 burst, about 1 request, about 0s of bursts and pauses\n  then repeated until the interval of each " +
			"median is within 2% of it, or 30 minutes are over:\n    up to about 60 repetitions, 60 requests, 1.5 USD\n": {
			Functions: 1, Bursts: 1, Requests: 1, Order: "parallel", Until: &app.PlanUntil{P50CI: "2%", MaxMinutes: 30,
				Repetitions: 60, Requests: 60, Cost: app.PlanCost{USD: &usd}}},
	} {
		var out strings.Builder
		printAmounts(&out, &p)
		if out.String() != want {
			t.Errorf("printed %q, want %q", out.String(), want)
		}
	}
}

// TestPlanFits: a plan that is wider than the terminal has what all its rows share in a line of its own, then titles on
// lines of their own.
func TestPlanFits(t *testing.T) {
	p := &app.Plan{Provider: "local"}
	for i, runtime := range []string{"go", "python3.13"} {
		p.Subs = append(p.Subs, app.PlanSub{Index: i, Title: "a title that is long,Runtime=" + runtime, Type: "burst",
			Runtime: runtime, Package: "Zip", MemoryMB: 128, Functions: 1, Bursts: 30, Sizes: "1 10",
			IAT: "0.1s stochastic", Service: "0ms"})
	}
	for width, want := range map[int]string{
		0: "#  title                                    runtime     bursts\n",
		60: "#  runtime     bursts\n─  ──────────  ──────\n0  a title that is long,Runtime=go\n" +
			"   go          30\n1  a title that is long,Runtime=python3.13\n   python3.13  30\n" +
			"all: type burst, package Zip, memory 128 MB, functions 1,\n  sizes 1 10, IAT 0.1s stochastic, ",
		200: "#  title                                    type   runtime     package  memory  functions  bursts",
	} {
		var out strings.Builder
		if err := printPlan(&out, p, report.SummaryOptions{Width: width}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), want) {
			t.Errorf("%d columns:\n%s\nwant\n%s", width, out.String(), want)
		}
	}
}
