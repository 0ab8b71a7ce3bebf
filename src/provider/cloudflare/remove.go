package cloudflare

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/shell"
)

// RemoveFunctions deletes Workers and makes sure that they are gone.
func (c *connection) RemoveFunctions(ctx context.Context, units []provider.Unit) error {
	return provider.ForEach(ctx, c.Patience.Parallel, units, c.remove)
}

// remove deletes a Worker through the API, or with Wrangler where there is only a `wrangler login`. It judges by what
// is left.
func (c *connection) remove(ctx context.Context, u provider.Unit) error {
	if u.Name == "" {
		return errors.New("the Worker of a unit is not named")
	}
	remove, exists, tidy, err := c.removers(ctx, u)
	if err != nil {
		return err
	}
	defer tidy()
	failed := remove(ctx)
	err = c.VerifyAbsent(ctx, "the Worker "+u.Name, u.Confirmed, exists)
	if err != nil && failed != nil && !errors.Is(err, failed) {
		return provider.Join([]error{failed, err})
	}
	return err
}

// removers give the removal of a Worker, the question whether it is there, and what is to be done after both.
func (c *connection) removers(ctx context.Context, u provider.Unit) (remove func(context.Context) error,
	exists func(context.Context) (bool, error), tidy func(), err error) {
	name, account := u.Name, u.Where[provider.DetailAccount]
	if !c.hasKey() {
		dir, tidy, err := c.removalDir(u.Folder, name)
		remove, exists := c.wranglerRemovers(dir, account, name)
		return remove, exists, tidy, err
	}
	account, err = c.accountOf(ctx, account)
	return func(ctx context.Context) error { return c.deleteWorker(ctx, account, name) },
		func(ctx context.Context) (bool, error) {
			_, err := c.deployments(ctx, account, name)
			if isNoWorker(err) {
				return false, nil
			}
			return err == nil, err
		}, func() {}, err
}

// wranglerRemovers are removers with Wrangler. It fails too where the Worker was not there, and where it is deleted but
// the login may not read the KV namespaces in which Wrangler looks for a Workers Site.
func (c *connection) wranglerRemovers(dir, account, name string) (remove func(context.Context) error,
	exists func(context.Context) (bool, error)) {
	gone, look := c.removal(dir, account, name)
	run := func(ctx context.Context, cmd shell.Command) (bool, error) {
		res, err := c.wrangler(ctx, cmd)
		if err != nil && noWorker(res) {
			return false, nil
		}
		return err == nil, err
	}
	remove = func(ctx context.Context) error {
		_, err := run(ctx, gone)
		return err
	}
	return remove, func(ctx context.Context) (bool, error) { return run(ctx, look) }
}

// noWorker reports whether Cloudflare says that there is no such Worker, in the words of Wrangler: codeNoWorker or
// codeNoService.
func noWorker(res shell.Result) bool {
	return absent.MatchString(res.Stderr) || absent.MatchString(res.Stdout)
}

var absent = regexp.MustCompile(`\[code: (?:10007|10090)\]|Worker does not exist on your account`)

// removalDir is the unit's folder, or one made for the purpose where that was deleted by hand: Wrangler is not to find
// the configuration of somebody else's Worker in the folder from which stellar was started.
func (c *connection) removalDir(dir, name string) (string, func(), error) {
	if _, err := os.Stat(filepath.Join(dir, wranglerConfig)); dir != "" && err == nil {
		return dir, func() {}, nil
	}
	temp, err := os.MkdirTemp("", "stellar-wrangler-")
	if err != nil {
		return "", nil, err
	}
	text := fmt.Sprintf("{\"name\": %q, \"send_metrics\": false}\n", name)
	if err := os.WriteFile(filepath.Join(temp, wranglerConfig), []byte(text), 0o600); err != nil {
		_ = os.RemoveAll(temp)
		return "", nil, err
	}
	return temp, func() { _ = os.RemoveAll(temp) }, nil
}
