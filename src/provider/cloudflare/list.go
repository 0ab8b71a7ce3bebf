package cloudflare

import (
	"bytes"
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
	"stellar/src/provider"
)

// Wrangler lists no Workers, so the account is asked itself: developers.cloudflare.com/api/resources/workers. Workers
// have no tags that Wrangler could set: the variables STELLAR_RUN and STELLAR_EXPIRES, which Files writes, stand for
// them.

const (
	apiURL        = "https://api.cloudflare.com/client/v4"
	workerPrefix  = "stellar-" // of every run's service: only such Workers are looked into
	listTimeout   = time.Minute
	mostAPIAnswer = 16 << 20 // bytes

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

// apiError is what Cloudflare's API says in place of a result.
type apiError struct {
	status int
	text   string
}

func (e *apiError) Error() string { return e.text }

// ask gets a result of the API, from the place where Wrangler gets it too. A call that is throttled is made again.
func (c *connection) ask(ctx context.Context, what string, result any) error {
	return c.call(ctx, http.MethodGet, what, nil, result)
}

// post is ask with a question that is too long for an address.
func (c *connection) post(ctx context.Context, what string, question, result any) error {
	body, err := json.Marshal(question)
	if err != nil {
		return err
	}
	return c.call(ctx, http.MethodPost, what, body, result)
}

func (c *connection) call(ctx context.Context, method, what string, body []byte, result any) error {
	who, err := c.who(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	address := fmt.Sprintf("%s/accounts/%s/%s", strings.TrimSuffix(cmp.Or(c.Getenv("CLOUDFLARE_API_BASE_URL"), apiURL),
		"/"), url.PathEscape(who.account), what)
	wait := c.Patience.Wait
	for attempt := 1; ; attempt++ {
		err := c.callOnce(ctx, method, address, body, result)
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

func (c *connection) callOnce(ctx context.Context, method, address string, body []byte, result any) error {
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
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
func (c *connection) authorize(req *http.Request) error {
	if token, _ := c.FirstSet("CLOUDFLARE_API_TOKEN"); token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
		return nil
	}
	key, _ := c.FirstSet("CLOUDFLARE_API_KEY")
	mail, _ := c.FirstSet("CLOUDFLARE_EMAIL")
	if key == "" || mail == "" {
		return fail.Unsupported("the API of Cloudflare does not take a `wrangler login`").
			WithHint("set CLOUDFLARE_API_TOKEN and CLOUDFLARE_ACCOUNT_ID")
	}
	req.Header.Set("X-Auth-Key", key)
	req.Header.Set("X-Auth-Email", mail)
	return nil
}
