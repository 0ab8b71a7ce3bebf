package conformance

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// Answer is the response of the function protocol.
type Answer struct {
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

// Reply is an HTTP response.
type Reply struct {
	Status int
	Kind   string // Content-Type
	Body   string
}

// Ask sends a request to one of the functions, by POST where it has a body.
func (f *Target) Ask(ctx context.Context, variant int, token string, query url.Values, body string) (Reply, error) {
	method := http.MethodGet
	if body != "" {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(
		ctx,
		method,
		f.Functions[variant].Endpoint.URL+"?"+query.Encode(),
		strings.NewReader(body),
	)
	if err != nil {
		return Reply{}, err
	}
	req.Close = true
	if token != "" {
		req.Header.Set("X-Stellar-Token", token)
	}
	if strings.HasPrefix(body, "{") {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return Reply{}, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return Reply{res.StatusCode, res.Header.Get("Content-Type"), string(text)}, err
}

// Work asks a function and reads the answer of a request that must succeed. pairs are the names and values of the
// query.
func (f *Target) Work(t *testing.T, variant int, body string, pairs ...string) Answer {
	t.Helper()
	r, err := f.Ask(t.Context(), variant, f.Token, query(pairs), body)
	if err != nil {
		t.Fatal(err)
	}
	return readAnswer(t, r)
}

func query(pairs []string) url.Values {
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		q.Add(pairs[i], pairs[i+1])
	}
	return q
}

// Raw asks a function and reads the members of its answer, and of its instance, as they were sent.
func (f *Target) Raw(t *testing.T, variant int, pairs ...string) (all, instance map[string]json.RawMessage) {
	t.Helper()
	r, err := f.Ask(t.Context(), variant, f.Token, query(pairs), "")
	read := err == nil && r.Status == http.StatusOK && json.Unmarshal([]byte(r.Body), &all) == nil
	if !read || json.Unmarshal(all["Instance"], &instance) != nil {
		t.Fatalf("%v, %+v", err, r)
	}
	return all, instance
}

func readAnswer(t *testing.T, r Reply) Answer {
	t.Helper()
	var a Answer
	if r.Status != http.StatusOK || r.Kind != "application/json" {
		t.Fatalf("status %d, type %q: %s", r.Status, r.Kind, r.Body)
	}
	if err := json.Unmarshal([]byte(r.Body), &a); err != nil {
		t.Fatalf("%v in %s", err, r.Body)
	}
	return a
}
