package azure

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
	"sync"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
)

// restClient asks Azure Resource Manager what the plugin cannot be trusted with: it takes any error of a look-up for
// absence, and ends with exit code 0. The secret goes over the connection alone, never into a command's arguments.
//
// learn.microsoft.com/rest/api/resources/resource-groups,
// learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
type restClient struct {
	provider.Options
	principal
	client   *http.Client
	audience string // whom tokens are for; empty: Resource Manager

	mu      sync.Mutex
	token   string
	expires time.Time
}

const (
	loginURL      = "https://login.microsoftonline.com"
	managementURL = "https://management.azure.com"
	maxAnswer     = 16 << 20

	armGroups = "2021-04-01" // api-version of resource groups
	armSites  = "2022-09-01" // of apps
)

func newRestClient(o provider.Options, login principal) *restClient {
	return &restClient{Options: o, principal: login, client: &http.Client{Timeout: time.Minute}}
}

// armError is what Azure says of a request that it refuses.
type armError struct {
	status int
	Code   string
	what   string
}

func (e *armError) Error() string {
	return fmt.Sprintf("Azure answers %d %s: %s", e.status, e.Code, e.what)
}

// retryable are answers after which the same request may be made again.
func (e *armError) retryable() bool {
	return e.status == http.StatusTooManyRequests || e.status >= http.StatusInternalServerError
}

// ask makes a request of Resource Manager; path begins at the subscription. into may be nil.
func (a *restClient) ask(ctx context.Context, method, path string, query url.Values, into any) error {
	return a.tell(ctx, method, path, query, nil, into)
}

// tell makes a request with a body in JSON; nil: with none.
func (a *restClient) tell(ctx context.Context, method, path string, query url.Values, body []byte, into any) error {
	base := strings.TrimSuffix(cmp.Or(a.Getenv("STELLAR_AZURE_URL"), managementURL), "/")
	address := base + "/subscriptions/" + url.PathEscape(a.subscription) + path + "?" + query.Encode()
	return a.persist(ctx, func() error {
		token, err := a.bearer(ctx)
		if err != nil {
			return err
		}
		req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
		if err != nil {
			return err
		}
		if body != nil {
			req.Header.Set("Content-Type", "application/json")
		}
		req.Header.Set("Authorization", "Bearer "+token)
		return a.send(req, into)
	})
}

// persist makes a request again where Azure is asked too often, or has a fault of its own.
func (a *restClient) persist(ctx context.Context, try func() error) error {
	wait := a.Patience.Wait
	for attempt := 1; ; attempt++ {
		err := try()
		var said *armError
		if err == nil || attempt >= a.Patience.Attempts || (errors.As(err, &said) && !said.retryable()) ||
			errors.Is(err, errLogin) {
			return err
		}
		if err := provider.Pause(ctx, wait); err != nil {
			return err
		}
		wait *= 2
	}
}

func (a *restClient) send(req *http.Request, into any) error {
	resp, err := a.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		var said struct {
			Error struct{ Code, Message string }
		}
		_ = json.Unmarshal(text, &said) // what is no JSON has no code
		return &armError{resp.StatusCode, said.Error.Code, cmp.Or(said.Error.Message, http.StatusText(resp.StatusCode))}
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(text, into); err != nil {
		return provider.OutputError(string(text), "Azure's answer: %w", err)
	}
	return nil
}

var errLogin = errors.New("the service principal may not log in")

// bearer is a token for the client's audience, asked for once in its life.
func (a *restClient) bearer(ctx context.Context) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.token != "" && time.Now().Before(a.expires) {
		return a.token, nil
	}
	login := strings.TrimSuffix(cmp.Or(a.Getenv("AZURE_AUTHORITY_HOST"), loginURL), "/")
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {a.clientID}, "client_secret": {a.secret},
		"scope": {cmp.Or(a.audience, managementURL) + "/.default"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost,
		login+"/"+url.PathEscape(a.tenant)+"/oauth2/v2.0/token", bytes.NewBufferString(form.Encode()))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := a.client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var got struct {
		Token   string `json:"access_token"`
		Seconds int    `json:"expires_in"`
		Error   string `json:"error"`
		Why     string `json:"error_description"`
	}
	err = json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&got)
	why, _, _ := strings.Cut(got.Why, "\r\n")
	switch said := (&armError{resp.StatusCode, got.Error,
		"log in: " + cmp.Or(why, http.StatusText(resp.StatusCode))}); {
	case said.retryable():
		return "", said
	case err != nil:
		return "", fmt.Errorf("log in at Azure: status %d: %w", resp.StatusCode, err)
	case resp.StatusCode/100 == 2 && got.Token == "":
		return "", fmt.Errorf("log in at Azure: status %d: the answer has no token", resp.StatusCode)
	case got.Token == "":
		return "", fail.Input("%w: %s", errLogin, cmp.Or(why, got.Error, resp.Status)).
			WithHint("check %s, %s and %s; a secret expires some months after its creation", envTenant, envClient,
				envSecret)
	}
	a.token, a.expires = got.Token, time.Now().Add(time.Duration(got.Seconds)*time.Second*9/10)
	return a.token, nil
}

// look makes sure that the service principal can see resource groups of the subscription.
func (a *restClient) look(ctx context.Context) error {
	return a.ask(ctx, http.MethodGet, "/resourcegroups", url.Values{"api-version": {armGroups}, "$top": {"1"}}, nil)
}

// armGroup is a resource group.
type armGroup struct {
	Name     string
	Location string
	Tags     map[string]string
}

// group looks for a resource group; nil where there is none. That the subscription is not found, or may not be looked
// into, is an error.
func (a *restClient) group(ctx context.Context, name string) (*armGroup, error) {
	var g armGroup
	err := a.ask(ctx, http.MethodGet, "/resourcegroups/"+url.PathEscape(name), url.Values{"api-version": {armGroups}},
		&g)
	var said *armError
	if errors.As(err, &said) && said.Code == "ResourceGroupNotFound" {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &g, nil
}

// tag gives a resource group tags beside those that it has
// (learn.microsoft.com/rest/api/resources/tags/update-at-scope).
func (a *restClient) tag(ctx context.Context, group string, tags map[string]string) error {
	body, err := json.Marshal(map[string]any{"operation": "Merge", "properties": map[string]any{"tags": tags}})
	if err != nil {
		return err
	}
	path := "/resourcegroups/" + url.PathEscape(group) + "/providers/Microsoft.Resources/tags/default"
	return a.tell(ctx, http.MethodPatch, path, url.Values{"api-version": {armGroups}}, body, nil)
}

// tagged lists the resource groups that carry the tag stellar-run.
func (a *restClient) tagged(ctx context.Context) ([]armGroup, error) {
	var out []armGroup
	query := url.Values{"api-version": {armGroups}, "$filter": {"tagName eq '" + provider.TagRun + "'"}}
	for {
		var page struct {
			Value    []armGroup
			NextLink string
		}
		if err := a.ask(ctx, http.MethodGet, "/resourcegroups", query, &page); err != nil {
			return nil, err
		}
		out = append(out, page.Value...)
		next, err := url.Parse(page.NextLink)
		if err != nil || page.NextLink == "" {
			return out, err
		}
		query = next.Query()
	}
}

// remove deletes a resource group with all that is in it, and waits until it is gone.
func (a *restClient) remove(ctx context.Context, name string) error {
	err := a.ask(ctx, http.MethodDelete, "/resourcegroups/"+url.PathEscape(name),
		url.Values{"api-version": {armGroups}}, nil)
	var said *armError
	if errors.As(err, &said) && said.Code == "ResourceGroupNotFound" {
		return nil
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, a.Patience.Command)
	defer cancel()
	for {
		g, err := a.group(ctx, name)
		if err != nil || g == nil {
			return err
		}
		if err := provider.Pause(ctx, a.Patience.Settle); err != nil {
			return err
		}
	}
}

func (a *restClient) site(group, app string) string {
	return "/resourceGroups/" + url.PathEscape(group) + "/providers/Microsoft.Web/sites/" + url.PathEscape(app)
}

// addresses are those of the functions of an app, as Azure itself reports them.
func (a *restClient) addresses(ctx context.Context, group, app string) ([]string, error) {
	var list struct {
		Value []struct {
			Properties struct {
				Invoke string `json:"invoke_url_template"`
			}
		}
	}
	err := a.ask(ctx, http.MethodGet, a.site(group, app)+"/functions", url.Values{"api-version": {armSites}}, &list)
	var said *armError
	if errors.As(err, &said) && said.status == http.StatusNotFound {
		return nil, nil
	}
	var out []string
	for _, f := range list.Value {
		out = append(out, f.Properties.Invoke)
	}
	return out, err
}
