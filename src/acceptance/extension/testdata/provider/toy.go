// Package toy is a provider that deploys with a program called toyctl, a service for each function.
package toy

import (
	"context"
	"path/filepath"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/shell"
)

// Provider is the row of the table of providers.
func Provider() provider.Provider {
	return provider.Provider{
		Name: "toy", Runs: "toyctl deploy", Connect: connect, Divide: provider.OnePerFunction,
		Limits: provider.Limits{PackageTypes: []string{"Zip"}, MemoryMB: [2]int{64, 256}, TimeoutMax: 60},
		Can:    []string{"nothing else"},
	}
}

type connection struct{ provider.Options }

var (
	_ provider.Connection = (*connection)(nil)
	_ provider.Planner    = (*connection)(nil)
	_ provider.Checker    = (*connection)(nil)
	_ provider.Refuser    = (*connection)(nil)
	_ provider.Writer     = (*connection)(nil)
)

func connect(o provider.Options) provider.Connection { return &connection{o} }

func (c *connection) command(dir string, args ...string) shell.Command {
	return shell.Command{Name: "toyctl", Args: args, Dir: dir}
}

// Commands are those of one service.
func (c *connection) Commands(u provider.Unit) (deploy, remove []shell.Command) {
	dir := c.UnitFolder(u)
	return []shell.Command{c.command(dir, "deploy", u.Name)}, []shell.Command{c.command(dir, "delete", u.Name)}
}

// Ready finds toyctl.
func (c *connection) Ready(ctx context.Context) provider.Readiness {
	return provider.Readiness{Tools: []provider.Tool{c.FindProgram(ctx, provider.Program{Name: "toyctl",
		Args: []string{"--version"}, Least: [3]int{1, 0, 0}, Install: "buy a toy"})}}
}

// Refuse names what a toy cannot do.
func (c *connection) Refuse(s *experiment.SubExperiment, _ *provider.Function) []provider.Refusal {
	return provider.RefuseHTTP2(s, "toys answer http1")
}

// Files is the one file that toyctl reads.
func (c *connection) Files(_ *run.Run, u provider.Unit, _ map[string]string) ([]provider.File, error) {
	return []provider.File{{Name: "toy.txt", Text: []byte(u.Name + "\n")}}, nil
}

// ListAPIs gives no functions.
func (c *connection) ListAPIs(context.Context) ([]provider.Endpoint, error) { return nil, nil }

// DeployFunctions deploys some services at once.
func (c *connection) DeployFunctions(ctx context.Context, fns []*provider.Function) ([]provider.Endpoint, error) {
	return c.DeployEach(ctx, provider.OnePerFunction(c.Service, fns), func(u provider.Unit) string { return u.Name },
		func(ctx context.Context, u provider.Unit) (provider.Endpoint, error) {
			_, err := c.RunCommand(ctx, c.command(c.UnitFolder(u), "deploy", u.Name))
			return provider.Endpoint{URL: "https://toy.example/" + u.Name, Provider: "toy"}, err
		})
}

// UpdateFunction deploys the service again.
func (c *connection) UpdateFunction(ctx context.Context, _ provider.Endpoint, fn *provider.Function) error {
	_, err := c.DeployFunctions(ctx, []*provider.Function{fn})
	return err
}

// RemoveFunctions deletes services and makes sure that they are gone.
func (c *connection) RemoveFunctions(ctx context.Context, units []provider.Unit) error {
	return provider.ForEach(ctx, c.Patience.Parallel, units, func(ctx context.Context, u provider.Unit) error {
		if _, err := c.RunCommand(ctx, c.command(filepath.Clean(u.Folder), "delete", u.Name)); err != nil {
			return err
		}
		return c.VerifyAbsent(ctx, "the toy "+u.Name, u.Confirmed, func(ctx context.Context) (bool, error) {
			res, err := c.RunCommand(ctx, c.command("", "list"))
			return res.Stdout == u.Name, err
		})
	})
}
