package app

import (
	"context"
	"path/filepath"
	"slices"
	"sync"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/provider/vendors"
	"github.com/vhive-serverless/STeLLAR/src/run"
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
	Unanswered  []Missing         `json:"unanswered,omitempty"` // questions that got no answer

	Local bool `json:"-"` // functions run on this machine: no credentials are needed
}

// Missing is something that a run needs and this machine does not have. Hint says how to get it.
type Missing struct {
	What   string `json:"what"`
	Hint   string `json:"hint,omitempty"`
	Output string `json:"output,omitempty"` // last output of the program that failed, several lines
}

// KnownProviders are the providers that an experiment file may name, beside hosts and URLs.
func KnownProviders() []experiment.Provider { return vendors.Known() }

// Providers asks every provider what it misses on this machine. Nothing is changed anywhere.
func (a App) Providers(ctx context.Context) []ProviderStatus {
	rows := vendors.All()
	a.Runner = askOnce(a.Runner)
	out := make([]ProviderStatus, len(rows))
	var all sync.WaitGroup
	for i, row := range rows {
		all.Go(fail.Caught(fail.Report(ctx), func() { out[i] = a.providerStatus(ctx, row) }))
	}
	all.Wait()
	return out
}

// can is what functions on a provider can do beside being deployed there.
func can(row provider.Provider) []string {
	if !row.UDP {
		return row.Can
	}
	return append(slices.Clone(row.Can), "UDP")
}

func (a App) providerStatus(ctx context.Context, row provider.Provider) ProviderStatus {
	s := ProviderStatus{Name: row.Name, Local: row.Local, Limits: row.Limits.Words(), Can: can(row),
		Tools: []provider.Tool{}, Missing: []Missing{}}
	if !row.CanDeploy() || row.Standing {
		return s
	}
	s.Deploys, s.Packages = row.Runs, row.Limits.Packages()
	exp := &experiment.Experiment{Provider: row.Name}
	r := &run.Run{ID: DraftID, Service: "stellar-" + DraftID,
		ServiceDir: filepath.Join(a.Output, DraftID, "serverless"), Experiment: exp, Log: a.Log}
	conn, err := row.Open(newJob(a, exp).ConnectionOptions(r, row.Name))
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

func missing(err error) Missing {
	return Missing{What: err.Error(), Hint: fail.Hint(err), Output: fail.Output(err)}
}
