package google

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/shell"
)

// missing reports whether a failed command says that what has this name is not there. A project that is not there, or
// that may not be looked at, is none of it.
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
func tagged(name string, at location, labels map[string]string) provider.Tagged {
	tags := fromLabels(labels)
	t := provider.Tagged{Run: tags[provider.TagRun], Owner: tags[provider.TagOwner],
		Unit: provider.Unit{Name: name, Confirmed: true,
			Where: map[string]string{detailProject: at.project, provider.DetailRegion: at.region}}}
	t.Expires, _ = time.Parse(time.RFC3339, tags["stellar-expires"])
	return t
}

// busy: something else is at work on what a command is for. Functions (gcloud's own source,
// googlecloudsdk/api_lib/functions) and the code ABORTED, HTTP 409 (cloud.google.com/apis/design/errors).
var busy = regexp.MustCompile(`(?i)unable to queue the operation|operation .*in progress|status=\[409\]|\bABORTED\b`)

// incomplete: gcloud lists what it could find, and ends with exit code 0.
var incomplete = regexp.MustCompile(`(?i)did not respond|may be incomplete|unreachable`)

// complete is an error where a list may lack something: what is not in it need not be absent.
func complete(res shell.Result, what string) error {
	if incomplete.MatchString(res.Stderr) {
		return provider.OutputError(res.Stderr, "%s: the list is not complete", what)
	}
	return nil
}

// unhindered runs a command again as long as Google is busy with the same thing: a deployment whose command was stopped
// goes on there for minutes. It is waited for as long as one command may take.
func (g gcloud) unhindered(ctx context.Context, c shell.Command) (shell.Result, error) {
	const longest = 30 * time.Second // between two attempts
	end := time.Now().Add(g.Patience.Command)
	for wait := g.Patience.Wait; ; wait = min(2*wait, longest) {
		res, err := g.run(ctx, c)
		if err == nil || !busy.MatchString(res.Stderr) || time.Now().Add(wait).After(end) {
			return res, err
		}
		if provider.Pause(ctx, wait) != nil {
			return res, err // Google's message says more than that time is up
		}
	}
}

// removeOne has gcloud delete something and makes sure that it is gone.
func (g gcloud) removeOne(ctx context.Context, name, what string, confirmed bool, remove, look shell.Command) error {
	res, failed := g.unhindered(ctx, remove)
	if failed != nil && g.missing(res, name) {
		failed = nil
	}
	err := g.VerifyAbsent(ctx, what, confirmed, func(ctx context.Context) (bool, error) {
		res, err := g.run(ctx, look)
		if err != nil && g.missing(res, name) {
			return false, nil
		}
		return err == nil, err
	})
	if err != nil && failed != nil {
		return provider.Join([]error{failed, err})
	}
	return err
}

// ours says whether a name is the run's service or one of its units.
func (g gcloud) ours(name string) bool {
	return name == g.Service || strings.HasPrefix(name, g.Service+"-")
}

// deployEach deploys some units at once and gives their endpoints in the units' order.
func (g gcloud) deployEach(ctx context.Context, fns []*provider.Function,
	command func(provider.Unit, location) shell.Command,
	read func(shell.Result) (provider.Endpoint, error)) ([]provider.Endpoint, error) {
	at, err := g.locate(ctx)
	if err != nil {
		return nil, err
	}
	deploy := func(ctx context.Context, u provider.Unit) (provider.Endpoint, error) {
		res, err := g.run(ctx, command(u, at))
		if err != nil {
			return provider.Endpoint{}, err
		}
		if policyFailed.MatchString(res.Stderr) {
			e := fail.With(fail.CodeFailed, "it is deployed, but not public: gcloud could not set its policy").
				WithHint("an organisation policy (iam.allowedPolicyMemberDomains) forbids public services: " +
					"have this project excepted from it")
			e.Output = res.Stderr
			return provider.Endpoint{}, e
		}
		e, err := read(res)
		if err == nil {
			e.Detail[provider.DetailUnit], e.Detail[detailProject], e.Detail[provider.DetailRegion] = u.Name,
				at.project, at.region
		}
		return e, err
	}
	return g.DeployEach(ctx, units(g.Service, fns), func(u provider.Unit) string { return u.Name }, deploy)
}

// existing returns the endpoints of this run among those that gcloud listed.
func (g gcloud) existing(kind string, at location, all []listed) (out []provider.Endpoint) {
	for _, s := range all {
		if !g.ours(s.name) || s.url == "" {
			continue
		}
		e := provider.Endpoint{URL: s.url, Provider: kind, Detail: fromLabels(s.labels)}
		e.Detail[provider.DetailUnit], e.Detail[detailProject], e.Detail[provider.DetailRegion] = s.name, at.project,
			at.region
		e.Function = strings.TrimPrefix(strings.TrimPrefix(s.name, g.Service), "-")
		out = append(out, e)
	}
	return out
}

// listed is a service or function that gcloud listed. Its region is empty if gcloud does not report it.
type listed struct {
	name, url, region string
	labels            map[string]string
}

// lister lists the services or functions of any run at a location, of all regions if the location has none.
type lister func(ctx context.Context, at location) ([]listed, error)

// listAPIs lists the endpoints of this run in its region.
func (g gcloud) listAPIs(ctx context.Context, kind string, list lister) ([]provider.Endpoint, error) {
	at, err := g.locate(ctx)
	if err != nil {
		return nil, err
	}
	all, err := list(ctx, at)
	if err != nil {
		return nil, err
	}
	return g.existing(kind, at, all), nil
}

// listTagged lists what any run has in all regions of the project.
func (g gcloud) listTagged(ctx context.Context, list lister) (out []provider.Tagged, err error) {
	at, err := g.locate(ctx)
	if err != nil {
		return nil, err
	}
	all, err := list(ctx, location{project: at.project})
	if err != nil {
		return nil, err
	}
	for _, s := range all {
		out = append(out, tagged(s.name, location{at.project, cmp.Or(s.region, at.region)}, s.labels))
	}
	return out, nil
}

// scaling returns gcloud's arguments for how many requests an instance serves at once and how many instances there are.
func scaling(f *provider.Function, concurrency int) []string {
	args := []string{"--concurrency", strconv.Itoa(concurrency), "--min-instances", "0"}
	if f.Platform.MaxInstances > 0 {
		args = append(args, "--max-instances", strconv.Itoa(f.Platform.MaxInstances))
	}
	return args
}

// units divides a run into services of one function each, whose names Cloud Run accepts.
func units(service string, fns []*provider.Function) []provider.Unit {
	return shortNames(nameLimit)(service, fns)
}

// answered reads the endpoint in what a deployment printed: in its JSON, or in the line for people. what is the
// command.
func answered(what, kind, url string, line *regexp.Regexp, res shell.Result, unread error) (provider.Endpoint, error) {
	text := res.Stdout + res.Stderr
	if m := line.FindStringSubmatch(text); url == "" && m != nil {
		url = m[1]
	}
	switch {
	case url == "" && unread != nil:
		return provider.Endpoint{}, provider.OutputError(text, "%s named no address: %w", what, unread)
	case url == "":
		return provider.Endpoint{}, provider.OutputError(text, "%s named no address", what)
	}
	return provider.Endpoint{URL: url, Provider: kind, Detail: map[string]string{}}, nil
}

// listOf decodes what gcloud listed, and makes sure that nothing is missing in it.
func listOf[T any](res shell.Result, err error, what string) ([]T, error) {
	if err == nil {
		err = complete(res, what)
	}
	if err != nil {
		return nil, err
	}
	var all []T
	if err := answerOf(res, &all); err != nil {
		return nil, provider.OutputError(res.Stdout+res.Stderr, "%s: %w", what, err)
	}
	return all, nil
}

// shortNames is onePerFunction with names of at most so many characters: of a longer one the end becomes a hash of all.
func shortNames(most int) func(service string, fns []*provider.Function) []provider.Unit {
	return func(service string, fns []*provider.Function) []provider.Unit {
		out := provider.OnePerFunction(service, fns)
		for i, u := range out {
			if len(u.Name) > most {
				sum := sha256.Sum256([]byte(u.Name))
				out[i].Name = strings.TrimRight(u.Name[:most-9], "-") + "-" + hex.EncodeToString(sum[:4])
			}
		}
		return out
	}
}
