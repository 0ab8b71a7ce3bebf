package burst

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/probe"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// echo is a server that hashes what it is asked, and answers the hash.
type echo struct {
	*httptest.Server
	mu   sync.Mutex
	seen map[string]int // by hash
}

// hash is that of a request: method, target, the header fields named, body.
func hash(method, target string, fields []string, body []byte) string {
	sum := sha256.New()
	_, _ = fmt.Fprintf(sum, "%s %s\n%s\n", method, target, strings.Join(fields, "\n"))
	sum.Write(body)
	return hex.EncodeToString(sum.Sum(nil))
}

// startEcho hashes the header fields of those names; the server speaks HTTP/1.1 and h2c.
func startEcho(t *testing.T, names ...string) *echo {
	t.Helper()
	e := &echo{seen: map[string]int{}}
	e.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		var fields []string
		for _, name := range names {
			fields = append(fields, name+": "+strings.Join(r.Header[name], ","))
		}
		sum := hash(r.Method, r.RequestURI, fields, body)
		e.mu.Lock()
		e.seen[sum]++
		e.mu.Unlock()
		w.WriteHeader(http.StatusAccepted)
		_, _ = fmt.Fprintf(w, `{"sum":%q}`, sum)
	}))
	e.Config.Protocols = new(http.Protocols)
	e.Config.Protocols.SetHTTP1(true)
	e.Config.Protocols.SetUnencryptedHTTP2(true)
	e.Start()
	t.Cleanup(e.Close)
	return e
}

// TestRequestsOfYourOwn: the server sees the exact bytes, and its answer is judged.
func TestRequestsOfYourOwn(t *testing.T) {
	file := filepath.Join(t.TempDir(), "b.bin")
	binary := []byte("\x00\xff${env:SECRET}\r\n\r\n")
	if err := os.WriteFile(file, binary, 0o600); err != nil {
		t.Fatal(err)
	}
	fields := func(kind string) []string {
		return []string{"Accept: text/x", "Content-Type: " + kind, "User-Agent: me/1", `X-Key: Bearer q"<&>`}
	}
	for _, c := range []struct {
		body string
		want string // the bytes
		kind string
	}{
		{`"text ${env:SECRET} é"`, `text q"<&> é`, "text/plain; charset=utf-8"},
		{`{"a":1.50,"${env:SECRET}":["${env:SECRET}"]}`, `{"a":1.50,"q\"<&>":["q\"<&>"]}`, "application/json"},
		{fmt.Sprintf("%q", "@"+file), string(binary), "application/octet-stream"},
	} {
		for _, protocol := range []string{probe.HTTP1, probe.H2C} {
			e := startEcho(t, "Accept", "Content-Type", "User-Agent", "X-Key")
			s := environment(t, e.URL)
			want := hash("PUT", "/s/f3-0/a%2Fb?k=1&v=q%22%3C%26%3E", fields(c.kind), []byte(c.want))
			s.Sub.Protocol, s.Sub.Bursts, s.Sub.PayloadLengthBytes, s.Sub.WarmupBursts = protocol, 4, 0, 0
			s.Endpoints = s.Endpoints[:1]
			s.Endpoints[0].URL += "/?k=1"
			s.Sub.DesiredServiceTimes, s.Increments = nil, nil
			s.Sub.Method, s.Sub.Path = "PUT", "/a%2Fb?v=${env:SECRET}"
			s.Sub.Headers = map[string]string{"X-Key": "Bearer ${env:SECRET}", "user-agent": "me/1", "Accept": "text/x"}
			s.Sub.Body = experiment.RawObject(c.body)
			s.Sub.ExpectStatus = []int{http.StatusAccepted}
			s.Sub.ExpectBody = experiment.RawObject(fmt.Sprintf(`{"path":"sum","value":%q}`, want))
			s.Getenv = func(name string) string { return map[string]string{"SECRET": `q"<&>`}[name] }
			result, err := measure(t.Context(), s)
			if err != nil || result.Rows != 6 || result.Outcome.Errors != 0 || e.seen[want] != 6 {
				t.Errorf("%s over %s: result %+v, error %v, saw %v, want %s", c.body, protocol, result, err, e.seen,
					want)
			}
		}
	}
}

// TestWeights: of 10 000 requests each body has its share within 3 standard deviations; a row says which it was, and
// the same seed gives each row the same one.
func TestWeights(t *testing.T) {
	e := startEcho(t)
	weights := []float64{5, 15, 30}
	var before []string
	for _, bursts := range []int{100, 10} {
		s := environment(t, e.URL)
		s.Sub.Bursts, s.Sub.BurstSizes, s.Sub.PayloadLengthBytes, s.Sub.WarmupBursts = bursts, []int{100}, 0, 0
		s.Sub.DesiredServiceTimes, s.Increments = nil, nil
		s.Endpoints = s.Endpoints[:1]
		s.Sub.Body = experiment.RawObject(`[{"weight":5,"body":"a"},{"weight":15,"body":"bb"},{"weight":30,"body":{}}]`)
		clear(e.seen)
		if _, err := measure(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		rows, _, err := sample.ReadFile(latencies(s))
		if err != nil || len(rows) != 100*bursts {
			t.Fatalf("%d rows, %v", len(rows), err)
		}
		counts, order := map[string]int{}, make([]string, len(rows))
		for i := range rows {
			counts[rows[i].Body]++
			order[i] = rows[i].Body
		}
		for i, text := range []string{"a", "bb", "{}"} {
			n, p := float64(len(rows)), weights[i]/50
			seen := e.seen[hash("POST", "/s/f3-0", nil, []byte(text))]
			if math.Abs(float64(seen)-n*p) > 3*math.Sqrt(n*p*(1-p)) || counts[fmt.Sprint(i)] != seen {
				t.Errorf("body %d: the server saw %d, %d rows say so; want %v of 50 parts", i, seen,
					counts[fmt.Sprint(i)], weights[i])
			}
		}
		if before != nil && !slices.Equal(before[:len(order)], order) {
			t.Error("the same seed gave other bodies")
		}
		before = order
	}
}

// TestUnexpected: an answer that is not what the file expects is a failed row with status and size, and what a function
// of the user's own does not say stays empty.
func TestUnexpected(t *testing.T) {
	f := serve(t, http.StatusOK)
	for _, c := range []struct {
		status []int
		body   string
		want   sample.Class
	}{
		{[]int{200, 204}, `"RequestID"`, sample.OK},
		{[]int{204}, "", sample.Unexpected},
		{nil, `"no such text"`, sample.Unexpected},
		{nil, `{"path":"Instance.Cold","value":"yes"}`, sample.Unexpected},
	} {
		s := environment(t, f.URL)
		log := &journal{}
		s.Sub.Bursts, s.Sub.MaxErrorRatio, s.Log = 1, 1, log
		s.Sub.ExpectStatus, s.Sub.ExpectBody = c.status, experiment.RawObject(c.body)
		if _, err := measure(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		rows, _, err := sample.ReadFile(latencies(s))
		if err != nil || len(rows) != 1 || rows[0].Err != c.want || rows[0].Status != 200 || rows[0].Bytes == 0 ||
			(rows[0].Latency == sample.None) != (c.want != sample.OK) {
			t.Errorf("%+v: rows %+v, %v", c, rows, err)
		}
		said := strings.Join(log.lines, "\n")
		if c.want == sample.Unexpected && !strings.Contains(said, "unexpected: ") {
			t.Errorf("%+v: the log says %s", c, said)
		}
	}
	expected := serve(t, http.StatusNotFound)
	s := environment(t, expected.URL)
	s.Sub.Bursts, s.Sub.ExpectStatus = 1, []int{http.StatusNotFound}
	if result, err := measure(t.Context(), s); err != nil || result.Outcome.Errors != 0 {
		t.Errorf("a status 404 that is expected: %+v, %v", result, err)
	}
}

// TestSecretsStayOut: where a variable's value is part of requests, no note has text of an answer, which may echo it;
// and a missing variable stops the study before anything is sent.
func TestSecretsStayOut(t *testing.T) {
	const secret = "s3cr"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write([]byte("you sent " + r.Header.Get("X-Key")))
	}))
	t.Cleanup(server.Close)
	s := environment(t, server.URL)
	log := &journal{}
	s.Sub.Bursts, s.Sub.MaxErrorRatio, s.Log = 2, 1, log
	s.Sub.Headers = map[string]string{"X-Key": "${env:KEY}"}
	sent := 0
	s.Probe = func(ctx context.Context, cfg probe.Config) (probe.Outcome, error) {
		sent++
		return probe.Run(ctx, cfg)
	}
	if err := (Study{}).Run(t.Context(), s); fail.Code(err) != fail.CodeInput || sent != 0 ||
		!strings.Contains(err.Error(), "Headers: the environment variable KEY is not set") {
		t.Errorf("without the variable: %v, sent %d", err, sent)
	}
	s.Getenv = func(string) string { return secret }
	if err := (Study{}).Run(t.Context(), s); err != nil || sent != 1 {
		t.Fatal(err)
	}
	csv, err := os.ReadFile(latencies(s))
	if err != nil {
		t.Fatal(err)
	}
	if text := strings.Join(log.lines, "\n") + string(csv); !strings.Contains(text, "answered status 418") ||
		strings.Contains(text, secret) {
		t.Errorf("log and rows:\n%s", text)
	}
}
