package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// Client calls the control API of a platform.
type Client struct {
	URL   string
	Token string
	http  *http.Client
}

// New makes a client of the control API at url.
func New(url, token string) *Client {
	// Loopback only, so no proxy of the environment; connections are not kept, so that a client needs no closing.
	return &Client{URL: url, Token: token, http: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
}

// StatusError is an answer of the control API that is not a success.
type StatusError struct {
	Status  int
	Message string
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("local platform answers %d: %s", e.Status, e.Message)
}

// Status asks for the platform's status.
func (c *Client) Status(ctx context.Context) (Status, error) {
	return ask[Status](ctx, c, http.MethodGet, "/v1/status", nil)
}

// Stop asks the platform to end; it returns before the platform has ended.
func (c *Client) Stop(ctx context.Context) error {
	_, err := ask[any](ctx, c, http.MethodPost, "/v1/stop", nil)
	return err
}

// Services lists the deployed services.
func (c *Client) Services(ctx context.Context) ([]Service, error) {
	list, err := ask[struct{ Services []Service }](ctx, c, http.MethodGet, "/v1/services", nil)
	return list.Services, err
}

// Service asks for one service; a StatusError 404 means that it does not exist.
func (c *Client) Service(ctx context.Context, name string) (Service, error) {
	return ask[Service](ctx, c, http.MethodGet, servicePath(name), nil)
}

// Put deploys a service: all of its functions, or an error and nothing has changed.
func (c *Client) Put(ctx context.Context, name string, spec ServiceSpec) (Service, error) {
	return ask[Service](ctx, c, http.MethodPut, servicePath(name), spec)
}

// Delete removes a service and returns when nothing of it is left; a StatusError 404 means that it did not exist.
func (c *Client) Delete(ctx context.Context, name string) error {
	_, err := ask[any](ctx, c, http.MethodDelete, servicePath(name), nil)
	return err
}

// Retire ends a function's instances, busy ones after their request, and returns their number.
func (c *Client) Retire(ctx context.Context, service, function string) (int, error) {
	return c.retire(ctx, functionPath(service, function)+"/retire")
}

// RetireAndWait is Retire that returns when nothing of these instances is left.
func (c *Client) RetireAndWait(ctx context.Context, service, function string) (int, error) {
	return c.retire(ctx, functionPath(service, function)+"/retire?wait=true")
}

func (c *Client) retire(ctx context.Context, path string) (int, error) {
	told, err := ask[struct{ Retired int }](ctx, c, http.MethodPost, path, nil)
	return told.Retired, err
}

// Logs returns a function's log from byte offset on, and the offset to continue from; parts that are no longer kept are
// skipped.
func (c *Client) Logs(ctx context.Context, service, function string, offset int64) (text []byte, next int64,
	err error) {
	path := functionPath(service, function) + "/logs?offset=" + strconv.FormatInt(offset, 10)
	res, err := c.send(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, offset, err
	}
	defer res.Body.Close()
	if text, err = io.ReadAll(res.Body); err != nil {
		return nil, offset, fail.With(fail.CodeFailed, "local platform: read log of %s: %w", function, err)
	}
	if next, err = strconv.ParseInt(res.Header.Get("X-Next-Offset"), 10, 64); err != nil {
		return nil, offset, fail.With(fail.CodeFailed, "local platform: log of %s: X-Next-Offset: %w", function, err)
	}
	return text, next, nil
}

func servicePath(name string) string { return "/v1/services/" + url.PathEscape(name) }

func functionPath(service, function string) string {
	return servicePath(service) + "/functions/" + url.PathEscape(function)
}

// ask sends a request and reads the JSON that answers it.
func ask[T any](ctx context.Context, c *Client, method, path string, body any) (out T, err error) {
	res, err := c.send(ctx, method, path, body)
	if err != nil {
		return out, err
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
		return out, fail.With(fail.CodeFailed, "local platform: %s %s: read answer: %w", method, path, err)
	}
	return out, nil
}

// send returns the answer if it is a success; the caller closes its body.
func (c *Client) send(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, fail.With(fail.CodeFailed, "local platform: %s %s: %w", method, path, err)
		}
		content = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.URL+path, content)
	if err != nil {
		return nil, fail.With(fail.CodeFailed, "local platform: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+c.Token)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, fail.With(fail.CodeFailed, "local platform: %w", err).
			WithHint("is it running? stellar local status says so, stellar local start starts one")
	}
	if res.StatusCode/100 == 2 {
		return res, nil
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	var told struct{ Error string }
	if json.Unmarshal(text, &told) != nil || told.Error == "" {
		told.Error = string(text)
	}
	code := fail.CodeFailed
	if res.StatusCode/100 == 4 {
		code = fail.CodeInput
	}
	return nil, fail.With(code, "%w", &StatusError{Status: res.StatusCode, Message: told.Error})
}
