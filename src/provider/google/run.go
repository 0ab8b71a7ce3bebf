package provider

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"stellar/src/experiment"
	"stellar/src/shell"
)

// gcrLimits are Cloud Run's: cloud.google.com/run/quotas, November 2026.
func gcrLimits() Limits {
	return Limits{PackageTypes: []string{"Image"}, MemoryMB: [2]int{128, 32768}, TimeoutMax: 3600, CPUBoost: true,
		Region: googleRegion(), RegionLike: "europe-west1",
		Source: "cloud.google.com/run/quotas, November 2026"}
}

// googleRegion is the form of a region of Google's; a zone has a letter behind it and is none.
func googleRegion() *regexp.Regexp { return regexp.MustCompile(`^[a-z]+-[a-z]+[0-9]{1,2}$`) }

const (
	gcrNameLimit   = 49   // characters in the name of a service
	gcrConcurrency = 1000 // requests that one instance may have at once
	// gcrPayload is what an HTTP/1 request or response may have that is not streamed (cloud.google.com/run/quotas).
	gcrPayload   = 32 * mib
	gen2MemoryMB = 512 // the least of the second generation of execution environments
)

// gcr deploys images to Cloud Run, a service for each function.
type gcr struct{ gcloud }

var (
	_ Connection = (*gcr)(nil)
	_ Planner    = (*gcr)(nil)
	_ Checker    = (*gcr)(nil)
	_ Locator    = (*gcr)(nil)
	_ Refuser    = (*gcr)(nil)
	_ Sweeper    = (*gcr)(nil)
)

func newGcr(o Options) Connection { return &gcr{newGcloud(o, "run")} }

// deployment is the command that deploys one function. --allow-unauthenticated: the function itself asks for the run's token.
func (c *gcr) deployment(u Unit, at place) shell.Command {
	f := u.Functions[0]
	args := []string{"run", "deploy", u.Name, "--image", imageName(f)}
	args = append(args, c.resources(f)...)
	args = append(args, "--concurrency", strconv.Itoa(f.Platform.Concurrency), "--min-instances", "0")
	if f.Platform.MaxInstances > 0 {
		args = append(args, "--max-instances", strconv.Itoa(f.Platform.MaxInstances))
	}
	boost := "--no-cpu-boost"
	if f.CPUBoost {
		boost = "--cpu-boost"
	}
	args = append(args, boost, "--cpu-throttling", "--timeout", fmt.Sprintf("%ds", f.TimeoutSeconds), "--labels", c.labels(),
		"--env-vars-file", filepath.Join(c.dir(u), EnvFile), "--ingress", "all", "--allow-unauthenticated", "--format", "json")
	return c.command(at, args...)
}

// resources are memory and processors. Less than 512 MiB there is in the first generation of execution environments only.
func (c *gcr) resources(f *Function) []string {
	args := []string{"--memory", fmt.Sprintf("%dMi", f.MemoryMB), "--cpu", strconv.Itoa(wholeCPUs(f.MemoryMB))}
	if f.MemoryMB < gen2MemoryMB {
		args = append(args, "--execution-environment", "gen1")
	}
	return args
}

// imageName is what is deployed, by its digest; IMAGE while there is none.
func imageName(f *Function) string {
	if f.Package == nil || f.Package.Image == "" {
		return "IMAGE"
	}
	return f.Package.Image
}

func (c *gcr) removal(name string, at place) (remove, look shell.Command) {
	return c.command(at, "run", "services", "delete", name), c.command(at, "run", "services", "describe", name, "--format", "value(metadata.name)")
}

// Commands are `gcloud run deploy`, `gcloud run services delete`, and the look whether the service is gone.
func (c *gcr) Commands(u Unit) (deploy, remove []shell.Command) {
	at := c.planned()
	gone, look := c.removal(u.Name, at)
	return []shell.Command{c.deployment(u, at)}, []shell.Command{gone, look}
}

// Refuse names what Cloud Run cannot do.
func (c *gcr) Refuse(s *experiment.SubExperiment, _ *Function) (no []Refusal) {
	if s.Platform.ImageContract != "http" {
		no = append(no, refuse("Platform.ImageContract", s.Platform.ImageContract,
			"its images are servers on $PORT (http)"))
	}
	return append(no, refusedByRun(s)...)
}

// refusedByRun names what neither Cloud Run nor the functions on it can do.
func refusedByRun(s *experiment.SubExperiment) (no []Refusal) {
	if s.Platform.Concurrency > gcrConcurrency {
		no = append(no, refuse("Platform.Concurrency", s.Platform.Concurrency, "at most %d", gcrConcurrency))
	}
	if s.PayloadLengthBytes > gcrPayload && !s.StorageTransfer {
		no = append(no, refuse("PayloadLengthBytes", s.PayloadLengthBytes,
			"it takes %d a request and a response over HTTP/1, which functions are reached by", gcrPayload))
	}
	return append(no, noHTTP2(s, "its gateway answers http1 and h2")...)
}

// DeployFunctions deploys some services at once.
func (c *gcr) DeployFunctions(ctx context.Context, fns []*Function) ([]Endpoint, error) {
	return c.deployEach(ctx, shortNames(gcrNameLimit)(c.Service, fns), c.deployment, c.read)
}

// runService is what gcloud prints of a service of Cloud Run, in Knative's form.
type runService struct {
	Metadata struct {
		Name        string            `json:"name"`
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
	} `json:"metadata"`
	Status struct {
		URL      string `json:"url"`
		Revision string `json:"latestReadyRevisionName"`
		Address  struct {
			URL string `json:"url"`
		} `json:"address"`
	} `json:"status"`
}

// address is the service's URL; services have several names, listed in an annotation.
func (s runService) address() string {
	if s.Status.URL != "" {
		return s.Status.URL
	}
	var all []string
	if json.Unmarshal([]byte(s.Metadata.Annotations["run.googleapis.com/urls"]), &all) == nil && len(all) > 0 {
		return all[0]
	}
	return s.Status.Address.URL
}

// serviceURL is the line that gcloud prints for people.
var serviceURL = regexp.MustCompile(`(?m)^\s*Service URL:\s+(https?://\S+)`)

// policyFailed is gcloud's warning, at exit code 0, that the service was made but not everybody may call it.
var policyFailed = regexp.MustCompile(`(?i)Setting IAM policy failed|IAM policy.*failed`)

func (c *gcr) read(_ Unit, res shell.Result) (Endpoint, error) {
	var s runService
	text := res.Stdout + res.Stderr
	err := answerOf(res, &s)
	e := Endpoint{URL: s.address(), Provider: "gcr", Detail: map[string]string{}}
	if m := serviceURL.FindStringSubmatch(text); e.URL == "" && m != nil {
		e.URL = m[1]
	}
	if e.URL == "" && err != nil {
		return Endpoint{}, outputError(text, "gcloud run deploy named no address: %w", err)
	}
	if e.URL == "" {
		return Endpoint{}, outputError(text, "gcloud run deploy named no address")
	}
	if s.Status.Revision != "" {
		e.Detail["revision"] = s.Status.Revision
	}
	return e, nil
}

// ListAPIs lists the services of the run, by its label and its name.
func (c *gcr) ListAPIs(ctx context.Context) ([]Endpoint, error) {
	at, err := c.locate(ctx)
	if err != nil {
		return nil, err
	}
	all, err := c.list(ctx, at)
	if err != nil {
		return nil, err
	}
	var out []Endpoint
	for _, s := range all {
		if e := (Endpoint{URL: s.address(), Provider: "gcr"}); c.ours(s.Metadata.Name) && e.URL != "" {
			e.Detail = fromLabels(s.Metadata.Labels)
			e.Detail[DetailUnit], e.Detail[DetailProject], e.Detail[DetailRegion] = s.Metadata.Name, at.project, at.region
			e.Function = strings.TrimPrefix(strings.TrimPrefix(s.Metadata.Name, c.Service), "-")
			out = append(out, e)
		}
	}
	return out, nil
}

// list gives the services of any run, of all regions where at names none. Functions are services too, which Cloud Functions
// removes itself.
func (c *gcr) list(ctx context.Context, at place) ([]runService, error) {
	res, err := c.run(ctx, c.command(at, "run", "services", "list", "--filter", "metadata.labels.stellar-run:*", "--format", "json"))
	if err == nil {
		err = complete(res, "gcloud run services list")
	}
	if err != nil {
		return nil, err
	}
	var all []runService
	if err := answerOf(res, &all); err != nil {
		return nil, outputError(res.Stdout+res.Stderr, "gcloud run services list: %w", err)
	}
	return slices.DeleteFunc(all, func(s runService) bool {
		return s.Metadata.Labels["stellar-run"] == "" || s.Metadata.Labels["goog-managed-by"] != ""
	}), nil
}

// Tagged lists the services of any run in all regions of the project.
func (c *gcr) Tagged(ctx context.Context) ([]Tagged, error) {
	at, err := c.locate(ctx)
	if err != nil {
		return nil, err
	}
	all, err := c.list(ctx, place{project: at.project})
	if err != nil {
		return nil, err
	}
	var out []Tagged
	for _, s := range all {
		region := cmp.Or(s.Metadata.Labels["cloud.googleapis.com/location"], at.region)
		out = append(out, tagged(s.Metadata.Name, place{at.project, region}, s.Metadata.Labels))
	}
	return out, nil
}

// UpdateFunction makes a new revision, whose first request starts cold; with a function it has that one's image and memory.
func (c *gcr) UpdateFunction(ctx context.Context, e Endpoint, fn *Function) error {
	name, at, err := c.of(ctx, e)
	if err != nil {
		return err
	}
	args := []string{"run", "services", "update", name, "--update-env-vars", version()}
	if fn != nil {
		args = append(args, c.resources(fn)...)
		if fn.Package != nil && fn.Package.Image != "" {
			args = append(args, "--image", fn.Package.Image)
		}
	}
	_, err = c.run(ctx, c.command(at, append(args, "--format", "json")...))
	return err
}

// RemoveFunctions deletes services with all their revisions.
func (c *gcr) RemoveFunctions(ctx context.Context, es []Endpoint) error {
	return each(ctx, c.Patience.Parallel, es, func(ctx context.Context, e Endpoint) error {
		name, at, err := c.of(ctx, e)
		if err != nil {
			return err
		}
		remove, look := c.removal(name, at)
		return c.removeOne(ctx, name, "the Cloud Run service "+name, e.Detail[DetailConfirmed] != "", remove, look)
	})
}
