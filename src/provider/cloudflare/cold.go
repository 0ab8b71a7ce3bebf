package cloudflare

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/shell"
)

// wasVersion is the key of the version of a Worker that was deployed.
const wasVersion = "wasVersion"

// Configuration gives the version of a Worker that is deployed: versions never change, so that to deploy it again puts
// all of the Worker's configuration back.
func (c *connection) Configuration(ctx context.Context, e provider.Endpoint) (map[string]string, error) {
	name := e.Detail[provider.DetailUnit]
	if name == "" {
		return nil, errors.New("the Worker of a function is not named")
	}
	dir, tidy, err := c.removalDir(e.Detail[provider.DetailDir], name)
	if err != nil {
		return nil, err
	}
	defer tidy()
	version, err := c.deployedVersion(ctx, dir, e.Detail[provider.DetailAccount], name)
	if err != nil {
		return nil, err
	}
	if version == "" {
		return nil, fmt.Errorf("the Worker %s is not there, or no single version of it is deployed", name)
	}
	return map[string]string{wasVersion: version}, nil
}

// Restore deploys the version of before again.
func (c *connection) Restore(ctx context.Context, was map[string]string) error {
	name, account, version := was[provider.DetailUnit], was[provider.DetailAccount], was[wasVersion]
	dir, tidy, err := c.removalDir("", name) // what it does follows from its arguments alone
	if err != nil {
		return err
	}
	defer tidy()
	now, err := c.deployedVersion(ctx, dir, account, name)
	if err != nil || now == version {
		return err
	}
	res, err := c.wrangler(ctx, c.restoration(dir, account, name, version))
	if noWorker(res) {
		return nil
	}
	if err != nil {
		return err
	}
	if now, err = c.deployedVersion(ctx, dir, account, name); err == nil && now != version {
		err = fmt.Errorf("of the Worker %s version %q is deployed, not %s", name, now, version)
	}
	return err
}

// restoration is the command that deploys a version again
// (developers.cloudflare.com/workers/wrangler/commands/#versions-deploy).
func (c *connection) restoration(dir, account, name, version string) shell.Command {
	return c.command(dir, account, "versions", "deploy", version+"@100%", "--name", name, "--yes")
}

// deployedVersion is the version of a Worker that has all requests; empty where there is none, or no Worker.
func (c *connection) deployedVersion(ctx context.Context, dir, account, name string) (string, error) {
	ask := c.deployments
	if !c.hasKey() {
		ask = func(ctx context.Context, account, name string) ([]deployment, error) {
			return c.toldDeployments(ctx, dir, account, name)
		}
	}
	all, err := ask(ctx, account, name)
	if isNoWorker(err) {
		return "", nil
	}
	newest, version := "", ""
	for _, d := range all {
		if d.Created < newest {
			continue
		}
		newest, version = d.Created, ""
		if len(d.Versions) == 1 {
			version = d.Versions[0].ID
		}
	}
	return version, err
}

// toldDeployments are the deployments of a Worker as Wrangler lists them; none where there is no such Worker.
func (c *connection) toldDeployments(ctx context.Context, dir, account, name string) ([]deployment, error) {
	_, look := c.removal(dir, account, name)
	res, err := c.wrangler(ctx, look)
	if noWorker(res) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	at := strings.IndexAny(res.Stdout, "[{")
	if at < 0 {
		return nil, provider.OutputError(res.Stdout+res.Stderr, "wrangler deployments list: there is no JSON in it")
	}
	var all []deployment
	if err := json.NewDecoder(strings.NewReader(res.Stdout[at:])).Decode(&all); err != nil {
		return nil, provider.OutputError(res.Stdout+res.Stderr, "wrangler deployments list: %w", err)
	}
	return all, nil
}
