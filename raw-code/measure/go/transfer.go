package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// statusPayload is the status of a request whose payload did not arrive as its producer made it, 422 of RFC 9110.
	statusPayload = http.StatusUnprocessableEntity

	chainParameter = "Chain"         // the URLs of the functions that follow
	shaParameter   = "PayloadSHA256" // its presence says that the request passes a payload on
	maxFan         = 1000
	answerMargin   = 100 * time.Millisecond // before the deadline, to answer that a function below did not
)

// transfer is a request's part of a chain over HTTP: the payload that comes in and the functions that it goes on to.
// The functions below stand in the order of a walk through the tree, a function before those that it calls; with a Fan
// of 1 that is the order of the chain.
type transfer struct {
	chain    []string
	fan      int
	receives bool   // a function above passes a payload on; false: this one makes it
	sha      string // likewise: SHA-256 that its producer computed, in hex
	storage  bool
	get      string   // likewise, through storage: where the payload is
	objects  []object // through storage: one for each function below, in their order
}

// object is an object in a store, with presigned URLs.
type object struct {
	Put    string
	Get    string
	Header map[string]string `json:",omitempty"` // that a PUT carries
}

// way is what is known of a payload's way to a function below, in the protocol's form: the instants are Unix ns.
type way struct {
	SentAt     string // the sender's clock: before the request, or before the payload is put into the store
	ReceivedAt string // the receiver's clock: it has the whole payload
	CalledAt   string `json:",omitempty"` // through storage, the sender's clock: before the request
	ArrivedAt  string `json:",omitempty"` // likewise, the receiver's: the request is in
	RepliedAt  string // the receiver's clock
	AnsweredAt string // the sender's clock: the reply is in
	Bytes      int64
	SHA256     string
	Instance   string // of the receiver
	Cold       bool
	PutNs      int64 `json:",omitempty"` // the times of the store's operations
	FirstNs    int64 `json:",omitempty"`
	GetNs      int64 `json:",omitempty"`
}

// readTransfer reads what a request says of its chain; nil: it has none.
func readTransfer(get func(string) (string, bool), body []byte) (*transfer, error) {
	if !inChain(get) {
		return nil, nil
	}
	chain, _ := get(chainParameter)
	sha, receives := get(shaParameter)
	t := &transfer{receives: receives, sha: strings.ToLower(sha), fan: 1}
	if chain != "" && chain != "null" {
		if err := json.Unmarshal([]byte(chain), &t.chain); err != nil {
			return nil, fmt.Errorf("%s is not a JSON array of URLs: %s", chainParameter, shorten(chain))
		}
	}
	if len(t.chain) > maxChain {
		return nil, fmt.Errorf("%s names %d functions, at most %d are allowed", chainParameter, len(t.chain), maxChain)
	}
	for _, at := range t.chain {
		if u, err := url.Parse(at); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, fmt.Errorf("%s: %q is not the URL of a function", chainParameter, shorten(at))
		}
	}
	fan, err := count(get, "Fan")
	if err != nil {
		return nil, err
	}
	if fan > 0 {
		t.fan = int(min(fan, maxFan))
	}
	if len(t.chain)%t.fan != 0 {
		return nil, fmt.Errorf("%s names %d functions, they cannot be divided among a Fan of %d", chainParameter,
			len(t.chain), t.fan)
	}
	if v, _ := get("StorageTransfer"); v == "true" {
		return t, t.readObjects(body)
	}
	return t, nil
}

// readObjects reads the objects that a request's body names.
func (t *transfer) readObjects(body []byte) error {
	var in struct {
		Get     string
		Objects []object
	}
	if len(body) > 0 {
		if err := json.Unmarshal(body, &in); err != nil {
			return errors.New("StorageTransfer: the body is not a JSON object with Objects")
		}
	}
	t.storage, t.get, t.objects = true, in.Get, in.Objects
	if len(t.objects) != len(t.chain) || t.receives && t.get == "" {
		return fmt.Errorf("StorageTransfer: the body names %d objects for %d functions", len(t.objects), len(t.chain))
	}
	return nil
}

// brokenPayload is a payload that did not arrive whole.
type brokenPayload struct{ error }

// chainFailure is the answer where a function below has failed.
type chainFailure struct {
	status int
	why    string
}

func (e *chainFailure) Error() string { return e.why }

// transferred is what a request's part of a chain gives for its answer.
type transferred struct {
	bytes  int64
	sha    string
	at     time.Time // the whole payload is in, or made
	first  time.Duration
	got    time.Duration // 0: it did not come through storage
	stamps []string
	ways   []way
}

// run takes the payload in, or makes it, and passes it on to the functions below, to all of its own at once. It returns
// when the last of them has answered.
func (t *transfer) run(ctx context.Context, r *request, p params) (*transferred, error) {
	from, err := t.take(ctx, r, p.payload)
	if err != nil {
		return nil, err
	}
	out := &transferred{bytes: from.size, sha: from.sha, at: from.at, first: from.first, got: from.got,
		stamps: []string{stamp(from.at)}}
	if len(t.chain) == 0 {
		return out, nil
	}
	size := len(t.chain) / t.fan // of each part, whose first function is called
	ways, answers, errs := make([]way, t.fan), make([]answer, t.fan), make([]error, t.fan)
	var calls sync.WaitGroup
	for i := 0; i < t.fan; i++ {
		part := &transfer{chain: t.chain[i*size : (i+1)*size], fan: t.fan, storage: t.storage}
		if t.storage {
			part.objects = t.objects[i*size : (i+1)*size]
		}
		calls.Add(1)
		go func(i int) {
			defer calls.Done()
			ways[i], answers[i], errs[i] = part.pass(ctx, r, from)
		}(i)
	}
	calls.Wait()
	for i := range ways {
		if errs[i] != nil {
			return nil, errs[i]
		}
		out.stamps = append(out.stamps, answers[i].TimestampChain...)
		out.ways = append(append(out.ways, ways[i]), answers[i].Hops...)
	}
	return out, nil
}

// pass hands a payload to the first function of a part of the tree, and gives what it answers.
func (t *transfer) pass(ctx context.Context, r *request, from *payload) (w way, a answer, err error) {
	body := from.bytes
	if t.storage {
		begun := time.Now()
		w.SentAt = stamp(begun)
		if err := from.put(ctx, &t.objects[0]); err != nil {
			return w, a, &chainFailure{statusPayload, "put the payload into the store: " + err.Error()}
		}
		w.PutNs = int64(time.Since(begun))
		body, err = json.Marshal(map[string]any{"Get": t.objects[0].Get, "Objects": t.objects[1:]})
		if err != nil {
			return w, a, err
		}
	}
	req, err := newCall(ctx, t.chain[0], t.query(r, from).Encode(), r.token, t.storage, body)
	if err != nil {
		return w, a, failedBelow(ctx, t.chain[0], 0, nil, err)
	}
	if now := stamp(time.Now()); t.storage {
		w.CalledAt = now
	} else {
		w.SentAt = now
	}
	status, text, err := call(req)
	w.AnsweredAt = stamp(time.Now())
	if err == nil && status == http.StatusOK {
		err = json.Unmarshal(text, &a)
	}
	if err != nil || status != http.StatusOK {
		return w, a, failedBelow(ctx, t.chain[0], status, text, err)
	}
	got := int64(-1)
	if a.PayloadBytes != nil {
		got = *a.PayloadBytes
	}
	if a.PayloadSHA256 != from.sha || got != from.size || a.RepliedAt == "" {
		return w, a, &chainFailure{statusPayload, fmt.Sprintf("the function at %s had a payload of %d bytes with the "+
			"SHA-256 %s; %d bytes with %s were sent", bare(t.chain[0]), got, shorten(a.PayloadSHA256), from.size,
			from.sha)}
	}
	w.ReceivedAt, w.RepliedAt = a.ReceivedAt, a.RepliedAt
	if t.storage {
		w.ArrivedAt, w.ReceivedAt = a.ReceivedAt, a.PayloadAt
	}
	w.Bytes, w.SHA256, w.Instance, w.Cold = got, a.PayloadSHA256, a.Instance.ID, a.Instance.Cold
	w.FirstNs, w.GetNs = a.FirstNs, a.GetNs
	return w, a, nil
}

// query is that of the request to the first function of a part of the tree.
func (t *transfer) query(r *request, from *payload) url.Values {
	q := url.Values{shaParameter: {from.sha}, "PayloadLengthBytes": {strconv.FormatInt(from.size, 10)}}
	if v, ok := r.param("IncrementLimit"); ok {
		q.Set("IncrementLimit", v)
	}
	if rest := t.chain[1:]; len(rest) > 0 {
		text, _ := json.Marshal(rest) // texts can always be written
		q.Set("Chain", string(text))
	}
	if t.fan > 1 {
		q.Set("Fan", strconv.Itoa(t.fan))
	}
	if t.storage {
		q.Set("StorageTransfer", "true")
	}
	return q
}

// failedBelow says why a function below gave no answer. A broken payload and a throttled request keep their status.
func failedBelow(ctx context.Context, at string, status int, text []byte, err error) error {
	var said struct {
		Error string `json:"error"`
	}
	_ = json.Unmarshal(text, &said)
	why := said.Error
	if why == "" {
		why = fmt.Sprintf("it answered status %d: %s", status, shorten(string(text)))
	}
	out := http.StatusBadGateway
	switch {
	case status == statusPayload, status == http.StatusTooManyRequests, status == http.StatusGatewayTimeout:
		out = status
	case ctx.Err() != nil:
		out, why = http.StatusGatewayTimeout, "no answer in time"
	case err != nil && status == 0:
		why = strings.ReplaceAll(err.Error(), at, bare(at))
	}
	return &chainFailure{out, "function of the chain at " + bare(at) + ": " + why}
}

// bare is a URL without its query: that of a presigned one is a secret.
func bare(at string) string {
	if i := strings.IndexByte(at, '?'); i >= 0 {
		return at[:i]
	}
	return at
}
