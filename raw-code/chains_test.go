package rawcode_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/conformance"
)

// linkAnswer is the part of an answer that is about a chain.
type linkAnswer struct {
	TimestampChain []string
	PayloadBytes   int64
	PayloadSHA256  string
	RepliedAt      string
	Hops           []struct {
		SentAt, ReceivedAt, CalledAt, ArrivedAt, RepliedAt, AnsweredAt string
		SHA256, Instance                                               string
		Bytes, PutNs, FirstNs, GetNs                                   int64
	}
}

// links starts a function of each language that runs chains.
func links(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for name, in := range linkInstances(t) {
		out[name] = in.url + "/"
	}
	return out
}

// linkInstances are their instances.
func linkInstances(t *testing.T, env ...string) map[string]*instance {
	t.Helper()
	sum := sha256.Sum256([]byte(token))
	out := map[string]*instance{}
	for _, l := range languages(t) {
		if l.name == "rust" || l.name == "ruby" {
			continue
		}
		dir := t.TempDir()
		l.assemble(t, dir)
		out[l.name] = startHTTP(t, l, dir, append(env, "STELLAR_TOKEN_SHA256="+hex.EncodeToString(sum[:]))...)
	}
	return out
}

// blobs is a store in memory, whose objects can be spoilt.
type blobs struct {
	mu    sync.Mutex
	all   map[string][]byte
	fault string // a method, and what goes wrong with it
	delay time.Duration
}

// spoil sets what goes wrong from now on; empty: nothing.
func (b *blobs) spoil(fault string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fault = fault
}

// slow sets how long each request takes from now on.
func (b *blobs) slow(delay time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.delay = delay
}

// take gives the objects, and keeps none.
func (b *blobs) take() map[string][]byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := b.all
	b.all = map[string][]byte{}
	return all
}

func (b *blobs) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	b.mu.Lock()
	delay := b.delay
	b.mu.Unlock()
	time.Sleep(delay)
	b.mu.Lock()
	defer b.mu.Unlock()
	switch b.fault {
	case r.Method + " denied":
		http.Error(w, "AccessDenied", http.StatusForbidden)
		return
	case r.Method + " vanishes":
		panic(http.ErrAbortHandler)
	}
	switch {
	case err != nil || r.URL.Query().Get("signature") == "" || r.ContentLength < 0:
		http.Error(w, "no signature, or no length", http.StatusBadRequest)
	case r.Method == http.MethodPut && r.Header.Get("X-Kind") == "block":
		b.all[r.URL.Path] = body
	case r.Method == http.MethodGet:
		data := b.all[r.URL.Path]
		switch b.fault {
		case "GET spoilt":
			data = append([]byte("x"), data[1:]...)
		case "GET cut":
			w.Header().Set("Content-Length", strconv.Itoa(len(data)))
			data = data[:len(data)-5]
		}
		_, _ = w.Write(data)
	default:
		http.Error(w, "not that", http.StatusMethodNotAllowed)
	}
}

// chainCall asks for a chain through the given functions, whose head comes first.
func chainCall(t *testing.T, bytes int64, fan int, store string, at ...string) call {
	t.Helper()
	text, err := json.Marshal(at[1:])
	if err != nil {
		t.Fatal(err)
	}
	c := get("PayloadLengthBytes", strconv.FormatInt(bytes, 10), "Chain", string(text))
	c.token = token
	if fan > 1 {
		c.query.Set("Fan", strconv.Itoa(fan))
	}
	if store == "" {
		return c
	}
	var objects []map[string]any
	for k := range at[1:] {
		url := fmt.Sprintf("%s/run/%s-%d?signature=s", store, strings.ReplaceAll(t.Name(), "/", "-"), k)
		header := map[string]string{"X-Kind": "block"}
		objects = append(objects, map[string]any{"Put": url, "Get": url, "Header": header})
	}
	body, err := json.Marshal(map[string]any{"Objects": objects})
	if err != nil {
		t.Fatal(err)
	}
	c.method, c.body = http.MethodPost, string(body)
	c.query.Set("StorageTransfer", "true")
	return c
}

func askChain(t *testing.T, c call, at string) reply {
	t.Helper()
	r, err := send(t.Context(), &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, at, c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// whole checks a chain's answer: the payload went from hop to hop, and each instant is after the one before.
func whole(t *testing.T, r reply, functions int, size int64, storage bool) linkAnswer {
	t.Helper()
	var a linkAnswer
	if err := json.Unmarshal([]byte(r.body), &a); err != nil || r.status != http.StatusOK {
		t.Fatalf("status %d, %v: %s", r.status, err, r.body)
	}
	if len(a.TimestampChain) != functions || len(a.Hops) != functions-1 || a.PayloadBytes != size {
		t.Fatalf("%d functions: %+v", functions, a)
	}
	for k, h := range a.Hops {
		if h.Bytes != size || h.SHA256 != a.PayloadSHA256 || h.Instance == "" || h.ReceivedAt != a.TimestampChain[k+1] {
			t.Errorf("hop %d: %+v of %+v", k, h, a)
		}
		order := []string{h.SentAt, h.ReceivedAt, h.RepliedAt, h.AnsweredAt}
		if storage {
			order = []string{h.SentAt, h.CalledAt, h.ArrivedAt, h.ReceivedAt, h.RepliedAt, h.AnsweredAt}
			if h.PutNs <= 0 || h.FirstNs <= 0 || h.GetNs < h.FirstNs {
				t.Errorf("hop %d: operations of the store %+v", k, h)
			}
		}
		for i := 1; i < len(order); i++ {
			before, after := conformance.Stamp(t, order[i-1]), conformance.Stamp(t, order[i])
			if after.Before(before.Add(-time.Millisecond)) { // the clock of Node.js may be off by so much
				t.Errorf("hop %d: instant %d is %s before the one before: %v", k, i, before.Sub(after), order)
			}
		}
	}
	return a
}

// TestChains: each language hands payloads of all sizes on to each other one, inline and through a store, and the bytes
// that come in are those that were sent.
func TestChains(t *testing.T) {
	at := links(t)
	store := &blobs{all: map[string][]byte{}}
	server := httptest.NewServer(store)
	t.Cleanup(server.Close)
	names := []string{"go", "python", "nodejs", "java"}
	for i, head := range names {
		chain := []string{at[head], at[names[(i+1)%4]], at[names[(i+3)%4]], at[names[(i+2)%4]], at[head]}
		for _, size := range []int64{0, 1, 1 << 10, 1 << 20} {
			t.Run(fmt.Sprintf("%s/inline/%d", head, size), func(t *testing.T) {
				whole(t, askChain(t, chainCall(t, size, 1, "", chain...), chain[0]), 5, size, false)
			})
		}
		for _, size := range []int64{0, 1, 17<<20 + 3} {
			t.Run(fmt.Sprintf("%s/storage/%d", head, size), func(t *testing.T) {
				a := whole(t, askChain(t, chainCall(t, size, 1, server.URL, chain[:3]...), chain[0]), 3, size, true)
				all := store.take()
				for _, data := range all {
					if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != a.PayloadSHA256 {
						t.Errorf("an object of %d bytes is not the payload", len(data))
					}
				}
				if len(all) != 2 {
					t.Errorf("%d objects", len(all))
				}
			})
		}
		t.Run(head+"/fan", func(t *testing.T) {
			below := slices.Concat(names[i:], names[:i], names[:4]) // two calls of six functions each
			tree := []string{at[head]}
			for _, name := range below[:6] {
				tree = append(tree, at[name])
			}
			whole(t, askChain(t, chainCall(t, 1000, 2, "", tree...), tree[0]), 7, 1000, false)
		})
	}
}

// TestChainFailures: a chain that fails says where and why, with the status of its class; no secret is in it.
func TestChainFailures(t *testing.T) {
	at := links(t)
	store := &blobs{all: map[string][]byte{}}
	server := httptest.NewServer(store)
	t.Cleanup(server.Close)
	spoils := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.HasPrefix(r.URL.Path, "/crash") {
			panic(http.ErrAbortHandler)
		}
		if strings.HasPrefix(r.URL.Path, "/lies") {
			_, _ = fmt.Fprintf(w, `{"TimestampChain": ["1"], "PayloadBytes": %d, "PayloadSHA256": "%064d",
				"ReceivedAt": "1", "PayloadAt": "1", "RepliedAt": "1", "Instance": {"ID": "i", "Cold": false}}`,
				len(body), 0)
			return
		}
		body[0]++
		req, _ := http.NewRequest(r.Method, at["go"]+"?"+r.URL.RawQuery, bytes.NewReader(body))
		req.Header = r.Header
		res, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(res.StatusCode)
		_, _ = io.Copy(w, res.Body)
		res.Body.Close()
	}))
	t.Cleanup(spoils.Close)
	for _, head := range []string{"go", "python", "nodejs", "java"} {
		for name, c := range map[string]struct {
			next   string
			fault  string
			status int
			want   string
		}{
			"no function":   {next: "http://127.0.0.1:1/f", status: 502, want: "http://127.0.0.1:1/f"},
			"crash":         {next: spoils.URL + "/crash", status: 502, want: spoils.URL + "/crash"},
			"other payload": {next: spoils.URL + "/", status: 422, want: "its producer sent 100"},
			"other answer":  {next: spoils.URL + "/lies", status: 422, want: "/lies had a payload of 100 bytes"},
			"put denied":    {next: at["go"], fault: "PUT denied", status: 422, want: "the store answered 403"},
			"get denied":    {next: at[head], fault: "GET denied", status: 422, want: "the store answered 403"},
			"vanishes":      {next: at[head], fault: "GET vanishes", status: 422, want: "get the payload"},
			"spoilt":        {next: at[head], fault: "GET spoilt", status: 422, want: "its producer sent 100"},
			"cut":           {next: at[head], fault: "GET cut", status: 422, want: "get the payload from the store"},
		} {
			t.Run(head+"/"+name, func(t *testing.T) {
				through := ""
				if store.spoil(c.fault); c.fault != "" {
					through = server.URL
				}
				status, why := refused(t, askChain(t, chainCall(t, 100, 1, through, at[head], c.next), at[head]))
				if status != c.status || !strings.Contains(why, c.want) || strings.Contains(why, "signature=s") {
					t.Errorf("status %d, %q; want %d with %q", status, why, c.status, c.want)
				}
			})
		}
		store.spoil("")
		r := askChain(t, chainCall(t, 100, 1, "", at[head], at[head]), at[head]) // the next one is well again
		whole(t, r, 2, 100, false)
	}
}

// TestSlowStore: what a store delays is in its operations, and nowhere else.
func TestSlowStore(t *testing.T) {
	dir := t.TempDir()
	linked(built(t, goProgram))(t, dir)
	sum := sha256.Sum256([]byte(token))
	at := startHTTP(t, language{http: func(dir string) []string { return []string{dir + "/bootstrap"} }}, dir,
		"STELLAR_TOKEN_SHA256="+hex.EncodeToString(sum[:])).url + "/"
	store := &blobs{all: map[string][]byte{}}
	server := httptest.NewServer(store)
	t.Cleanup(server.Close)
	// least are the shortest times of some requests: a busy machine only makes them longer.
	least := func() (put, first, rest time.Duration) {
		put, first, rest = time.Hour, time.Hour, time.Hour
		for range 10 {
			r := askChain(t, chainCall(t, 1000, 1, server.URL, at, at), at)
			h := whole(t, r, 2, 1000, true).Hops[0]
			call := conformance.Stamp(t, h.AnsweredAt).Sub(conformance.Stamp(t, h.CalledAt)) - time.Duration(h.GetNs)
			put, first, rest = min(put, time.Duration(h.PutNs)), min(first, time.Duration(h.FirstNs)), min(rest, call)
		}
		return put, first, rest
	}
	put, first, rest := least()
	const delay, exact = 50 * time.Millisecond, 2 * time.Millisecond
	store.slow(delay)
	slowPut, slowFirst, slowRest := least()
	for name, more := range map[string]time.Duration{"put": slowPut - put - delay,
		"first byte": slowFirst - first - delay, "the request": slowRest - rest} {
		if more.Abs() > exact {
			t.Errorf("%s is %s off", name, more)
		}
	}
}
