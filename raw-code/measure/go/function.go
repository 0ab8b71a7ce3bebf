package main

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"
)

// function answers requests, whatever brought them here.
type function struct {
	*identity
	tokenHash string // hex SHA-256 of the run's token; empty: public
}

func newFunction(getenv func(string) string) *function {
	return &function{
		identity:  newIdentity(getenv),
		tokenHash: strings.ToLower(getenv("STELLAR_TOKEN_SHA256")),
	}
}

// request is a request without its provider's wrapping.
type request struct {
	id       string // the platform's, empty where it has none
	instance Instance
	received time.Time
	deadline time.Time // zero: none known
	token    string
	cmds     []byte // micro-tests that the body asks for: a JSON object; nil: none
	body     []byte // that a function above passes on, or that names objects of a store
	param    func(name string) (value string, present bool)
}

// answer is the response of the protocol.
type answer struct {
	RequestID      string
	TimestampChain []string
	Instance       Instance
	ReceivedAt     string
	SpinNs         int64
	Increments     int64
	PayloadBytes   *int64         `json:",omitempty"` // nil: none was asked for
	PayloadSHA256  string         `json:",omitempty"` // in a chain, as what follows: hex
	PayloadAt      string         `json:",omitempty"` // the whole payload is in, or made
	FirstNs        int64          `json:",omitempty"` // through storage: until the first byte is in
	GetNs          int64          `json:",omitempty"` // likewise, the last one
	Hops           []way          `json:",omitempty"` // to the functions below
	RepliedAt      string         `json:",omitempty"`
	Cmds           map[string]any `json:",omitempty"` // results of the micro-tests
	Sink           uint64
}

// handle does the work of one request and gives the response's status and JSON.
func (f *function) handle(r request) (status int, body []byte) {
	if !f.admits(r.token) {
		return refusal(http.StatusUnauthorized, "this function wants the run's token in the header X-Stellar-Token")
	}
	left := longestTimeout
	if !r.deadline.IsZero() {
		left = r.deadline.Sub(r.received)
	}
	p, err := readParams(r.param, left)
	if err != nil {
		return refusal(http.StatusBadRequest, err.Error())
	}
	chain, err := readTransfer(r.param, r.body)
	if err != nil {
		return refusal(http.StatusBadRequest, err.Error())
	}
	steps, err := r.steps()
	if err != nil {
		return refusal(http.StatusBadRequest, err.Error())
	}
	a := answer{RequestID: r.id, Instance: r.instance, ReceivedAt: stamp(r.received), Increments: p.increments}
	if a.RequestID == "" {
		a.RequestID = randomID()
	}
	begun := time.Now()
	state := spin(p.increments)
	a.SpinNs = int64(time.Since(begun))
	a.Sink = state >> 11 // 53 bits: exact in readers that know only floating point
	if chain != nil {
		return f.answerChain(&r, &a, chain, p, left)
	}
	if made := int64(len(makePayload(p.payload))); made > 0 {
		a.PayloadBytes = &made
	}
	if steps != nil {
		a.Cmds = runCmds(steps, &invocation{id: a.RequestID, end: r.received.Add(left), left: left})
	}
	a.TimestampChain = []string{stamp(time.Now())}
	body, err = json.Marshal(a)
	if err != nil {
		return refusal(http.StatusInternalServerError, err.Error())
	}
	return http.StatusOK, body
}

// answerChain does this function's part of a chain and completes its answer.
func (f *function) answerChain(r *request, a *answer, chain *transfer, p params, left time.Duration) (int, []byte) {
	ctx, cancel := context.WithDeadline(context.Background(), r.received.Add(left-answerMargin))
	defer cancel()
	done, err := chain.run(ctx, r, p)
	var broken brokenPayload
	var failed *chainFailure
	switch {
	case errors.As(err, &failed):
		return refusal(failed.status, failed.why)
	case errors.As(err, &broken) && ctx.Err() != nil:
		return refusal(http.StatusGatewayTimeout, err.Error())
	case errors.As(err, &broken):
		return refusal(statusPayload, err.Error())
	case err != nil:
		return refusal(http.StatusInternalServerError, err.Error())
	}
	a.PayloadBytes, a.PayloadSHA256, a.PayloadAt = &done.bytes, done.sha, stamp(done.at)
	a.FirstNs, a.GetNs = int64(done.first), int64(done.got)
	a.TimestampChain, a.Hops = done.stamps, done.ways
	a.RepliedAt = stamp(time.Now())
	body, err := json.Marshal(a)
	if err != nil {
		return refusal(http.StatusInternalServerError, err.Error())
	}
	return http.StatusOK, body
}

// steps are the micro-tests that the request asks for, in its body or in its query; nil: none.
func (r *request) steps() ([]cmdStep, error) {
	object := r.cmds
	if text, ok := r.param("cmds"); ok && object == nil {
		object = []byte(text)
	}
	if object == nil {
		return nil, nil
	}
	return readCmds(object)
}

// admits compares hashes, of equal length whatever was sent and in constant time.
func (f *function) admits(token string) bool {
	if f.tokenHash == "" {
		return true
	}
	sum := sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare([]byte(hex.EncodeToString(sum[:])), []byte(f.tokenHash)) == 1
}

func refusal(status int, why string) (int, []byte) {
	body, err := json.Marshal(struct {
		Error string `json:"error"`
	}{why})
	if err != nil {
		return status, []byte(`{"error":"not to be told"}`)
	}
	return status, body
}

// seed is Marsaglia's of "Xorshift RNGs" (2003); any number but 0 serves.
const seed = 88172645463325252

// step is one increment: xorshift64 with the shifts 13, 7, 17.
func step(x uint64) uint64 {
	x ^= x << 13
	x ^= x >> 7
	return x ^ x<<17
}

// spin steps n times. Its result goes into the answer, so that no compiler can leave the loop out.
func spin(n int64) uint64 {
	x := uint64(seed)
	for ; n > 0; n-- {
		x = step(x)
	}
	return x
}

// makePayload makes n bytes that do not compress, the same ones each time.
func makePayload(n int64) []byte {
	if n == 0 {
		return nil
	}
	payload := make([]byte, n+7)
	x := uint64(seed)
	for at := int64(0); at < n; at += 8 {
		x = step(x)
		binary.LittleEndian.PutUint64(payload[at:], x)
	}
	return payload[:n]
}
