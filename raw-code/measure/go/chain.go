package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	maxChain  = 1000
	maxReply  = 4 << 20 // a reply holds stamps and hops, a few hundred bytes for each function
	textBytes = 0x7f7f7f7f7f7f7f7f
)

// visit is a call at this function of its chain.
type visit struct {
	in       chainRequest
	received time.Time
	token    string
	instance Instance
	id       string // the platform's, empty where it has none
}

// passOn does this function's part of a chain and has the rest done by the next function. The first function of a chain
// spins, makes the payload and stamps, as one without a chain does; each further one stamps when the whole payload is
// in.
func (f *function) passOn(ctx context.Context, v visit) (*chainReply, error) {
	left := longestTimeout
	if deadline, ok := ctx.Deadline(); ok {
		left = deadline.Sub(v.received)
	}
	p, err := readParams(v.in.param, left)
	if err != nil {
		return nil, callFails(codeInvalidArgument, "%v", err)
	}
	rest, err := v.in.next()
	if err != nil {
		return nil, err
	}
	stamps := list(v.in.stamps)
	r := &chainReply{requestID: v.id, instance: v.instance, received: v.received.UnixNano(), work: p}
	if r.requestID == "" {
		r.requestID = randomID()
	}
	begun := time.Now()
	state := spin(p.increments)
	r.spin = int64(time.Since(begun))
	r.sink = state >> 11
	at, payload := v.received, v.in.payload
	if len(stamps) == 0 {
		if len(payload) == 0 {
			payload = makeText(p.payload)
		}
		at = time.Now()
	}
	r.payload = int64(len(payload))
	r.stamps = append(stamps, millis(at))
	r.exact = []exact{{len(stamps), at.UnixNano()}}
	if len(rest) > 0 {
		if err := v.send(ctx, r, rest, payload); err != nil {
			return nil, err
		}
	}
	r.replied = time.Now().UnixNano()
	return r, nil
}

// next gives the functions further down the chain, each host:port.
func (r *chainRequest) next() ([]string, error) {
	if r.storage {
		return nil, callFails(codeUnimplemented,
			"storageTransfer: this function does not run transfers through storage, ask it without it")
	}
	rest := list(r.chain)
	if len(rest) > maxChain {
		return nil, callFails(codeInvalidArgument, "dataTransferChainIDs names %d functions, at most %d are allowed",
			len(rest), maxChain)
	}
	for _, id := range rest {
		host, port, err := net.SplitHostPort(id)
		if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n == 0 || host == "" {
			return nil, callFails(codeInvalidArgument, "dataTransferChainIDs: %q is not host:port", shorten(id))
		}
	}
	return rest, nil
}

// send hands the payload to the next function and completes the reply with what comes back.
func (v *visit) send(ctx context.Context, r *chainReply, rest []string, payload []byte) error {
	me := r.exact[0].function
	h := hop{function: me, bytes: int64(len(payload))}
	head := v.in.encode(rest, r.stamps, len(payload))
	h.sent = time.Now().UnixNano()
	message, err := invoke(ctx, rest[0], v.token, head, payload)
	h.answered = time.Now().UnixNano()
	if err != nil {
		return located(ctx, err, me+1, rest[0])
	}
	back, err := readReply(message)
	if err != nil {
		return located(ctx, callFails(codeInternal, "its reply: %v", err), me+1, rest[0])
	}
	if back.payload >= 0 && back.payload != h.bytes {
		return located(ctx, callFails(codeInternal, "%d bytes were sent, %d came in", h.bytes, back.payload), me+1,
			rest[0])
	}
	if len(back.stamps) <= len(r.stamps) {
		return located(ctx, callFails(codeInternal, "its reply has no stamp of its own: %s",
			shorten(listText(back.stamps))), me+1, rest[0])
	}
	h.received, h.replied = back.received, back.replied
	r.stamps = back.stamps
	r.exact = append(r.exact, back.exact...)
	r.hops = append([]hop{h}, back.hops...)
	return nil
}

// located says of an error which function of the chain it comes from. What has its own status keeps it; a connection
// that fails is an unavailable function.
func located(ctx context.Context, err error, function int, id string) error {
	code, why := codeUnavailable, err.Error()
	var said *callError
	switch {
	case errors.As(err, &said):
		code = said.code
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		code, why = codeDeadlineExceeded, "no reply in time"
	case ctx.Err() != nil:
		code, why = codeCancelled, "the caller has gone"
	}
	return callFails(code, "function %d of the chain at %s: %s", function, id, why)
}

// encode writes the request for the next function, up to the payload, which stands last.
func (r *chainRequest) encode(rest, stamps []string, payload int) []byte {
	m := make([]byte, prefixSize, 256)
	if text := r.texts["IncrementLimit"]; text != "" {
		m = appendText(m, askIncrements, text)
	}
	if text := r.texts["PayloadLengthBytes"]; text != "" {
		m = appendText(m, askLength, text)
	}
	m = appendText(m, askChain, listText(rest[1:]))
	m = appendText(m, askStamps, listText(stamps))
	if payload > 0 {
		m = appendLength(m, askPayload, payload)
	}
	binary.BigEndian.PutUint32(m[1:], uint32(len(m)-prefixSize+payload))
	return m
}

// chainClient keeps one connection to each next function. It is made when the first chain comes: a function that has
// none starts without it.
var chainClient = sync.OnceValue(func() http.RoundTripper { return http2Transport(30 * time.Second) })

// invoke sends one call and gives the reply's message. An error of the called function is a callError.
func invoke(ctx context.Context, address, token string, head, payload []byte) ([]byte, error) {
	client := chainClient()
	if client == nil {
		return nil, callFails(codeUnimplemented,
			"this function was built by a Go older than 1.24, which has no HTTP/2 in clear")
	}
	body := func() (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(bytes.NewReader(head), bytes.NewReader(payload))), nil
	}
	first, _ := body()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+callMethod, first)
	if err != nil {
		return nil, err
	}
	req.GetBody, req.ContentLength = body, int64(len(head)+len(payload))
	req.Header.Set("Content-Type", callType)
	req.Header.Set("Te", "trailers")
	req.Header.Set("User-Agent", "stellar-measure")
	if token != "" {
		req.Header.Set("X-Stellar-Token", token)
	}
	if deadline, ok := ctx.Deadline(); ok {
		req.Header.Set("Grpc-Timeout", writeTimeout(time.Until(deadline)))
	}
	resp, err := client.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return replyOf(resp)
}

// replyOf reads a response: its message, or the status that stands in its place.
func replyOf(resp *http.Response) ([]byte, error) {
	if resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), callType) {
		return nil, callFails(codeOfHTTP(resp.StatusCode), "answered HTTP status %s, type %q, which is not gRPC",
			resp.Status,
			shorten(resp.Header.Get("Content-Type")))
	}
	all, err := io.ReadAll(io.LimitReader(resp.Body, maxReply+1))
	if err != nil {
		return nil, err
	}
	status, why := resp.Trailer.Get("Grpc-Status"), resp.Trailer.Get("Grpc-Message")
	if status == "" { // a response of trailers alone
		status, why = resp.Header.Get("Grpc-Status"), resp.Header.Get("Grpc-Message")
	}
	code, err := strconv.Atoi(status)
	switch {
	case err != nil:
		return nil, callFails(codeInternal, "answered without a status")
	case code != 0:
		return nil, &callError{code, percentDecode(why)}
	case len(all) < prefixSize || all[0] != 0 || int64(binary.BigEndian.Uint32(all[1:])) != int64(len(all)-prefixSize):
		return nil, callFails(codeInternal, "answered with something that is not one message of at most %d bytes",
			maxReply)
	}
	return all[prefixSize:], nil
}

// codeOfHTTP is the status of an answer that is not gRPC, a gateway's for one
// (github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md).
func codeOfHTTP(status int) int {
	switch status {
	case http.StatusBadRequest:
		return codeInternal
	case http.StatusUnauthorized:
		return codeUnauthenticated
	case http.StatusNotFound:
		return codeUnimplemented
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return codeUnavailable
	}
	return codeUnknown
}

// makeText makes a payload of n bytes that is valid UTF-8: the contract's field is a string, and old functions refuse
// one that is not. Each byte has seven random bits, the same ones each time.
func makeText(n int64) []byte {
	payload := makePayload(n)
	i := 0
	for ; i+8 <= len(payload); i += 8 {
		binary.LittleEndian.PutUint64(payload[i:], binary.LittleEndian.Uint64(payload[i:])&textBytes)
	}
	for ; i < len(payload); i++ {
		payload[i] &= 0x7f
	}
	return payload
}
