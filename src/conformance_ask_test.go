package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// conformanceAnswer is the response of the function protocol.
type conformanceAnswer struct {
	RequestID      string
	TimestampChain []string
	Instance       struct {
		ID, StartedAt, Runtime, CPU, Host string
		Cold                              *bool
		Invocation, InitNs                int64
		MemoryMB                          int
	}
	ReceivedAt   string
	SpinNs       *int64
	Increments   int64
	PayloadBytes int64
	Sink         uint64
}

type reply struct {
	status int
	kind   string
	body   string
}

// ask sends a request to one of the cell's functions.
func (c *cell) ask(ctx context.Context, variant int, token string, query url.Values, body string) (reply, error) {
	method := http.MethodGet
	if body != "" {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(ctx, method, c.functions[variant].Endpoint.URL+"?"+query.Encode(), strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	req.Close = true
	if token != "" {
		req.Header.Set("X-Stellar-Token", token)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return reply{res.StatusCode, res.Header.Get("Content-Type"), string(text)}, err
}

// work asks and reads the answer of a request that is to succeed.
func (c *cell) work(t *testing.T, variant int, body string, pairs ...string) conformanceAnswer {
	t.Helper()
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		q.Add(pairs[i], pairs[i+1])
	}
	r, err := c.ask(t.Context(), variant, c.token, q, body)
	if err != nil {
		t.Fatal(err)
	}
	return readAnswer(t, r)
}

func readAnswer(t *testing.T, r reply) conformanceAnswer {
	t.Helper()
	var a conformanceAnswer
	if r.status != http.StatusOK || r.kind != "application/json" {
		t.Fatalf("status %d, type %q: %s", r.status, r.kind, r.body)
	}
	if err := json.Unmarshal([]byte(r.body), &a); err != nil {
		t.Fatalf("%v in %s", err, r.body)
	}
	return a
}
