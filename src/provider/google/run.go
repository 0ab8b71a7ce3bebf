package google

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"

	"github.com/vhive-serverless/STeLLAR/src/bytesize"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/shell"

	"github.com/vhive-serverless/STeLLAR/src/provider"
)

// runLimits are Cloud Run's: cloud.google.com/run/quotas, November 2026.
func runLimits() provider.Limits {
	return provider.Limits{PackageTypes: []string{"Image"}, MemoryMB: [2]int{128, 32768}, TimeoutMax: 3600,
		RequestBytes: maxPayload, RequestWords: "32 MiB over HTTP/1",
		CPUBoost: true,
		Region:   regionForm(), RegionLike: "europe-west1",
		Source: "cloud.google.com/run/quotas, November 2026"}
}

// regionForm is the form of a region of Google's; a zone has a letter behind it and is none.
var regionForm = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z]+-[a-z]+[0-9]{1,2}$`) })

const (
	nameLimit      = 49   // characters in the name of a service
	maxConcurrency = 1000 // requests that one instance may have at once
	// maxPayload is what an HTTP/1 request or response may have that is not streamed (cloud.google.com/run/quotas).
	maxPayload   = int64(32 * bytesize.MiB)
	gen2MemoryMB = 512 // the least of the second generation of execution environments
)

// gcr deploys images to Cloud Run, a service for each function.
type cloudRun struct{ gcloud }

var (
	_ provider.Connection = (*cloudRun)(nil)
	_ provider.Restorer   = (*cloudRun)(nil)
	_ provider.Planner    = (*cloudRun)(nil)
	_ provider.Checker    = (*cloudRun)(nil)
	_ provider.Locator    = (*cloudRun)(nil)
	_ provider.Refuser    = (*cloudRun)(nil)
	_ provider.Sweeper    = (*cloudRun)(nil)
	_ provider.Writer     = (*cloudRun)(nil)
	_ provider.Reporter   = (*cloudRun)(nil)
)

func connectRun(o provider.Options) provider.Connection { return &cloudRun{newGcloud(o, "run")} }

// deployment is the command that deploys one function. --allow-unauthenticated: the function itself asks for the run's
// token.
func (c *cloudRun) deployment(u provider.Unit, at location) shell.Command {
	f := u.Functions[0]
	args := []string{"run", "deploy", u.Name, "--image", imageName(f)}
	args = append(args, c.resources(f)...)
	args = append(args, scaling(f, f.Platform.Concurrency)...)
	boost := "--no-cpu-boost"
	if f.CPUBoost {
		boost = "--cpu-boost"
	}
	args = append(args, boost, "--cpu-throttling", "--timeout", fmt.Sprintf("%ds", f.TimeoutSeconds), "--labels",
		c.labels(),
		"--env-vars-file", filepath.Join(c.UnitFolder(u), envFile), "--ingress", "all", "--allow-unauthenticated",
		"--format", "json")
	return c.command(at, args...)
}

// resources are memory and processors. Less than 512 MiB there is in the first generation of execution environments
// only.
func (c *cloudRun) resources(f *provider.Function) []string {
	args := []string{"--memory", fmt.Sprintf("%dMi", f.MemoryMB), "--cpu", strconv.Itoa(wholeCPUs(f.MemoryMB))}
	if f.MemoryMB < gen2MemoryMB {
		args = append(args, "--execution-environment", "gen1")
	}
	return args
}

// imageName is what is deployed, by its digest; IMAGE while there is none.
func imageName(f *provider.Function) string {
	if f.Package == nil || f.Package.Image == "" {
		return "IMAGE"
	}
	return f.Package.Image
}

func (c *cloudRun) removal(name string, at location) (remove, look shell.Command) {
	return c.command(at, "run", "services", "delete", name), c.command(at, "run", "services", "describe", name,
		"--format", "value(metadata.name)")
}

// Commands are `gcloud run deploy`, `gcloud run services delete`, and the look whether the service is gone.
func (c *cloudRun) Commands(u provider.Unit) (deploy, remove []shell.Command) {
	at := c.planned()
	gone, look := c.removal(u.Name, at)
	return []shell.Command{c.deployment(u, at)}, []shell.Command{gone, look}
}

// Refuse names what Cloud Run cannot do.
func (c *cloudRun) Refuse(s *experiment.SubExperiment, _ *provider.Function) (no []provider.Refusal) {
	if s.Platform.ImageContract != "http" {
		no = append(no, provider.Refuse("Platform.ImageContract", s.Platform.ImageContract,
			"its images are servers on $PORT (http)"))
	}
	return append(no, refusedByRun(s)...)
}

// refusedByRun names what neither Cloud Run nor the functions on it can do.
func refusedByRun(s *experiment.SubExperiment) (no []provider.Refusal) {
	if s.Platform.Concurrency > maxConcurrency {
		no = append(no, provider.Refuse("Platform.Concurrency", s.Platform.Concurrency, "at most %d", maxConcurrency))
	}
	if s.PayloadLengthBytes > maxPayload && s.Type != experiment.TypeTransfer {
		no = append(no, provider.Refuse("PayloadLengthBytes", s.PayloadLengthBytes,
			"it takes %d a request and a response over HTTP/1, which functions are reached by", maxPayload))
	}
	return append(no, provider.RefuseHTTP2(s, "its gateway answers http1 and h2")...)
}

// DeployFunctions deploys some services at once.
func (c *cloudRun) DeployFunctions(ctx context.Context, fns []*provider.Function) ([]provider.Endpoint, error) {
	return c.deployEach(ctx, fns, c.deployment, c.read)
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

func (c *cloudRun) read(res shell.Result) (provider.Endpoint, error) {
	var s runService
	unread := answerOf(res, &s)
	e, err := answered("gcloud run deploy", "gcr", s.address(), serviceURL, res, unread)
	if err == nil && s.Status.Revision != "" {
		e.Detail["revision"] = s.Status.Revision
	}
	return e, err
}

// ListAPIs lists the services of the run, by its label and its name.
func (c *cloudRun) ListAPIs(ctx context.Context) ([]provider.Endpoint, error) {
	return c.listAPIs(ctx, "gcr", c.list)
}

// list returns the services of any run. Functions are services too, which Cloud Functions removes itself.
func (c *cloudRun) list(ctx context.Context, at location) ([]listed, error) {
	res, err := c.run(ctx, c.command(at, "run", "services", "list", "--filter", "metadata.labels.stellar-run:*",
		"--format", "json"))
	all, err := listOf[runService](res, err, "gcloud run services list")
	found := make([]listed, 0, len(all))
	for _, s := range all {
		if labels := s.Metadata.Labels; labels[provider.TagRun] != "" && labels["goog-managed-by"] == "" {
			found = append(found, listed{s.Metadata.Name, s.address(), labels["cloud.googleapis.com/location"], labels})
		}
	}
	return found, err
}

// Tagged lists the services of any run in all regions of the project.
func (c *cloudRun) Tagged(ctx context.Context) ([]provider.Tagged, error) {
	return c.listTagged(ctx, c.list)
}

// UpdateFunction makes a new revision, whose first request starts cold; with a function it has that one's image and
// memory.
func (c *cloudRun) UpdateFunction(ctx context.Context, e provider.Endpoint, fn *provider.Function) error {
	name := e.Detail[provider.DetailUnit]
	at, err := c.placeOf(ctx, name, e.Detail)
	if err != nil {
		return err
	}
	var more []string
	if fn != nil {
		more = c.resources(fn)
		if fn.Package != nil && fn.Package.Image != "" {
			more = append(more, "--image", fn.Package.Image)
		}
	}
	return c.makeCold(ctx, name, at, more...)
}

// RemoveFunctions deletes services with all their revisions.
func (c *cloudRun) RemoveFunctions(ctx context.Context, units []provider.Unit) error {
	return provider.ForEach(ctx, c.Patience.Parallel, units, func(ctx context.Context, u provider.Unit) error {
		at, err := c.placeOf(ctx, u.Name, u.Where)
		if err != nil {
			return err
		}
		remove, look := c.removal(u.Name, at)
		return c.removeOne(ctx, u.Name, "the Cloud Run service "+u.Name, u.Confirmed, remove, look)
	})
}
