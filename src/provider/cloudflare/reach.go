package cloudflare

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A new Worker's name is known everywhere some seconds after Cloudflare has taken it. Until then the edge answers in
// its place, and a run that began at once would measure its error pages. Asking starts the Worker, though, and the
// first burst would not find it cold: so once it has answered it is deployed a second time. A new version starts anew,
// and until a place knows it the old one answers there.

// reachLooks is for how many of Patience.Settle a new Worker is waited for: a minute by default.
const reachLooks = 12

// awaitWorker waits until a new Worker answers. Not to answer in time is no failure: the rows will say what happened.
func (c *connection) awaitWorker(ctx context.Context, address string, ours bool) bool {
	ctx, cancel := context.WithTimeout(ctx, reachLooks*c.Patience.Settle)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	tick := time.NewTicker(max(c.Patience.Settle/5, time.Millisecond))
	defer tick.Stop()
	for {
		if answers(ctx, client, address, ours) {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
}

// answers reports whether it is the Worker that answers: one of ours says so in JSON, of a user's own it is known only
// that the edge answers 404, or a status from 500 up, for a name that it does not know.
func answers(ctx context.Context, client *http.Client, address string, ours bool) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return false
	}
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	if ours {
		return (resp.StatusCode == http.StatusOK || resp.StatusCode == http.StatusUnauthorized) &&
			strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json")
	}
	return resp.StatusCode != http.StatusNotFound && resp.StatusCode < http.StatusInternalServerError
}

// newVersion is the value of versionVariable, another one at each call.
func newVersion() string { return strconv.FormatInt(time.Now().UnixNano(), 10) }

// versionFlag has Wrangler deploy a new version of a Worker whose modules have not changed.
func versionFlag() []string { return []string{"--var", versionVariable + ":" + newVersion()} }
