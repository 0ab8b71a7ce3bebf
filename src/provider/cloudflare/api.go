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
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
)

// Cloudflare's REST API: developers.cloudflare.com/api. It needs a token or a key; a `wrangler login` is for Wrangler
// alone.

const (
	apiURL        = "https://api.cloudflare.com/client/v4"
	listTimeout   = time.Minute // of a list or a query with all its attempts
	callTimeout   = time.Minute // of one attempt
	mostAPIAnswer = 16 << 20    // bytes
)

// Codes of the API for a Worker that does not exist, of /workers/scripts and of /workers/services (workers-sdk,
// packages/wrangler/src/utils/worker-not-found-error.ts).
const (
	codeNoWorker  = 10007
	codeNoService = 10090
)

// apiError is what Cloudflare's API says in place of a result.
type apiError struct {
	status int
	codes  []int
	text   string
}

func (e *apiError) Error() string { return e.text }

// isNoWorker reports whether Cloudflare says that there is no such Worker. Other pages with status 404 do not say so.
func isNoWorker(err error) bool {
	var e *apiError
	return errors.As(err, &e) && (slices.Contains(e.codes, codeNoWorker) || slices.Contains(e.codes, codeNoService))
}

// apiCall is a request to the API of an account.
type apiCall struct {
	account string
	method  string
	path    string // below the account, escaped
	kind    string // media type of the body
	body    []byte
}

// hasKey reports whether the environment has what the API needs.
func (c *connection) hasKey() bool {
	token, _ := c.FirstSet(envToken)
	key, _ := c.FirstSet(envKey)
	mail, _ := c.FirstSet(envMail)
	return token != "" || key != "" && mail != ""
}

// ask gets a result of the API, from the place where Wrangler gets it too. A call that is throttled is made again.
func (c *connection) ask(ctx context.Context, what string, result any) error {
	return c.list(ctx, apiCall{method: http.MethodGet, path: what}, result)
}

// post is ask with a question that is too long for an address.
func (c *connection) post(ctx context.Context, what string, question, result any) error {
	body, err := json.Marshal(question)
	if err != nil {
		return err
	}
	return c.list(ctx, apiCall{method: http.MethodPost, path: what, kind: "application/json", body: body}, result)
}

// list makes a call of the connection's own account, for at most listTimeout.
func (c *connection) list(ctx context.Context, one apiCall, result any) error {
	who, err := c.who(ctx)
	if err != nil {
		return err
	}
	one.account = who.account
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	return c.call(ctx, one, result)
}

// call makes a call, again where Cloudflare throttles, as often as a command is repeated. The result may be nil.
func (c *connection) call(ctx context.Context, one apiCall, result any) error {
	wait := c.Patience.Wait
	for attempt := 1; ; attempt++ {
		err := c.callOnce(ctx, one, result)
		var status *apiError
		if !errors.As(err, &status) || status.status != http.StatusTooManyRequests || attempt >= c.Patience.Attempts ||
			provider.Pause(ctx, wait) != nil {
			return err
		}
		wait *= 2
	}
}

// addressOf is the URL of a call.
func (c *connection) addressOf(one apiCall) string {
	base := strings.TrimSuffix(cmp.Or(c.Getenv("CLOUDFLARE_API_BASE_URL"), apiURL), "/")
	return fmt.Sprintf("%s/accounts/%s/%s", base, url.PathEscape(one.account), one.path)
}

func (c *connection) callOnce(ctx context.Context, one apiCall, result any) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, one.method, c.addressOf(one), bytes.NewReader(one.body))
	if err != nil {
		return err
	}
	if one.kind != "" {
		req.Header.Set("Content-Type", one.kind)
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
	return readAnswer(resp, text, result)
}

// readAnswer decodes the result in an answer of the API, or gives its error.
func readAnswer(resp *http.Response, text []byte, result any) error {
	var envelope struct {
		Success bool
		Errors  []struct {
			Code    int
			Message string
		}
		Result json.RawMessage
	}
	if err := json.Unmarshal(text, &envelope); err == nil && envelope.Success {
		if result == nil {
			return nil
		}
		return json.Unmarshal(envelope.Result, result)
	}
	failed := &apiError{status: resp.StatusCode,
		text: fmt.Sprintf("Cloudflare answered %s to %s", resp.Status, resp.Request.URL.Path)}
	hint := ""
	for _, e := range envelope.Errors {
		failed.codes = append(failed.codes, e.Code)
		failed.text += fmt.Sprintf(": %s [code: %d]", e.Message, e.Code)
		hint = cmp.Or(hint, errorHints[strconv.Itoa(e.Code)])
	}
	return &fail.Error{Code: fail.CodeFailed, Hint: hint, Err: failed}
}

// authorize signs a request with the token or key of the environment.
func (c *connection) authorize(req *http.Request) error {
	if !c.hasKey() {
		return fail.Unsupported("the API of Cloudflare does not take a `wrangler login`").
			WithHint("set CLOUDFLARE_API_TOKEN and CLOUDFLARE_ACCOUNT_ID")
	}
	if token, _ := c.FirstSet(envToken); token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
		return nil
	}
	key, _ := c.FirstSet(envKey)
	mail, _ := c.FirstSet(envMail)
	req.Header.Set("X-Auth-Key", key)
	req.Header.Set("X-Auth-Email", mail)
	return nil
}
