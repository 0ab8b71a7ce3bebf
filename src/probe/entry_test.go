package probe

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// stamped signs as a test can check it: with the length of the body and the number of the signature.
func stamped() func(*http.Request, []byte, time.Time) error {
	var mu sync.Mutex
	n := 0
	return func(r *http.Request, body []byte, _ time.Time) error {
		mu.Lock()
		defer mu.Unlock()
		n++
		r.Header.Set("Authorization", fmt.Sprintf("%d of %s %s with %d bytes", n, r.Method,
			r.URL.RequestURI(), len(body)))
		return nil
	}
}

func TestInvokeTargets(t *testing.T) {
	var mu sync.Mutex
	var asked []string
	s, _ := serveHTTP(t, false, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, fmt.Sprint(r.Method, " ", r.URL.RequestURI(), " ", r.Header.Get("X-Stellar-Token"), " ",
			string(body)))
		answer := `{"statusCode":200,"body":"{\"RequestID\":\"r\",\"Instance\":{\"ID\":\"i\",\"Invocation\":1}}"}`
		switch len(asked) {
		case 2:
			answer = `{"statusCode":401,"body":"{\"error\":\"the token\"}"}`
		case 3:
			w.Header().Set("X-Amz-Function-Error", "Unhandled")
			answer = `{"errorMessage":"it is broken","errorType":"Broken"}`
		case 4:
			answer = `{"any":"thing"}`
		}
		_, _ = io.WriteString(w, answer)
	})
	var b book
	var bodies []string
	cfg := Config{
		Client: Client{Timeout: patience}, Bursts: 4, MaxErrorRatio: 1, Sink: b.sink,
		Targets: []Target{{Name: "f", URL: s.URL + "/2015-03-31/functions/f/invocations", Invoke: true,
			Header: http.Header{"X-Stellar-Token": {"secret"}}}},
		Query:  func(round int) url.Values { return url.Values{"IncrementLimit": {fmt.Sprint(round)}} },
		Body:   func(int) []byte { return []byte(`{"cmds":{"stat":{"argv":1}}}`) },
		Answer: func(_ *sample.Sample, body []byte) { bodies = append(bodies, string(body)) },
	}
	out, err := Run(t.Context(), cfg)
	if err != nil || out.Errors != 2 || out.Classes[sample.Function] != 1 || out.Classes[sample.HTTP4xx] != 1 {
		t.Errorf("%+v, %v", out, err)
	}
	want := `POST /2015-03-31/functions/f/invocations  {"IncrementLimit":"0","X-Stellar-Token":"secret",` +
		`"cmds":{"stat":{"argv":1}}}`
	if len(asked) != 4 || asked[0] != want {
		t.Errorf("asked %q", asked)
	}
	if r := b.rows[0]; r.RequestID != "r" || r.InstanceID != "i" || r.Status != 200 || r.Err != sample.OK {
		t.Errorf("row %+v", r)
	}
	if r := b.rows[1]; r.Status != 401 || r.Err != sample.HTTP4xx || r.Latency != sample.None {
		t.Errorf("row of a function that refuses: %+v", r)
	}
	if r := b.rows[2]; r.Status != 200 || r.Err != sample.Function || r.Latency != sample.None {
		t.Errorf("row of a function that fails: %+v", r)
	}
	if len(bodies) != 4 || !strings.HasPrefix(bodies[0], `{"RequestID"`) || bodies[3] != `{"any":"thing"}` {
		t.Errorf("answers %q", bodies)
	}
}

// Every burst is signed, and a sustained load again and again.
func TestRequestsAreSignedBeforeTheyLeave(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]int{}
	s, _ := serveHTTP(t, false, func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen[r.Header.Get("Authorization")]++
		mu.Unlock()
	})
	var b book
	cfg := config(&b, s.URL+"/f?a=1")
	cfg.Targets[0].Sign = stamped()
	if _, err := Run(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		if got := seen[fmt.Sprintf("%d of GET /f?a=1 with 0 bytes", n+1)]; got != 4 {
			t.Errorf("%d requests of burst %d have its signature: %v", got, n, seen)
		}
	}
	clear(seen)
	cfg = config(&b, s.URL+"/f")
	cfg.Targets[0].Sign, cfg.resignEvery, cfg.Bursts = stamped(), 20*time.Millisecond, 0
	sustained(&cfg, 200, 300*time.Millisecond)
	if _, err := Run(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if len(seen) < 4 {
		t.Errorf("a load of 300 ms that is signed every 20 ms has the signatures %v", seen)
	}
	cfg = config(&b, s.URL+"/f")
	cfg.Targets[0].Sign = func(*http.Request, []byte, time.Time) error { return fmt.Errorf("no credentials") }
	before := len(b.rows)
	if _, err := Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "no credentials") ||
		len(b.rows) != before {
		t.Errorf("not signed: %v, %d rows", err, len(b.rows)-before)
	}
}
