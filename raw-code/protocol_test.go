package rawcode_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/raw-code/bootstraps/apitest"
	"github.com/vhive-serverless/STeLLAR/src/acceptance/conformance"
)

// answer is the response of the function protocol.
type answer struct {
	RequestID      string
	TimestampChain []string
	Instance       struct {
		ID         string
		Cold       *bool
		Invocation int64
		InitNs     int64
		StartedAt  string
		Runtime    string
		MemoryMB   int
		CPU        string
		Host       string
	}
	ReceivedAt   string
	SpinNs       *int64
	Increments   int64
	PayloadBytes int64
	Sink         uint64
}

func decode(t *testing.T, r reply) answer {
	t.Helper()
	var a answer
	if r.status != http.StatusOK || r.kind != "application/json" {
		t.Fatalf("status %d, type %q: %s", r.status, r.kind, r.body)
	}
	if err := json.Unmarshal([]byte(r.body), &a); err != nil {
		t.Fatalf("%v in %s", err, r.body)
	}
	return a
}

func query(pairs ...string) url.Values {
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		q.Add(pairs[i], pairs[i+1])
	}
	return q
}

func get(pairs ...string) call { return call{method: http.MethodGet, query: query(pairs...)} }

func TestAnswer(t *testing.T) {
	eachCell(t, func(t *testing.T, l language, begin func(*testing.T, ...string) *instance) {
		in := begin(t)
		first := decode(t, in.do(t, get()))
		elapsed := time.Since(in.begun)
		checkFirst(t, l, in, first, elapsed)

		second := decode(t, in.do(t, get("IncrementLimit", "1000", "PayloadLengthBytes", "100001", "Unknown", "x",
			"DataTransferChainIDs", "[]", "StorageTransfer", "false", "Bucket", "b", "Chain", "[]")))
		if *second.Instance.Cold || second.Instance.Invocation != 2 || second.Instance.ID != first.Instance.ID {
			t.Errorf("second request: instance %+v, the first was %+v", second.Instance, first.Instance)
		}
		if second.Instance.InitNs != first.Instance.InitNs || second.Instance.StartedAt != first.Instance.StartedAt {
			t.Errorf("the instance's start changed from %+v to %+v", first.Instance, second.Instance)
		}
		if second.Increments != 1000 || second.Sink != conformance.Sink(1000) || *second.SpinNs <= 0 ||
			second.PayloadBytes != 100001 {
			t.Errorf("work: %+v, want sink %d", second, conformance.Sink(1000))
		}
		if first.Sink != conformance.Sink(0) || first.RequestID == second.RequestID {
			t.Errorf("sink %d, ids %q and %q", first.Sink, first.RequestID, second.RequestID)
		}
		received, stamped := conformance.Stamp(t, second.ReceivedAt), conformance.Stamp(t, second.TimestampChain[0])
		if len(second.TimestampChain) != 1 || stamped.Before(received.Add(time.Duration(*second.SpinNs)/2)) {
			t.Errorf("stamped %v, received %v: the stamp comes after the work", stamped, received)
		}

		third := decode(
			t,
			in.do(t, call{method: http.MethodPost, query: query("IncrementLimit", "007"), body: "\x00 a payload {"}),
		)
		if third.Increments != 7 || third.Sink != conformance.Sink(7) || third.Instance.Invocation != 3 {
			t.Errorf("POST: %+v", third)
		}
	})
}

// tickError is how far the start of a process can be off: one clock tick of the kernel, and something for rounding.
const tickError = 12 * time.Millisecond

func checkFirst(t *testing.T, l language, in *instance, a answer, elapsed time.Duration) {
	t.Helper()
	i := a.Instance
	if i.Cold == nil || !*i.Cold || i.Invocation != 1 {
		t.Errorf("the first request is not told as cold: %+v", i)
	}
	if !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(i.ID) || !strings.HasPrefix(i.Runtime, l.runtime) ||
		i.MemoryMB != 256 {
		t.Errorf("instance %+v", i)
	}
	host, err := os.Hostname()
	if err != nil || i.Host != host || !regexp.MustCompile(`^[1-9]\d*,`).MatchString(i.CPU) {
		t.Errorf("host %q (want %q), CPU %q", i.Host, host, i.CPU)
	}
	if init := time.Duration(i.InitNs); init <= 0 || init > elapsed+tickError {
		t.Errorf("InitNs is %v, the process answered %v after it was started", init, elapsed)
	}
	if started := conformance.Stamp(t, i.StartedAt); started.Before(in.begun.Add(-tickError)) ||
		started.After(in.begun.Add(elapsed)) {
		t.Errorf("StartedAt is %v, the process was started at %v", started, in.begun)
	}
	if received := conformance.Stamp(t, a.ReceivedAt); received.Before(in.begun) ||
		received.After(in.begun.Add(elapsed)) {
		t.Errorf("ReceivedAt is %v, the request was made after %v", received, in.begun)
	}
	if a.SpinNs == nil || a.RequestID == "" || len(a.TimestampChain) != 1 {
		t.Errorf("answer %+v", a)
	}
}

func TestBadParameters(t *testing.T) {
	bad := []struct {
		name string
		call call
		want string
	}{
		{"word", get("IncrementLimit", "many"), `IncrementLimit is "many", it must be a whole number`},
		{"empty", get("IncrementLimit", ""), `IncrementLimit is "", it must be a whole number`},
		{"fraction", get("PayloadLengthBytes", "1.5"), `PayloadLengthBytes is "1.5", it must be a whole number`},
		{"exponent", get("IncrementLimit", "1e3"), "must be a whole number"},
		{"plus", get("IncrementLimit", "+5"), "must be a whole number"},
		{"space", get("IncrementLimit", " 5"), "must be a whole number"},
		{"underscore", get("IncrementLimit", "1_000"), "must be a whole number"},
		{"other digits", get("IncrementLimit", "٣"), "must be a whole number"},
		{"twice", get("IncrementLimit", "1", "IncrementLimit", "2"), "must be a whole number"},
		{"long", get("IncrementLimit", strings.Repeat("x", 10_000)), "x..."},
		{"negative", get("PayloadLengthBytes", "-5"), "PayloadLengthBytes is -5, it must not be negative"},
		{"too large", get("IncrementLimit", "9223372036854775808"), "too large"},
		{"far too large", get("IncrementLimit", strings.Repeat("9", 5000)), "too large"},
		{"outlasts", get("IncrementLimit", "9000000000000"), "the function's timeout leaves"},
		{
			"payload",
			get("PayloadLengthBytes", "1073741825"),
			"PayloadLengthBytes is 1073741825, at most 1073741824 (1 GiB) is allowed",
		},
		{"old chain", get("DataTransferChainIDs", "[a b]"), "chains"},
		{"chain", get("Chain", `["a"]`), `Chain: "a" is not the URL of a function`},
		{"no list", get("Chain", `{}`), "Chain"},
		{"fan", get("Chain", `["http://a/","http://b/"]`, "Fan", "3"), "Chain"},
		{"put", get("PutURL", "http://a"), "through storage"},
		{"storage", get("StorageTransfer", "true"), "StorageTransfer: "},
		{"cmds", get("cmds", `{"nonsense":1}`), "micro-test"},
		{"cmds in the body", call{method: http.MethodPost, body: `{"cmds":{"nonsense":1}}`}, "micro-test"},
		{"cmds of no object", call{method: http.MethodPost, body: `{"cmds":7}`}, "cmds"},
	}
	eachCell(t, func(t *testing.T, l language, begin func(*testing.T, ...string) *instance) {
		in := begin(t)
		bad := slices.Clone(bad)
		for i := range bad {
			if bad[i].name == "chain" && (l.name == "rust" || l.name == "ruby") {
				bad[i].call, bad[i].want = get("Chain", `["http://a"]`), "this function does not run chains"
			}
		}
		for _, c := range bad {
			if status, why := refused(t, in.do(t, c.call)); status != http.StatusBadRequest ||
				!strings.Contains(why, c.want) {
				t.Errorf("%s: status %d, %q, want 400 with %q", c.name, status, why, c.want)
			}
		}
		after := decode(t, in.do(t, call{method: http.MethodPost, body: `{"other":1}`}))
		if *after.Instance.Cold || after.Instance.Invocation != int64(len(bad)+1) {
			t.Errorf("refused requests are invocations too: %+v after %d", after.Instance, len(bad))
		}
	})
}

func refused(t *testing.T, r reply) (status int, why string) {
	t.Helper()
	var e struct {
		Error *string `json:"error"`
	}
	if err := json.Unmarshal([]byte(r.body), &e); err != nil || e.Error == nil || r.kind != "application/json" {
		t.Fatalf("status %d, type %q, not of the form {\"error\":…}: %s", r.status, r.kind, r.body)
	}
	return r.status, *e.Error
}

func TestToken(t *testing.T) {
	sum := sha256.Sum256([]byte(token))
	hash := hex.EncodeToString(sum[:])
	eachCell(t, func(t *testing.T, _ language, begin func(*testing.T, ...string) *instance) {
		in := begin(t, "STELLAR_TOKEN_SHA256="+hash)
		for _, wrong := range []string{"", "wrong", token + "x", token[1:], hash} {
			status, why := refused(
				t,
				in.do(t, call{method: http.MethodGet, token: wrong, query: query("IncrementLimit", "x")}),
			)
			if status != http.StatusUnauthorized || !strings.Contains(why, "X-Stellar-Token") {
				t.Errorf("token %q: status %d, %q", wrong, status, why)
			}
		}
		if a := decode(t, in.do(t, call{method: http.MethodGet, token: token})); *a.Instance.Cold {
			t.Error("a refused request has started the instance: the next one is not cold")
		}
		malformed := begin(t, "STELLAR_TOKEN_SHA256=not-a-hash")
		if status, _ := refused(t, malformed.do(t,
			call{method: http.MethodGet, token: "not-a-hash"})); status != http.StatusUnauthorized {
			t.Errorf("a hash that is none admits: status %d", status)
		}
	})
}

func TestConcurrentRequestsHaveOneCold(t *testing.T) {
	const n = 16
	eachCell(t, func(t *testing.T, _ language, begin func(*testing.T, ...string) *instance) {
		in := begin(t, fmt.Sprintf("AWS_LAMBDA_MAX_CONCURRENCY=%d", n))
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		type result struct {
			reply
			err error
		}
		results := make(chan result, n)
		for range n {
			go func() {
				r, err := in.call(ctx, get("IncrementLimit", "20000"))
				results <- result{r, err}
			}()
		}
		cold, seen := 0, map[int64]bool{}
		for range n {
			r := <-results
			if r.err != nil {
				t.Fatal(r.err)
			}
			a := decode(t, r.reply)
			if *a.Instance.Cold {
				cold++
			}
			seen[a.Instance.Invocation] = true
		}
		if cold != 1 || len(seen) != n {
			t.Errorf("%d cold, %d distinct invocation numbers of %d requests, want 1 and all", cold, len(seen), n)
		}
	})
}

func TestRuntimeAPIEvents(t *testing.T) {
	for _, l := range languages(t) {
		t.Run(l.name, func(t *testing.T) {
			dir := t.TempDir()
			l.assemble(t, dir)
			in := startLambda(t, l, dir)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			for event, increments := range map[string]int64{
				`{"IncrementLimit":5}`: 5, `{"IncrementLimit":"6"}`: 6, `{}`: 0, `null`: 0, `[1]`: 0, `"text"`: 0,
				`{"requestContext":{},"queryStringParameters":null,"headers":null,"body":null}`:            0,
				`{"requestContext":{},"IncrementLimit":7,"queryStringParameters":{"IncrementLimit":"8"}}`:  8,
				`{"requestContext":{},"body":"!","isBase64Encoded":true,"headers":{"X-Stellar-Token":""}}`: 0,
			} {
				r, err := unwrap(in.api.Invoke(ctx, event, patience))
				if err != nil {
					t.Fatal(err)
				}
				a := decode(t, r)
				if a.Increments != increments || !strings.HasPrefix(a.RequestID, "request-") {
					t.Errorf("%s: %d increments, request id %q", event, a.Increments, a.RequestID)
				}
			}
			checkRefusedEvents(ctx, t, in.api)
			in.api.Close()
			select {
			case <-in.exited:
			case <-ctx.Done():
				t.Error("the function outlives its Runtime API")
			}
		})
	}
}

func checkRefusedEvents(ctx context.Context, t *testing.T, api *apitest.API) {
	t.Helper()
	for event, left := range map[string]time.Duration{
		`{"IncrementLimit":1.5}`:       patience,
		`{"IncrementLimit":true}`:      patience,
		`{"IncrementLimit":null}`:      patience,
		`{"cmds":{"nonsense":1}}`:      patience,
		`{"IncrementLimit":100000000}`: time.Nanosecond, // fits the timeout, not what is left of it
		`{"requestContext":{},"body":"eyJjbWRzIjp7IngiOjF9fQ==","isBase64Encoded":true}`: patience,
	} {
		r, err := unwrap(api.Invoke(ctx, event, left))
		if err != nil {
			t.Fatal(err)
		}
		if status, why := refused(t, r); status != http.StatusBadRequest {
			t.Errorf("%s: status %d, %q", event, status, why)
		}
	}
	api.RefuseResponses(1)
	if _, err := api.Invoke(ctx, `{}`, patience); err != nil {
		t.Fatal(err)
	}
	if r, err := unwrap(api.Invoke(ctx, `{}`, patience)); err != nil || r.status != http.StatusOK {
		t.Errorf("after a refused response: %+v, %v", r, err)
	}
}

func TestFiller(t *testing.T) {
	for _, l := range languages(t) {
		t.Run(l.name, func(t *testing.T) {
			dir := t.TempDir()
			l.assemble(t, dir)
			write(t, filepath.Join(dir, "stellar-filler.bin"), make([]byte, 3<<20))
			write(t, filepath.Join(dir, "stellar-filler-0.bin"), make([]byte, 1))
			decode(t, startLambda(t, l, dir, "STELLAR_FILLER_READ=1").do(t, get()))

			// A filler that cannot be read shows that it is read, and only then.
			if err := os.Mkdir(filepath.Join(dir, "stellar-filler-1.bin"), 0o755); err != nil {
				t.Fatal(err)
			}
			decode(t, startLambda(t, l, dir).do(t, get()))
			in := startLambda(t, l, dir, "STELLAR_FILLER_READ=1")
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			said, err := in.api.InitError(ctx)
			if err != nil || !strings.Contains(string(said.Body), "stellar-filler-1.bin") {
				t.Errorf("init error %s, %v", said.Body, err)
			}
			if err := <-in.exited; err == nil {
				t.Error("the function exits with 0 though it could not start")
			}
		})
	}
}
