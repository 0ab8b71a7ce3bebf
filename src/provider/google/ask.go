package google

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/shell"
)

// gcloudAnswers are what gcloud said to the questions of one connection. Each is asked once: gcloud takes about a
// second to start.
type gcloudAnswers struct {
	mu  sync.Mutex
	all map[string]*gcloudAnswer
}

type gcloudAnswer struct {
	mu   sync.Mutex // held while gcloud is asked
	done bool
	text string
	err  error
}

func (a *gcloudAnswers) to(question string) *gcloudAnswer {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.all[question] == nil {
		a.all[question] = &gcloudAnswer{}
	}
	return a.all[question]
}

// errNoAnswer is what errors.Is finds where gcloud did not answer in time.
var errNoAnswer = errors.New("no answer")

// ask has gcloud tell something, once. What it says stays out of the log.
func (g gcloud) ask(ctx context.Context, args ...string) (string, error) {
	a := g.asked.to(strings.Join(args, " "))
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.done {
		return a.text, a.err
	}
	res, err := g.run(ctx, shell.Command{Name: gcloudName, Args: append(args, "--quiet"), Timeout: g.Patience.Ask,
		Grace: provider.AskGrace, Line: func(string) {}})
	if provider.TimedOut(err) && ctx.Err() == nil {
		words := slices.DeleteFunc(slices.Clone(args), func(arg string) bool { return strings.HasPrefix(arg, "-") })
		err = g.noAnswer(strings.Join(words, " "))
	}
	a.text, a.err, a.done = strings.TrimSpace(res.Stdout), err, ctx.Err() == nil
	return a.text, a.err
}

func (g gcloud) noAnswer(question string) error {
	return fail.Input("`gcloud %s`: %w in %v", question, errNoAnswer, g.Patience.Ask).
		WithHint("check that gcloud works on its own; where CLOUDSDK_CORE_PROJECT and \"Region\" are set, it is not " +
			"asked for them")
}

// locate finds project and region: where the run was located before, in the experiment, then in the environment as
// gcloud reads it, then in gcloud's configuration, which is asked for both at once.
func (g gcloud) locate(ctx context.Context) (location, error) {
	region, _ := g.FirstSet("CLOUDSDK_" + strings.ToUpper(g.group) + "_REGION")
	project, _ := g.FirstSet("CLOUDSDK_CORE_PROJECT", "GOOGLE_CLOUD_PROJECT")
	at := location{cmp.Or(g.Where[detailProject], project), cmp.Or(g.Where[provider.DetailRegion], g.Region, region)}
	missing := make([]error, 2)
	var both sync.WaitGroup
	if at.project == "" {
		both.Go(fail.Caught(func(err error) { missing[0] = err }, func() {
			at.project, missing[0] = g.property(ctx, "project", fail.Input("no Google Cloud project is set").
				WithHint("set CLOUDSDK_CORE_PROJECT, or run `gcloud config set project <id>`"))
		}))
	}
	if at.region == "" {
		both.Go(fail.Caught(func(err error) { missing[1] = err }, func() {
			at.region, missing[1] = g.property(ctx, g.group+"/region", fail.Input("no Google Cloud region is set").
				WithHint(`write "Region" into the experiment, set CLOUDSDK_%s_REGION, `+
					`or run "gcloud config set %s/region <region>"`, strings.ToUpper(g.group), g.group))
		}))
	}
	both.Wait()
	return at, provider.Join(slices.DeleteFunc(missing, func(err error) bool { return err == nil }))
}

// property asks gcloud's configuration; unset is the error where it is not set.
func (g gcloud) property(ctx context.Context, name string, unset error) (string, error) {
	value, err := g.ask(ctx, "config", "get", name)
	if value == "(unset)" {
		value = ""
	}
	if err == nil && value == "" {
		err = unset
	}
	return value, err
}

// installedVersion is what `gcloud version` prints: it reads the same file, after a second in which it starts. It is
// empty where the program is not in a folder of the SDK, or the SDK's own Python is not the one that runs it.
func (g gcloud) installedVersion(bin string) string {
	program, err := filepath.EvalSymlinks(bin)
	if err != nil || filepath.Base(filepath.Dir(program)) != "bin" || g.Getenv("CLOUDSDK_PYTHON") != "" {
		return ""
	}
	sdk := filepath.Dir(filepath.Dir(program))
	for _, needed := range []string{"lib/gcloud.py", "platform/bundledpythonunix/bin/python3"} {
		if _, err := os.Stat(filepath.Join(sdk, filepath.FromSlash(needed))); err != nil {
			return ""
		}
	}
	text, err := os.ReadFile(filepath.Join(sdk, "VERSION"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// Ready finds gcloud, an account, project and region. It asks for all at once, and waits no longer than Patience.Ask.
func (g gcloud) Ready(ctx context.Context) provider.Readiness {
	if g.Log != nil {
		g.Log.Infof("asking gcloud for its version, account, project and region (at most %v)", g.Patience.Ask)
	}
	var r provider.Readiness
	var tool provider.Tool
	var at location
	var noAccount, noPlace error
	var all sync.WaitGroup
	all.Go(fail.Caught(func(err error) { tool.Err = err }, func() {
		tool = g.FindProgram(ctx, provider.Program{Name: gcloudName, Args: []string{"version"},
			Least: [3]int{450, 0, 0}, Below: 700,
			Install: gcloudHint, Installed: g.installedVersion, Timeout: g.Patience.Ask})
	}))
	all.Go(fail.Caught(func(err error) { noAccount = err }, func() { r.Credentials, noAccount = g.credentials(ctx) }))
	all.Go(fail.Caught(func(err error) { noPlace = err }, func() { at, noPlace = g.locate(ctx) }))
	all.Wait()
	if tool.Err != nil && !tool.TimedOut {
		return provider.Readiness{Tools: []provider.Tool{tool}}
	}
	if tool.TimedOut {
		tool.Err = nil
		r.Unanswered = append(r.Unanswered, provider.Unanswered{Err: g.noAnswer("version"), Needed: true})
	}
	r.Tools = []provider.Tool{tool}
	doubt(&r, noAccount, false) // the first deployment tells
	doubt(&r, noPlace, true)
	r.Where = map[string]string{detailProject: at.project, provider.DetailRegion: at.region}
	for k, v := range r.Where {
		if v == "" {
			delete(r.Where, k)
		}
	}
	return r
}

// doubt keeps an error as what is missing, or as what was not answered.
func doubt(r *provider.Readiness, err error, needed bool) {
	switch {
	case errors.Is(err, errNoAnswer):
		r.Unanswered = append(r.Unanswered, provider.Unanswered{Err: err, Needed: needed})
	case err != nil:
		r.Missing = append(r.Missing, err)
	}
}

// credentials says where gcloud has them from. They are not tried: the first deployment does.
func (g gcloud) credentials(ctx context.Context) (string, error) {
	if _, name := g.FirstSet("CLOUDSDK_AUTH_ACCESS_TOKEN_FILE", "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE"); name != "" {
		return name, nil
	}
	account, err := g.ask(ctx, "auth", "list", "--filter=status:ACTIVE", "--format=value(account)")
	if err != nil {
		return "", err
	}
	if account != "" {
		return "gcloud auth", nil
	}
	none := fail.Input("gcloud has no active account")
	if _, name := g.FirstSet("GOOGLE_APPLICATION_CREDENTIALS"); name != "" {
		return "", none.WithHint("gcloud does not read GOOGLE_APPLICATION_CREDENTIALS: set " +
			"CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE to the same file")
	}
	return "", none.WithHint("run `gcloud auth login`, or `gcloud auth activate-service-account --key-file <file>`")
}
