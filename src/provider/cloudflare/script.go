package cloudflare

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/url"
)

// Calls about one Worker (developers.cloudflare.com/api/resources/workers/subresources/scripts). Wrangler makes the
// same ones, each after the second that it takes to start.

// versionVariable has another value in each version of a Worker that is to start cold.
const versionVariable = "STELLAR_VERSION"

// Paths below a Worker's own.
const (
	settingsPath    = "/settings"
	deploymentsPath = "/deployments"
	deletePath      = "?force=true" // also what other Workers are bound to
)

// binding is a variable of a Worker, or something else that is bound to it.
type binding struct {
	Type string `json:"type"`
	Name string `json:"name"`
	Text string `json:"text,omitempty"`
}

// scriptCall is a call about a Worker; what is a path below it, empty for the Worker itself.
func scriptCall(method, account, name, what string) apiCall {
	return apiCall{account: account, method: method, path: "workers/scripts/" + url.PathEscape(name) + what}
}

// accountOf is the account that a unit names, else that of the environment.
func (c *connection) accountOf(ctx context.Context, named string) (string, error) {
	if named != "" {
		return named, nil
	}
	who, err := c.who(ctx)
	return who.account, err
}

// renew deploys a version of a Worker that differs from the one before in a variable only: its first request starts
// cold. The modules are not uploaded again. Other bindings are inherited, as `wrangler secret bulk` does it.
func (c *connection) renew(ctx context.Context, account, name string) error {
	account, err := c.accountOf(ctx, account)
	if err != nil {
		return err
	}
	var is struct{ Bindings []binding }
	if err := c.call(ctx, scriptCall(http.MethodGet, account, name, settingsPath), &is); err != nil {
		return err
	}
	now := binding{Type: "plain_text", Name: versionVariable, Text: newVersion()}
	next := []binding{now}
	for _, b := range is.Bindings {
		switch {
		case b.Name == versionVariable:
		case b.Type == "plain_text":
			next = append(next, b)
		default:
			next = append(next, binding{Type: "inherit", Name: b.Name})
		}
	}
	settings, err := json.Marshal(map[string]any{"bindings": next})
	if err != nil {
		return err
	}
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	if err := form.WriteField("settings", string(settings)); err != nil {
		return err
	}
	if err := form.Close(); err != nil {
		return err
	}
	change := scriptCall(http.MethodPatch, account, name, settingsPath)
	change.kind, change.body = form.FormDataContentType(), body.Bytes()
	if err := c.call(ctx, change, nil); err != nil {
		return fmt.Errorf("deploy a new version of the Worker %s: %w", name, err)
	}
	return nil
}

// deployment is one of a Worker's deployments.
type deployment struct {
	Created  string `json:"created_on"` // RFC 3339 in UTC
	Versions []struct {
		ID         string  `json:"version_id"`
		Percentage float64 `json:"percentage"`
	} `json:"versions"`
}

// deployments are those of a Worker, the newest ones; isNoWorker says of the error whether there is none.
func (c *connection) deployments(ctx context.Context, account, name string) ([]deployment, error) {
	var is struct{ Deployments []deployment }
	err := c.call(ctx, scriptCall(http.MethodGet, account, name, deploymentsPath), &is)
	return is.Deployments, err
}

// deleteWorker deletes a Worker with all its versions. One that does not exist is no error.
func (c *connection) deleteWorker(ctx context.Context, account, name string) error {
	err := c.call(ctx, scriptCall(http.MethodDelete, account, name, deletePath), nil)
	if isNoWorker(err) {
		return nil
	}
	return err
}
