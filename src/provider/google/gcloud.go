// Package google is Cloud Run and Cloud Functions: the connections, what they accept, and the file that the Google
// Cloud CLI reads of a unit.
package google

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/shell"
)

// How long an idle instance usually lives, and how long a cold start takes:
// mikhail.io/serverless/coldstarts/big3, 2021.
const (
	keepAlive = 15 * time.Minute
	coldStart = time.Second
)

// CloudRun is the row of the table of providers for images on Cloud Run.
func CloudRun() provider.Provider {
	return provider.Provider{Name: "gcr", Runs: "gcloud run deploy", Limits: runLimits(),
		UDP: true, Chains: true,
		Can: []string{"CPU boost", "concurrency", "cold start by a new revision"}, Connect: connectRun, Divide: units,
		ImageContract: "http", // a container answers on $PORT
		Ignores:       provider.PlatformKeys("Concurrency", "MaxInstances", "ImageContract"),
		KeepAlive:     keepAlive, ColdStart: coldStart,
		CPUs: func(memoryMB, _ int) float64 { return float64(wholeCPUs(memoryMB)) }}
}

// CloudFunctions is the row of the table of providers for functions that Google builds from their sources.
func CloudFunctions() provider.Provider {
	return provider.Provider{Name: "google", Runs: "gcloud functions deploy", Limits: functionsLimits(),
		UDP: true, Chains: true,
		Can: []string{"concurrency", "cold start by a new revision"}, Connect: connectFunctions, Divide: units,
		KeepAlive: keepAlive, ColdStart: coldStart,
		Ignores: provider.PlatformKeys("Concurrency", "MaxInstances"),
		CPUs: func(memoryMB, concurrency int) float64 {
			if concurrency > 1 {
				return float64(wholeCPUs(memoryMB))
			}
			return shareOfCPUs(memoryMB)
		}}
}

// gcloud is what Google's two services share: the Google Cloud CLI, where it goes, how it is talked to. Its arguments
// are those of docs.cloud.google.com/sdk/gcloud/reference, as of November 2026.
type gcloud struct {
	provider.Options
	group  string // of the CLI's commands and properties: run, functions
	asked  *gcloudAnswers
	planOf *sync.Once
	plan   location // for Commands, which cannot fail
}

// location is where functions go.
type location struct{ project, region string }

const (
	gcloudName = "gcloud"
	gcloudHint = "install the Google Cloud CLI, 450.0.0 or later (https://cloud.google.com/sdk/docs/install), and " +
		"put gcloud on the PATH"
)

// detailProject is the journal's key for Google's project.
const detailProject = "project"

func newGcloud(o provider.Options, group string) gcloud {
	return gcloud{Options: o, group: group, planOf: &sync.Once{},
		asked: &gcloudAnswers{all: map[string]*gcloudAnswer{}}}
}

// command is gcloud without questions; every command names its project and region, so that a change of the
// configuration meanwhile changes nothing.
func (g gcloud) command(at location, args ...string) shell.Command {
	args = append(args, "--project", at.project)
	if at.region != "" {
		args = append(args, "--region", at.region)
	}
	return shell.Command{Name: gcloudName, Args: append(args, "--quiet")}
}

// run has the gcloud that is found here do a command, again where Google throttles. It asks nothing and reports nothing
// about its use, which would be a second process after each command.
func (g gcloud) run(ctx context.Context, c shell.Command) (shell.Result, error) {
	bin, err := g.LookPath(gcloudName)
	if err != nil {
		return shell.Result{ExitCode: -1}, fail.Input("gcloud is not on the PATH").WithHint(gcloudHint)
	}
	c.Name = bin
	c.Env = append([]string{"CLOUDSDK_CORE_DISABLE_PROMPTS=1", "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING=true",
		"CLOUDSDK_CORE_LOG_HTTP=false"}, c.Env...)
	res, err := g.RunCommand(ctx, c)
	return res, gcloudExplained(err, res)
}

// gcloudSays are words of gcloud's errors and what helps.
var gcloudSays = []struct {
	words *regexp.Regexp
	hint  string
}{
	{regexp.MustCompile(`(?i)SERVICE_DISABLED|API \[[^\]]+\] not enabled|has not been used in project`),
		"enable the API that is named: `gcloud services enable run.googleapis.com cloudfunctions.googleapis.com " +
			"cloudbuild.googleapis.com artifactregistry.googleapis.com`"},
	{regexp.MustCompile(`(?i)reauthentication|gcloud auth login|invalid_grant`), "log in again: `gcloud auth login`"},
	{regexp.MustCompile(`(?i)PERMISSION_DENIED|does not have permission|denied on resource|status=\[403\]`),
		"the account lacks a role: docs/providers/gcr.md and docs/providers/google.md name those that are needed"},
	{regexp.MustCompile(`(?i)failed to start and listen on the port`),
		"the program of the image has to listen on $PORT"},
	{regexp.MustCompile(`(?i)max instances must be set to|MaxInstances.*quota|exceeded the maximum allowed`),
		`the project's quota allows fewer instances: write a smaller "MaxInstances" ` +
			`into "Platform", or ask for more quota`},
}

// gcloudExplained adds to a failed command what helps, where its words tell.
func gcloudExplained(err error, res shell.Result) error {
	var e *fail.Error
	if !errors.As(err, &e) || e.Hint != "" {
		return err
	}
	text := res.Stderr + res.Stdout
	for _, say := range gcloudSays {
		if say.words.MatchString(text) {
			e.Hint = say.hint
			return err
		}
	}
	return err
}

// Locate gives project and region.
func (g gcloud) Locate(ctx context.Context) (map[string]string, error) {
	at, err := g.locate(ctx)
	if err != nil {
		return nil, err
	}
	return map[string]string{detailProject: at.project, provider.DetailRegion: at.region}, nil
}

// planned is where a run would go, as far as it can be known; capitals stand for what cannot.
func (g *gcloud) planned() location {
	g.planOf.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), provider.VersionTimeout)
		defer cancel()
		at, _ := g.locate(ctx) // what is missing is said by Ready
		g.plan = location{cmp.Or(at.project, "PROJECT"), cmp.Or(at.region, "REGION")}
	})
	return g.plan
}

// placeOf is where a deployed unit exists: as its endpoint or the journal says, whatever the environment has become.
func (g gcloud) placeOf(ctx context.Context, name string, where map[string]string) (location, error) {
	if name == "" {
		return location{}, errors.New("the service of a unit is not named")
	}
	at := location{where[detailProject], where[provider.DetailRegion]}
	if at.project == "" || at.region == "" {
		return g.locate(ctx)
	}
	return at, nil
}

// labels are the run's tags in the form of Google's labels.
func (g gcloud) labels() string {
	var out []string
	for k, v := range g.Tags {
		out = append(out, k+"="+label(v))
	}
	slices.Sort(out)
	return strings.Join(out, ",")
}

var notInLabel = regexp.MustCompile(`[^a-z0-9_-]`)

// placeholder is written in a plan in place of what a run knows only when it starts.
var placeholder = regexp.MustCompile(`^[A-Z]+$`)

// label writes a value as Google's labels take it: lower case letters, digits, - and _, at most 63
// (cloud.google.com/resource-manager/docs/labels-overview). Of a time in RFC 3339 the colons become hyphens.
func label(value string) string {
	if placeholder.MatchString(value) {
		return value
	}
	out := notInLabel.ReplaceAllString(strings.ToLower(value), "-")
	return out[:min(len(out), 63)]
}

// labelTime is the layout of a time in UTC as label writes it.
const labelTime = "2006-01-02t15-04-05z"

// fromLabels gives back the tags that labels hold.
func fromLabels(labels map[string]string) map[string]string {
	out := map[string]string{}
	for _, key := range []string{provider.TagRun, provider.TagExpires, provider.TagOwner} {
		v, ok := labels[key]
		if !ok {
			continue
		}
		if t, err := time.Parse(labelTime, v); err == nil {
			v = t.Format(time.RFC3339)
		}
		out[key] = v
	}
	return out
}

// wholeCPUs are the fewest whole processors that Cloud Run gives to so much memory
// (cloud.google.com/run/docs/configuring/services/memory-limits).
func wholeCPUs(memoryMB int) int {
	for _, row := range []struct{ memoryMB, cpus int }{{4096, 1}, {8192, 2}, {16384, 4}, {24576, 6}} {
		if memoryMB <= row.memoryMB {
			return row.cpus
		}
	}
	return 8
}

// shareOfCPUs is what Cloud Run functions get for a memory size where nothing else is asked for; 0: not documented
// (cloud.google.com/run/docs/configuring/services/cpu, docs.cloud.google.com/functions/docs/configuring/memory).
func shareOfCPUs(memoryMB int) float64 {
	return map[int]float64{128: 0.083, 256: 0.167, 512: 0.333, 1024: 0.583, 2048: 1, 4096: 2, 8192: 2, 16384: 4,
		32768: 8}[memoryMB]
}

// answerOf decodes the JSON object or list in what gcloud printed: notices may stand in front of it.
func answerOf(res shell.Result, into any) error {
	at := strings.IndexAny(res.Stdout, "{[")
	if at < 0 {
		return errors.New("there is no JSON in it")
	}
	return json.NewDecoder(strings.NewReader(res.Stdout[at:])).Decode(into)
}
