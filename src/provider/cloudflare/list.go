package provider

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"stellar/src/fail"
)

// Wrangler lists no Workers, so the account is asked itself: developers.cloudflare.com/api/resources/workers. Workers have no tags that
// Wrangler could set: the variables STELLAR_RUN and STELLAR_EXPIRES, which generate writes, stand for them.

const (
	cloudflareAPI  = "https://api.cloudflare.com/client/v4"
	workerPrefix   = "stellar-" // of every run's service: only such Workers are looked into
	listTimeout    = time.Minute
	mostAPIAnswer  = 16 << 20 // bytes
	tagRunVariable = "STELLAR_RUN"
	tagExpiresVar  = "STELLAR_EXPIRES"
	tagOwnerVar    = "STELLAR_OWNER"
)

var _ Sweeper = (*cloudflare)(nil)

// ListAPIs lists the run's Workers that stand.
func (c *cloudflare) ListAPIs(ctx context.Context) ([]Endpoint, error) {
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
	var out []Endpoint
	for _, t := range all {
		name := t.Unit.Detail[DetailUnit]
		if name != c.Service && !strings.HasPrefix(name, c.Service+"-") {
			continue
		}
		e := t.Unit
		e.Function = strings.TrimPrefix(strings.TrimPrefix(name, c.Service), "-")
		e.URL = fmt.Sprintf("https://%s.%s.workers.dev", name, domain.Subdomain)
		out = append(out, e)
	}
	return out, nil
}

// Tagged lists the account's Workers that carry a run's variables.
func (c *cloudflare) Tagged(ctx context.Context) ([]Tagged, error) {
	who, err := c.who(ctx)
	if err != nil {
		return nil, err
	}
	var scripts []struct{ ID string }
	if err := c.ask(ctx, "workers/scripts", &scripts); err != nil {
		return nil, err
	}
	found := make([]Tagged, len(scripts))
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
	var out []Tagged
	for _, t := range found {
		if t.Run != "" {
			out = append(out, t)
		}
	}
	return out, nil
}

// tagsOf reads a Worker's variables; one that is not ours, or is gone by now, has no Run.
func (c *cloudflare) tagsOf(ctx context.Context, name, account string) (Tagged, error) {
	var settings struct {
		Bindings []struct{ Type, Name, Text string }
	}
	err := c.ask(ctx, "workers/scripts/"+url.PathEscape(name)+"/settings", &settings)
	var status *apiError
	if errors.As(err, &status) && status.status == http.StatusNotFound {
		return Tagged{}, nil
	}
	if err != nil {
		return Tagged{}, err
	}
	t := Tagged{Unit: Endpoint{Provider: "cloudflare", Detail: map[string]string{DetailUnit: name, detailAccount: account, DetailConfirmed: "yes"}}}
	for _, b := range settings.Bindings {
		switch {
		case b.Type == "plain_text" && b.Name == tagRunVariable:
			t.Run = b.Text
		case b.Type == "plain_text" && b.Name == tagOwnerVar:
			t.Owner = b.Text
		case b.Type == "plain_text" && b.Name == tagExpiresVar:
			t.Expires, _ = time.Parse(time.RFC3339, b.Text)
		}
	}
	return t, nil
}

// apiError is what Cloudflare's API says in place of a result.
type apiError struct {
	status int
	text   string
}

func (e *apiError) Error() string { return e.text }

// ask gets a result of the API, from the place where Wrangler gets it too. A call that is throttled is made again.
func (c *cloudflare) ask(ctx context.Context, what string, result any) error {
	who, err := c.who(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	address := fmt.Sprintf("%s/accounts/%s/%s", strings.TrimSuffix(cmp.Or(c.Getenv("CLOUDFLARE_API_BASE_URL"), cloudflareAPI), "/"), url.PathEscape(who.account), what)
	wait := c.Patience.Wait
	for attempt := 1; ; attempt++ {
		err := c.askOnce(ctx, address, result)
		var status *apiError
		if !errors.As(err, &status) || status.status != http.StatusTooManyRequests || attempt >= c.Patience.Attempts {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
		}
		wait *= 2
	}
}

func (c *cloudflare) askOnce(ctx context.Context, address string, result any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	if err := c.authorize(req); err != nil {
		return err
	}
	resp, err := (&http.Client{}).Do(req)
	if err != nil {
		return fmt.Errorf("ask Cloudflare: %w", err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, mostAPIAnswer))
	if err != nil {
		return fmt.Errorf("ask Cloudflare: %w", err)
	}
	var envelope struct {
		Success bool
		Errors  []struct {
			Code    int
			Message string
		}
		Result json.RawMessage
	}
	if err := json.Unmarshal(text, &envelope); err != nil || !envelope.Success {
		said := fmt.Sprintf("Cloudflare answered %s to %s", resp.Status, req.URL.Path)
		for _, e := range envelope.Errors {
			said += fmt.Sprintf(": %s [code: %d]", e.Message, e.Code)
		}
		return &apiError{resp.StatusCode, said}
	}
	return json.Unmarshal(envelope.Result, result)
}

// authorize signs a request with the token or key of the environment. What `wrangler login` has kept is Wrangler's own.
func (c *cloudflare) authorize(req *http.Request) error {
	if token, _ := c.anyOf("CLOUDFLARE_API_TOKEN"); token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
		return nil
	}
	key, _ := c.anyOf("CLOUDFLARE_API_KEY")
	mail, _ := c.anyOf("CLOUDFLARE_EMAIL")
	if key == "" || mail == "" {
		return fail.Unsupported("Workers of a `wrangler login` cannot be listed").WithHint("set CLOUDFLARE_API_TOKEN and CLOUDFLARE_ACCOUNT_ID")
	}
	req.Header.Set("X-Auth-Key", key)
	req.Header.Set("X-Auth-Email", mail)
	return nil
}
