package google

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/shell"
)

// functionsLimits are those of Cloud Run functions, as Cloud Functions of the 2nd generation are called by now:
// cloud.google.com/functions/quotas, November 2026. Sources have no limit there but that of the image that is built of
// them.
func functionsLimits() provider.Limits {
	return provider.Limits{PackageTypes: []string{"Zip"}, MemoryMB: [2]int{128, 32768}, TimeoutMax: 3600,
		RequestBytes: maxPayload, RequestWords: "32 MiB over HTTP/1",
		Languages: []string{"python", "nodejs", "go"},
		Region:    regionForm(), RegionLike: "europe-west1",
		Source: "cloud.google.com/functions/quotas, November 2026"}
}

// goRuntime is the newest runtime of Go: cloud.google.com/run/docs/runtimes/go, November 2026.
const goRuntime = "go127"

// google deploys functions of the 2nd generation from their sources, each by itself: Google builds an image of it and
// runs it on Cloud Run.
type cloudFunctions struct{ gcloud }

var (
	_ provider.Connection = (*cloudFunctions)(nil)
	_ provider.Restorer   = (*cloudFunctions)(nil)
	_ provider.Planner    = (*cloudFunctions)(nil)
	_ provider.Checker    = (*cloudFunctions)(nil)
	_ provider.Locator    = (*cloudFunctions)(nil)
	_ provider.Refuser    = (*cloudFunctions)(nil)
	_ provider.Sweeper    = (*cloudFunctions)(nil)
	_ provider.Writer     = (*cloudFunctions)(nil)
	_ provider.Reporter   = (*cloudFunctions)(nil)
	_ provider.Adapter    = (*cloudFunctions)(nil)
)

func connectFunctions(o provider.Options) provider.Connection {
	return &cloudFunctions{newGcloud(o, "functions")}
}

// detailNumber is the journal's key for the project's number, which is in the name of the bucket with the sources.
const detailNumber = "projectNumber"

// runtimeID is Google's name of a runtime: python3.13 is python313, nodejs22.x is nodejs22.
func runtimeID(f *provider.Function) string {
	if f.Language == "go" {
		return goRuntime
	}
	return strings.ReplaceAll(strings.TrimSuffix(f.Runtime, ".x"), ".", "")
}

// entryPoint is the function's name and, for Python, the file that it is in, empty where that is main.py. Node.js has
// the file in package.json, Go has packages.
func entryPoint(f *provider.Function) (name, file string) {
	at := strings.LastIndexByte(f.Handler, '.')
	name = cmp.Or(f.Handler[at+1:], "ENTRY_POINT")
	if at > 0 && f.Language == "python" {
		if file = path.Clean(strings.ReplaceAll(f.Handler[:at], ".", "/") + ".py"); file == "main.py" {
			file = ""
		}
	}
	return name, file
}

// deployment is the command that deploys one function, or makes a new revision of it.
func (c *cloudFunctions) deployment(u provider.Unit, at location) shell.Command {
	return c.upload(u, at, "--env-vars-file", filepath.Join(c.UnitFolder(u), envFile))
}

// upload has Google build and run a function's sources. --allow-unauthenticated: the function itself asks for the run's
// token.
func (c *cloudFunctions) upload(u provider.Unit, at location, env ...string) shell.Command {
	f := u.Functions[0]
	source := "SOURCE"
	if f.Package != nil && f.Package.Path != "" {
		source = f.Package.Path
	}
	entry, file := entryPoint(f)
	args := []string{"functions", "deploy", u.Name, "--gen2", "--runtime", runtimeID(f), "--source", source,
		"--entry-point", entry,
		"--trigger-http", "--allow-unauthenticated", "--memory", fmt.Sprintf("%dMi", f.MemoryMB)}
	// which less than a whole processor does not have; else the platform's share for that memory
	if f.Platform.Concurrency > 1 {
		args = append(args, "--cpu", strconv.Itoa(wholeCPUs(f.MemoryMB)))
	}
	args = append(args, scaling(f, max(f.Platform.Concurrency, 1))...)
	args = append(args, "--timeout", fmt.Sprintf("%ds", f.TimeoutSeconds), "--ingress-settings", "all",
		"--update-labels", c.labels())
	args = append(args, env...)
	if file != "" {
		args = append(args, "--set-build-env-vars", "GOOGLE_FUNCTION_SOURCE="+file)
	}
	cmd := c.command(at, append(args, "--format", "json")...)
	cmd.Env = append(cmd.Env, "CLOUDSDK_GCLOUDIGNORE_ENABLED=false") // what is uploaded is what was counted
	return cmd
}

// removals are the commands that remove a function and what Google made of it, in their order.
type removals struct {
	function, look shell.Command
	archive        shell.Command // the sources, in the account's bucket of them
	images         shell.Command // lists the images of the account's functions
	image          func(name string) shell.Command
}

// Names of what Google makes for all functions of a project; none of it is ever removed as a whole.
const (
	sourcesBucket  = "gcf-v2-sources"
	sourcesArchive = "function-source.zip"
	imagesRegistry = "gcf-artifacts"
)

func (c *cloudFunctions) removal(name string, at location, number string) removals {
	archive := fmt.Sprintf("gs://%s-%s-%s/%s/%s", sourcesBucket, number, at.region, name, sourcesArchive)
	project := location{project: at.project}
	return removals{
		function: c.command(at, "functions", "delete", name, "--gen2"),
		look:     c.command(at, "functions", "describe", name, "--gen2", "--format", "value(name)"),
		archive:  c.command(project, "storage", "rm", archive, "--all-versions"),
		images: c.command(project, "artifacts", "packages", "list", "--repository", imagesRegistry, "--location",
			at.region, "--format", "value(name)"),
		image: func(image string) shell.Command {
			return c.command(project, "artifacts", "packages", "delete", image, "--repository", imagesRegistry,
				"--location", at.region)
		},
	}
}

// Commands are `gcloud functions deploy`, and those that remove the function, its sources and its image.
func (c *cloudFunctions) Commands(u provider.Unit) (deploy, remove []shell.Command) {
	at := c.planned()
	r := c.removal(u.Name, at, "PROJECT_NUMBER")
	return []shell.Command{c.deployment(u, at)}, []shell.Command{r.function, r.look, r.archive, r.images,
		r.image("IMAGE")}
}

// Locate gives project, its number, and region.
func (c *cloudFunctions) Locate(ctx context.Context) (map[string]string, error) {
	where, err := c.gcloud.Locate(ctx)
	if err != nil {
		return nil, err
	}
	where[detailNumber], err = c.number(ctx, where[detailProject])
	return where, err
}

var digits = regexp.MustCompile(`^\d+$`)

func (c *cloudFunctions) number(ctx context.Context, project string) (string, error) {
	cmd := shell.Command{Name: gcloudName, Args: []string{"projects", "describe", project, "--format",
		"value(projectNumber)", "--quiet"}}
	res, err := c.run(ctx, cmd)
	if err != nil {
		return "", err
	}
	number := strings.TrimSpace(res.Stdout)
	if !digits.MatchString(number) {
		return "", provider.OutputError(res.Stdout+res.Stderr, "gcloud projects describe gave no number of project %s",
			project)
	}
	return number, nil
}

// Refuse names what functions of Google cannot do.
func (c *cloudFunctions) Refuse(s *experiment.SubExperiment, _ *provider.Function) (no []provider.Refusal) {
	if s.FunctionImageSizeMB > 0 && slices.Contains([]string{"front", "spread"}, s.FillerPlacement) {
		no = append(no, provider.Refuse("FillerPlacement", s.FillerPlacement, "sources have no order"))
	}
	return append(no, refusedByRun(s)...)
}

// DeployFunctions has some functions built and deployed at once.
func (c *cloudFunctions) DeployFunctions(ctx context.Context, fns []*provider.Function) ([]provider.Endpoint, error) {
	return c.deployEach(ctx, fns, c.deployment, c.read)
}

// functionAnswer is what gcloud prints of a function
// (cloud.google.com/functions/docs/reference/rest/v2/projects.locations.functions).
type functionAnswer struct {
	Name    string            `json:"name"` // projects/…/locations/…/functions/…
	State   string            `json:"state"`
	URL     string            `json:"url"`
	Labels  map[string]string `json:"labels"`
	Service struct {
		URI      string `json:"uri"`
		Revision string `json:"revision"`
	} `json:"serviceConfig"`
}

// address is that of the service on Cloud Run, without the detour over cloudfunctions.net.
func (f functionAnswer) address() string { return cmp.Or(f.Service.URI, f.URL) }

// functionURL is the address in what gcloud prints for people.
var functionURL = regexp.MustCompile(`(?m)^\s*(?:uri|url):\s+(https?://\S+)`)

func (c *cloudFunctions) read(res shell.Result) (provider.Endpoint, error) {
	var f functionAnswer
	unread := answerOf(res, &f)
	e, err := answered("gcloud functions deploy", "google", f.address(), functionURL, res, unread)
	switch {
	case err != nil:
		return e, err
	case f.State != "" && f.State != "ACTIVE":
		return provider.Endpoint{}, provider.OutputError(res.Stdout+res.Stderr, "the function is %s, not ACTIVE",
			f.State)
	case f.Service.Revision != "":
		e.Detail["revision"] = f.Service.Revision
	}
	return e, nil
}

// list returns the functions of any run. A name has the form projects/P/locations/REGION/functions/NAME.
func (c *cloudFunctions) list(ctx context.Context, at location) ([]listed, error) {
	args := []string{"functions", "list", "--filter", "labels.stellar-run:* AND environment=GEN_2", "--format", "json"}
	if at.region != "" {
		args = append(args, "--regions", at.region)
	}
	res, err := c.run(ctx, c.command(location{project: at.project}, args...))
	all, err := listOf[functionAnswer](res, err, "gcloud functions list")
	found := make([]listed, 0, len(all))
	for _, f := range all {
		if f.Labels[provider.TagRun] == "" {
			continue
		}
		parts := strings.Split(f.Name, "/")
		if len(parts) != 6 {
			return nil, fmt.Errorf("gcloud functions list: %q is not the name of a function", f.Name)
		}
		found = append(found, listed{parts[5], f.address(), parts[3], f.Labels})
	}
	return found, err
}

// ListAPIs lists the functions of the run, by its label and its name.
func (c *cloudFunctions) ListAPIs(ctx context.Context) ([]provider.Endpoint, error) {
	return c.listAPIs(ctx, "google", c.list)
}

// Tagged lists the functions of any run in all regions of the project.
func (c *cloudFunctions) Tagged(ctx context.Context) ([]provider.Tagged, error) {
	return c.listTagged(ctx, c.list)
}

// UpdateFunction has the function built and deployed anew, with another variable: a new revision, whose first request
// starts cold. Without a Function only the revision is made.
func (c *cloudFunctions) UpdateFunction(ctx context.Context, e provider.Endpoint, fn *provider.Function) error {
	name := e.Detail[provider.DetailUnit]
	at, err := c.placeOf(ctx, name, e.Detail)
	if err != nil {
		return err
	}
	if fn == nil {
		return c.makeCold(ctx, name, at)
	}
	if fn.Package == nil {
		return fail.Input("function %s: a new revision is built from its sources, which do not exist", name)
	}
	_, err = c.run(ctx, c.upload(provider.Unit{Name: name, Functions: []*provider.Function{fn}}, at,
		"--update-env-vars", provider.ColdVariable+"="+provider.ColdCount()))
	return err
}

// RemoveFunctions deletes functions, and what Google keeps of each: the archive of its sources, the image built of
// them.
func (c *cloudFunctions) RemoveFunctions(ctx context.Context, units []provider.Unit) error {
	return provider.ForEach(ctx, c.Patience.Parallel, units, c.remove)
}

func (c *cloudFunctions) remove(ctx context.Context, u provider.Unit) error {
	at, err := c.placeOf(ctx, u.Name, u.Where)
	if err != nil {
		return err
	}
	number := u.Where[detailNumber]
	if number == "" {
		if number, err = c.number(ctx, at.project); err != nil {
			return err
		}
	}
	r := c.removal(u.Name, at, number)
	if err := c.removeOne(ctx, u.Name, "the function "+u.Name, u.Confirmed, r.function, r.look); err != nil {
		return err
	}
	return provider.Join(slices.DeleteFunc([]error{c.removeArchive(ctx, r), c.removeImages(ctx, u.Name, r)},
		func(err error) bool { return err == nil }))
}

// noArchive: the object is not there, or the bucket is not.
var noArchive = regexp.MustCompile(`(?i)matched no objects|not found: 404|bucket does not exist`)

func (c *cloudFunctions) removeArchive(ctx context.Context, r removals) error {
	res, err := c.run(ctx, r.archive)
	if err != nil && noArchive.MatchString(res.Stderr) {
		return nil
	}
	return err
}

// removeImages deletes the packages whose name is that of the function, as Google writes it: hyphens doubled, perhaps
// behind project and region with two underscores between them; and the cache of its build, which is the same name with
// /cache behind it.
func (c *cloudFunctions) removeImages(ctx context.Context, name string, r removals) error {
	res, err := c.run(ctx, r.images)
	if err != nil && c.missing(res, imagesRegistry) {
		return nil // no function was ever built here
	}
	if err != nil {
		return err
	}
	own := strings.ReplaceAll(name, "-", "--")
	var errs []error
	for line := range strings.Lines(res.Stdout) {
		image := strings.TrimSpace(line)
		if _, after, ok := strings.Cut(image, "/packages/"); ok {
			image = after
		}
		if of := strings.TrimSuffix(image, "/cache"); of != own && !strings.HasSuffix(of, "__"+own) {
			continue
		}
		if res, err := c.run(ctx, r.image(image)); err != nil && !c.missing(res, image) {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	return nil
}
