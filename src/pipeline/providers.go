package pipeline

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"
	"text/tabwriter"

	"stellar/src/experiment"
	"stellar/src/fail"
	"stellar/src/provider"
	"stellar/src/run"
)

// ProviderStatus is what a provider can do, and what this machine misses for it.
type ProviderStatus struct {
	Name        string            `json:"name"`
	Deploys     string            `json:"deploysWith,omitempty"` // empty: functions stand there already
	Packages    []string          `json:"packages,omitempty"`
	Limits      []string          `json:"limits"` // what it takes at most, in words
	Can         []string          `json:"can"`    // what else
	Tools       []provider.Tool   `json:"tools"`
	Credentials string            `json:"credentials,omitempty"` // where they were found; never a value
	Where       map[string]string `json:"where,omitempty"`       // region, project, account
	Missing     []Missing         `json:"missing"`
	Unanswered  []Missing         `json:"unanswered,omitempty"` // what was asked and not answered
}

// Missing is something that has to be had before a run, and how to get it.
type Missing struct {
	What string `json:"what"`
	Hint string `json:"hint,omitempty"`
}

// Providers asks every provider what it misses on this machine. Nothing is changed anywhere.
func (w World) Providers(ctx context.Context) []ProviderStatus {
	rows := provider.All()
	out := make([]ProviderStatus, len(rows))
	var all sync.WaitGroup
	for i, row := range rows {
		all.Go(fail.Caught(fail.Report(ctx), func() { out[i] = w.providerStatus(ctx, row) }))
	}
	all.Wait()
	return out
}

func (w World) providerStatus(ctx context.Context, row provider.Provider) ProviderStatus {
	s := ProviderStatus{Name: row.Name, Limits: row.Limits.Words(), Can: row.Can, Tools: []provider.Tool{}, Missing: []Missing{}}
	if !row.CanDeploy() || row.Standing {
		return s
	}
	s.Deploys, s.Packages = row.Runs, row.Limits.Packages()
	exp := &experiment.Experiment{Provider: row.Name}
	r := &run.Run{ID: draftID, Service: "stellar-" + draftID, ServiceDir: filepath.Join(w.Output, draftID, "serverless"), Experiment: exp, Log: w.Log}
	conn, err := row.Open(newJob(w, exp).options(r, row.Name))
	if err != nil {
		s.Missing = append(s.Missing, missing(err))
		return s
	}
	c, ok := conn.(provider.Checker)
	if !ok {
		return s
	}
	ready := c.Ready(ctx)
	s.Tools, s.Credentials, s.Where = ready.Tools, ready.Credentials, ready.Where
	for _, t := range ready.Tools {
		if t.Err != nil {
			s.Missing = append(s.Missing, missing(t.Err))
		}
	}
	for _, err := range ready.Missing {
		s.Missing = append(s.Missing, missing(err))
	}
	for _, u := range ready.Unanswered {
		s.Unanswered = append(s.Unanswered, missing(u.Err))
	}
	return s
}

func missing(err error) Missing { return Missing{What: err.Error(), Hint: fail.Hint(err)} }

// PrintProviders writes the table, and below it what is missing.
func PrintProviders(w io.Writer, all []ProviderStatus) error {
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tw, "provider\tdeploys with\tpackages\tcan also\ttools here\tcredentials\tgoes to\t")
	for _, s := range all {
		if s.Deploys == "" {
			fmt.Fprintf(tw, "%s\t–\t\t%s\t\t\t\t\n", s.Name, strings.Join(s.Can, ", "))
			continue
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", s.Name, s.Deploys, strings.Join(s.Packages, ", "), strings.Join(s.Can, ", "),
			toolsText(s.Tools), s.credentials(), whereText(s.Where))
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w, "\nlimits")
	tw = tabwriter.NewWriter(w, 2, 4, 2, ' ', 0)
	for _, s := range all {
		if len(s.Limits) > 0 {
			fmt.Fprintf(tw, "  %s\t%s\n", s.Name, strings.Join(s.Limits, "; "))
		}
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w, "\nmissing on this machine")
	for _, s := range all {
		for _, m := range slices.Concat(s.Missing, s.Unanswered) {
			fmt.Fprintf(w, "  %-11s %s\n", s.Name, strings.ReplaceAll(m.What, "\n", "\n              "))
			if m.Hint != "" {
				fmt.Fprintf(w, "  %-11s → %s\n", "", m.Hint)
			}
		}
	}
	return nil
}

func (s ProviderStatus) credentials() string {
	switch {
	case s.Credentials != "":
		return s.Credentials
	case s.Name == "local":
		return "needs none"
	}
	return "none found"
}

func toolsText(tools []provider.Tool) string {
	var out []string
	for _, t := range tools {
		switch {
		case t.Err == nil:
			out = append(out, t.Name+" "+shortVersion(t.Version))
		case t.Version != "":
			out = append(out, t.Name+" "+shortVersion(t.Version)+" (unfit)")
		default:
			out = append(out, "no "+t.Name)
		}
	}
	return strings.Join(out, ", ")
}

// shortVersion is the number in what a program says of its version.
func shortVersion(text string) string {
	fields := strings.Fields(text)
	for i := len(fields) - 1; i >= 0; i-- {
		if strings.ContainsAny(fields[i], "0123456789") {
			return fields[i]
		}
	}
	return text
}

func whereText(where map[string]string) string {
	names := make([]string, 0, len(where))
	for n := range where {
		names = append(names, n)
	}
	sort.Strings(names)
	for i, n := range names {
		names[i] = n + " " + where[n]
	}
	return strings.Join(names, ", ")
}
