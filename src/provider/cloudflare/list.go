package cloudflare

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
)

// Wrangler lists no Workers, so the account is asked itself: developers.cloudflare.com/api/resources/workers. Workers
// have no tags that Wrangler could set: the variables STELLAR_RUN and STELLAR_EXPIRES, which Files writes, stand for
// them.

const (
	workerPrefix = "stellar-" // of every run's service: only such Workers are looked into

	// Variables of a Worker that stand for the tags of a run.

	runVariable     = "STELLAR_RUN"
	expiresVariable = "STELLAR_EXPIRES"
	ownerVariable   = "STELLAR_OWNER"
)

// ListAPIs lists the run's Workers that stand.
func (c *connection) ListAPIs(ctx context.Context) ([]provider.Endpoint, error) {
	all, err := c.Tagged(ctx)
	if err != nil {
		return nil, err
	}
	var domain struct{ Subdomain string }
	if len(all) > 0 {
		if err := c.ask(ctx, "workers/subdomain", &domain); err != nil {
			return nil, err
		}
	}
	var out []provider.Endpoint
	for _, t := range all {
		name := t.Unit.Name
		if name != c.Service && !strings.HasPrefix(name, c.Service+"-") {
			continue
		}
		out = append(out, provider.Endpoint{Provider: "cloudflare",
			URL:      fmt.Sprintf("https://%s.%s.workers.dev", name, domain.Subdomain),
			Function: strings.TrimPrefix(strings.TrimPrefix(name, c.Service), "-"),
			Detail: map[string]string{provider.DetailUnit: name,
				provider.DetailAccount: t.Unit.Where[provider.DetailAccount]}})
	}
	return out, nil
}

// Tagged lists the account's Workers that carry a run's variables.
func (c *connection) Tagged(ctx context.Context) ([]provider.Tagged, error) {
	who, err := c.who(ctx)
	if err != nil {
		return nil, err
	}
	var scripts []struct{ ID string }
	if err := c.ask(ctx, "workers/scripts", &scripts); err != nil {
		return nil, err
	}
	found := make([]provider.Tagged, len(scripts))
	var g errgroup.Group
	g.SetLimit(c.Patience.Parallel)
	for i, s := range scripts {
		if !strings.HasPrefix(s.ID, workerPrefix) {
			continue
		}
		g.Go(fail.Trying(func() error {
			var err error
			found[i], err = c.tagsOf(ctx, s.ID, who.account)
			return err
		}))
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	var out []provider.Tagged
	for _, t := range found {
		if t.Run != "" {
			out = append(out, t)
		}
	}
	return out, nil
}

// tagsOf reads a Worker's variables; one that is not ours, or is gone by now, has no Run.
func (c *connection) tagsOf(ctx context.Context, name, account string) (provider.Tagged, error) {
	var settings struct {
		Bindings []struct{ Type, Name, Text string }
	}
	err := c.ask(ctx, "workers/scripts/"+url.PathEscape(name)+"/settings", &settings)
	var status *apiError
	if errors.As(err, &status) && status.status == http.StatusNotFound {
		return provider.Tagged{}, nil
	}
	if err != nil {
		return provider.Tagged{}, err
	}
	t := provider.Tagged{Unit: provider.Unit{Name: name, Where: map[string]string{provider.DetailAccount: account},
		Confirmed: true}}
	for _, b := range settings.Bindings {
		switch {
		case b.Type == "plain_text" && b.Name == runVariable:
			t.Run = b.Text
		case b.Type == "plain_text" && b.Name == ownerVariable:
			t.Owner = b.Text
		case b.Type == "plain_text" && b.Name == expiresVariable:
			t.Expires, _ = time.Parse(time.RFC3339, b.Text)
		}
	}
	return t, nil
}
