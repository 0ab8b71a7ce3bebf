package provider

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"time"

	"stellar/src/fail"
	"stellar/src/shell"
)

// missing reports whether a failed command says that what has this name is not there. A project that is not there, or that may not
// be looked at, is none of it.
func (g gcloud) missing(res shell.Result, name string) bool {
	for line := range strings.Lines(res.Stderr + "\n" + res.Stdout) {
		if strings.Contains(line, name) && notThere.MatchString(line) && !strings.Contains(line, "ermission") {
			return true
		}
	}
	return false
}

// notThere: services delete says "could not be found", services describe "Cannot find service [NAME]" (gcloud's own
// source, lib/surface/run/services), functions "was not found" or "does not exist" behind status 404.
var notThere = regexp.MustCompile(`(?i)could not be found|cannot find|was not found|does not exist|NOT_FOUND`)

// tagged is a unit that gcloud listed, as Sweeper gives it.
func tagged(name string, at place, labels map[string]string) Tagged {
	tags := fromLabels(labels)
	t := Tagged{Run: tags[tagRun], Owner: tags[tagOwner], Unit: Endpoint{Detail: map[string]string{DetailUnit: name, DetailProject: at.project, DetailRegion: at.region, DetailConfirmed: "yes"}}}
	t.Expires, _ = time.Parse(time.RFC3339, tags["stellar-expires"])
	return t
}

// busy: something else is at work on what a command is for. Functions (gcloud's own source, googlecloudsdk/api_lib/functions) and the
// code ABORTED, HTTP 409 (cloud.google.com/apis/design/errors).
var busy = regexp.MustCompile(`(?i)unable to queue the operation|operation .*in progress|status=\[409\]|\bABORTED\b`)

// incomplete: gcloud lists what it could find, and ends with exit code 0.
var incomplete = regexp.MustCompile(`(?i)did not respond|may be incomplete|unreachable`)

// complete is an error where a list may lack something: what is not in it need not be absent.
func complete(res shell.Result, what string) error {
	if incomplete.MatchString(res.Stderr) {
		return outputError(res.Stderr, "%s: the list is not complete", what)
	}
	return nil
}

// unhindered runs a command again as long as Google is busy with the same thing: a deployment whose command was stopped goes on there
// for minutes. It is waited for as long as one command may take.
func (g gcloud) unhindered(ctx context.Context, c shell.Command) (shell.Result, error) {
	const longest = 30 * time.Second // between two attempts
	end := time.Now().Add(g.Patience.Command)
	for wait := g.Patience.Wait; ; wait = min(2*wait, longest) {
		res, err := g.run(ctx, c)
		if err == nil || !busy.MatchString(res.Stderr) || time.Now().Add(wait).After(end) {
			return res, err
		}
		if pause(ctx, wait) != nil {
			return res, err // what Google said tells more than that time is up
		}
	}
}

// removeOne has gcloud delete something and makes sure that it is gone.
func (g gcloud) removeOne(ctx context.Context, name, what string, confirmed bool, remove, look shell.Command) error {
	res, failed := g.unhindered(ctx, remove)
	if failed != nil && g.missing(res, name) {
		failed = nil
	}
	err := g.gone(ctx, what, confirmed, func(ctx context.Context) (bool, error) {
		res, err := g.run(ctx, look)
		if err != nil && g.missing(res, name) {
			return false, nil
		}
		return err == nil, err
	})
	if err != nil && failed != nil {
		return joined([]error{failed, err})
	}
	return err
}

// ours says whether a name is the run's service or one of its units.
func (g gcloud) ours(name string) bool {
	return name == g.Service || strings.HasPrefix(name, g.Service+"-")
}

// deployEach deploys some units at once and gives their endpoints in the units' order.
func (g gcloud) deployEach(ctx context.Context, units []Unit, command func(Unit, place) shell.Command,
	read func(Unit, shell.Result) (Endpoint, error)) ([]Endpoint, error) {
	at, err := g.locate(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]Endpoint, len(units))
	numbers := make([]int, len(units))
	for i := range numbers {
		numbers[i] = i
	}
	err = each(ctx, g.Patience.Parallel, numbers, func(ctx context.Context, i int) error {
		u := units[i]
		res, err := g.run(ctx, command(u, at))
		if err == nil && policyFailed.MatchString(res.Stderr) {
			e := fail.With(fail.CodeFailed, "it stands, but not everybody may call it: gcloud could not set its policy").
				WithHint("an organisation policy (iam.allowedPolicyMemberDomains) forbids public services: have this project excepted from it")
			e.Output, err = res.Stderr, e
		}
		var e Endpoint
		if err == nil {
			e, err = read(u, res)
		}
		if err != nil {
			return fmt.Errorf("deploy %s: %w", u.Name, err)
		}
		f := u.Functions[0]
		e.Function, e.MemoryMB, e.PackageType = f.Name, f.MemoryMB, f.PackageType
		if f.Package != nil {
			e.ImageSizeMB = float64(f.Package.Bytes) / mib
		}
		e.Detail[DetailUnit], e.Detail[DetailProject], e.Detail[DetailRegion] = u.Name, at.project, at.region
		out[i] = e
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// shortNames is onePerFunction with names of at most so many characters: of a longer one the end becomes a hash of all.
func shortNames(most int) func(service string, fns []*Function) []Unit {
	return func(service string, fns []*Function) []Unit {
		out := onePerFunction(service, fns)
		for i, u := range out {
			if len(u.Name) > most {
				sum := sha256.Sum256([]byte(u.Name))
				out[i].Name = strings.TrimRight(u.Name[:most-9], "-") + "-" + hex.EncodeToString(sum[:4])
			}
		}
		return out
	}
}
