package pipeline

import (
	"cmp"
	"context"
	"path/filepath"
	"slices"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/deploy"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/local/sigv4"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/provider/vendors"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/shell"
	"github.com/vhive-serverless/STeLLAR/src/signing"
)

// connector opens the connections of a run to its provider.
type connector struct {
	config   Config
	platform *localPlatform
	place    map[string]string // where the run's units go; nil until it is looked up
}

// connect opens the connection to the run's provider.
func (c *connector) connect(r *run.Run) (provider.Connection, error) {
	if !c.config.Deploys(r.Experiment) {
		return c.config.OpenStanding(r.Experiment)
	}
	opts := c.ConnectionOptions(r, r.Experiment.ProviderKind())
	opts.Region, opts.Target, opts.Where = r.Experiment.Region, r.Experiment.Provider, c.place
	return c.open(r.Experiment.ProviderKind(), opts)
}

// connectUnit connects to where a unit of the journal is. Only the journal says where: the experiment file and the
// environment of the run may have changed since.
func (c *connector) connectUnit(r *run.Run, res run.Resource) (provider.Connection, error) {
	was := *r
	was.ServiceDir, was.Service = res.Attrs[provider.DetailDir], res.Name
	opts := c.ConnectionOptions(&was, res.Attrs["provider"])
	opts.Region = res.Attrs[provider.DetailRegion]
	return c.open(res.Attrs["provider"], opts)
}

func (c *connector) open(kind string, opts provider.Options) (provider.Connection, error) {
	row, err := vendors.Find(kind)
	if err != nil {
		return nil, err
	}
	if row.Local && c.platform.client == nil {
		return nil, fail.With(fail.CodeFailed, "the local platform is not running")
	}
	return row.Open(opts)
}

// ConnectionOptions are what a connection needs of the run and the machine.
func (c *connector) ConnectionOptions(r *run.Run, kind string) provider.Options {
	j := &c.config
	kit := deploy.Kit{
		Getenv: j.Getenv, Runner: j.Runner, Scripts: j.scripts(), Cache: r.CacheDir, Timeout: j.Patience.Command,
		Retry: shell.Retry{Attempts: cmp.Or(j.Patience.Attempts, 4), Wait: cmp.Or(j.Patience.Wait, 5*time.Second),
			If: provider.Throttled},
		Log: func(line string) { j.Log.Debugf("serverless: %s", line) },
	}
	opts := provider.Options{Service: r.Service, ServiceDir: r.ServiceDir, Tags: r.Tags, Getenv: j.Getenv,
		Runner: j.Runner, LookPath: j.lookPath, Log: j.Log, Account: j.AWSAccount, Patience: j.Patience}
	row, _ := vendors.Find(kind) // an unknown one has no secrets
	for _, name := range slices.Concat(row.Secrets, []string{envStorageSecret, envStorageSession}) {
		if v := j.Getenv(name); v != "" {
			kit.Secrets = append(kit.Secrets, v)
		}
	}
	passEnvironment(&kit, r.Experiment, j.Getenv)
	if client := c.platform.client; client != nil && row.Local {
		kit.Env = append(kit.Env, "STELLAR_LOCAL_URL="+client.URL, "STELLAR_LOCAL_TOKEN="+client.Token)
		kit.Secrets = append(kit.Secrets, client.Token)
		keys := sigv4.Derive(client.Token)
		opts.LambdaKey = signing.Key{ID: keys.ID, Secret: keys.Secret}
		kit.Secrets = append(kit.Secrets, keys.Secret)
		opts.Retire = func(ctx context.Context, function string) error {
			_, err := client.RetireAndWait(ctx, r.Service, function)
			return err
		}
	}
	opts.Serverless = kit.Open
	return opts
}

// passEnvironment gives the Serverless CLI the variables that functions' environments refer to, in the form in which it
// takes their values as they are.
func passEnvironment(kit *deploy.Kit, exp *experiment.Experiment, getenv func(string) string) {
	if exp == nil {
		return
	}
	for i := range exp.SubExperiments {
		for _, v := range exp.SubExperiments[i].EnvironmentVariables() {
			kit.Hide = true
			value := getenv(v.Name)
			escaped, err := provider.EscapeVariables(value)
			if value == "" || err != nil { // the checks before the run have said so
				continue
			}
			kit.Env = append(kit.Env, v.Name+"="+escaped)
			if len(value) >= secretLeast {
				kit.Secrets = append(kit.Secrets, value, escaped)
			}
		}
	}
}

// secretLeast is the length from which on values are replaced in what a CLI prints: shorter ones, such as "eu" or
// "http", are part of other words.
const secretLeast = 6

// locate gives where a run's units will go, as far as its provider knows more than their names. It is looked up once,
// so that the index, the journal and the deployment always name the same place.
func (c *connector) locate(ctx context.Context, r *run.Run) (map[string]string, error) {
	if c.place != nil {
		return c.place, nil
	}
	kind := r.Experiment.ProviderKind()
	row, err := vendors.Find(kind)
	if err != nil || !row.CanDeploy() {
		return nil, err
	}
	opts := c.ConnectionOptions(r, kind)
	opts.Region = r.Experiment.Region
	conn, err := row.Open(opts)
	if err != nil {
		return nil, err
	}
	if l, ok := conn.(provider.Locator); ok {
		c.place, err = l.Locate(ctx)
	}
	return c.place, err
}

// units are what the run deploys.
func (c *connector) units(r *run.Run) []provider.Unit {
	if !c.config.Deploys(r.Experiment) {
		return nil
	}
	row, err := vendors.Find(r.Experiment.ProviderKind())
	if err != nil {
		return nil // the start of the run has found it before
	}
	return row.Units(r.Service, r.Unplaced())
}

// unitAttrs are what a later process needs to remove a unit, beside its name and folder.
func (c *connector) unitAttrs(r *run.Run) map[string]string {
	attrs := map[string]string{"provider": r.Experiment.ProviderKind()}
	if c.platform.hosts {
		attrs["url"] = c.platform.client.URL
	}
	return attrs
}

// OpenStanding opens a connection to functions that exist: of an endpoints file, or at a URL.
func (c Config) OpenStanding(exp *experiment.Experiment) (provider.Connection, error) {
	row, err := vendors.Find(exp.ProviderKind())
	if err != nil {
		return nil, err
	}
	if !row.Standing || !row.CanDeploy() {
		return provider.OpenEndpoints(c.Endpoints, row)
	}
	return row.Open(provider.Options{Target: exp.Provider})
}

// scripts is the folder in which `make setup` puts the CLIs that come from npm, each in a folder of its own.
func (c Config) scripts() string { return filepath.Join(filepath.Dir(c.Executable), "scripts") }

// lookPath finds a vendor's CLI on the PATH, or where `make setup` has put it.
func (c Config) lookPath(program string) (string, error) {
	return shell.LookPath(program, filepath.Join(c.scripts(), program, "node_modules", ".bin"))
}
