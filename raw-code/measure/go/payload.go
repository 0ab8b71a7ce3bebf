package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// keepMost is how much of a payload out of a store is kept in memory to be put into the store again; a larger one is
// read from the store once more while it is put.
const keepMost = 16 << 20

// payload is what a function passes on.
type payload struct {
	size  int64
	sha   string    // hex
	at    time.Time // it is in, or made
	bytes []byte    // nil: it is made again, or read again, while it is sent
	get   string    // where it can be read again; empty: it can be made again

	first, got time.Duration // of the store, for one that came out of it
}

// take takes in the payload that a function above passes on, or makes one of size bytes.
func (t *transfer) take(ctx context.Context, r *request, size int64) (*payload, error) {
	switch {
	case !t.receives && t.storage:
		p := &payload{size: size}
		hash := sha256.New()
		if _, err := io.Copy(hash, made(size)); err != nil {
			return nil, err
		}
		p.sha, p.at = hex.EncodeToString(hash.Sum(nil)), time.Now()
		return p, nil
	case !t.receives:
		p := &payload{size: size, bytes: makePayload(size)}
		sum := sha256.Sum256(p.bytes)
		p.sha, p.at = hex.EncodeToString(sum[:]), time.Now()
		return p, nil
	case t.storage:
		return t.fetch(ctx, size)
	}
	p := &payload{size: int64(len(r.body)), bytes: r.body, at: r.received}
	sum := sha256.Sum256(p.bytes)
	p.sha = hex.EncodeToString(sum[:])
	return p, t.check(p, size)
}

// check compares a payload that has come in with what its producer says of it.
func (t *transfer) check(p *payload, size int64) error {
	if p.size != size || p.sha != t.sha {
		return brokenPayload{fmt.Errorf("the payload has %d bytes with the SHA-256 %s; its producer sent %d with %s",
			p.size, p.sha, size, shorten(t.sha))}
	}
	return nil
}

// fetch reads the whole object in which the payload is.
func (t *transfer) fetch(ctx context.Context, size int64) (*payload, error) {
	broken := func(err error) error {
		return brokenPayload{fmt.Errorf("get the payload from the store: %w", plain(err, t.get))}
	}
	begun := time.Now()
	resp, err := getObject(ctx, t.get)
	if err != nil {
		return nil, broken(err)
	}
	defer resp.Body.Close()
	hash := sha256.New()
	p := &payload{get: t.get}
	var into io.Writer = hash
	var kept bytes.Buffer
	if len(t.chain) > 0 && size <= keepMost {
		into = io.MultiWriter(hash, &kept)
	}
	var head [1]byte
	n, err := io.ReadFull(resp.Body, head[:])
	p.first = time.Since(begun)
	_, _ = into.Write(head[:n]) // a hash and a buffer take everything
	if n == 1 {
		p.size, err = io.CopyBuffer(into, resp.Body, make([]byte, 256<<10))
		p.size++
	}
	p.at = time.Now()
	p.got = p.at.Sub(begun)
	if err != nil && err != io.EOF { // EOF: the object is empty
		return nil, broken(err)
	}
	p.sha = hex.EncodeToString(hash.Sum(nil))
	if into != io.Writer(hash) {
		p.bytes = kept.Bytes()
	}
	return p, t.check(p, size)
}

// put writes the payload into the store.
func (p *payload) put(ctx context.Context, to *object) error {
	var body io.Reader = bytes.NewReader(p.bytes)
	switch {
	case p.bytes != nil || p.size == 0:
	case p.get == "":
		body = made(p.size)
	default:
		resp, err := getObject(ctx, p.get)
		if err != nil {
			return plain(err, p.get)
		}
		defer resp.Body.Close()
		body = resp.Body
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, to.Put, body)
	if err != nil {
		return plain(err, to.Put)
	}
	req.ContentLength = p.size
	for name, value := range to.Header {
		req.Header.Set(name, value)
	}
	resp, err := storeAnswer(req)
	if err != nil {
		return plain(err, to.Put)
	}
	return resp.Body.Close()
}

// plain takes a presigned URL out of the text of an error.
func plain(err error, at string) error {
	return fmt.Errorf("%s", bytes.ReplaceAll([]byte(err.Error()), []byte(at), []byte(bare(at))))
}

// getObject asks a store for an object.
func getObject(ctx context.Context, at string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, err
	}
	return storeAnswer(req)
}

// storeAnswer asks a store; any other status than one of success is an error.
func storeAnswer(req *http.Request) (*http.Response, error) {
	resp, err := nextClient().RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 != 2 {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 200))
		resp.Body.Close()
		return nil, fmt.Errorf("the store answered %s: %s", resp.Status, text)
	}
	return resp, nil
}

// nextClient keeps connections to the functions below and to the store. It is made when the first payload is passed on.
// It speaks HTTP/1.1, follows no redirect and knows no proxy.
var nextClient = sync.OnceValue(func() http.RoundTripper {
	return &http.Transport{DialContext: dialNext, DisableCompression: true,
		MaxIdleConnsPerHost: maxFan, WriteBufferSize: 64 << 10, ReadBufferSize: 64 << 10,
		IdleConnTimeout: 50 * time.Second} // gateways drop idle connections after about 55 s, some without a word
})

// dialNext opens a connection. Names below localhost are this machine, whatever its resolver knows (RFC 6761, section
// 6.3): emulators of clouds give their APIs such names.
func dialNext(ctx context.Context, network, address string) (net.Conn, error) {
	if host, port, err := net.SplitHostPort(address); err == nil && strings.HasSuffix(host, ".localhost") {
		address = net.JoinHostPort("127.0.0.1", port)
	}
	conn, err := (&net.Dialer{Timeout: 30 * time.Second}).DialContext(ctx, network, address)
	if tcp, ok := conn.(*net.TCPConn); ok {
		conn = wholeConn{tcp}
	}
	return conn, err
}

// wholeConn writes a payload that is in memory with one write, from where it is. The library would copy it in parts of
// 32 KiB, with a write for each.
type wholeConn struct{ *net.TCPConn }

// ReadFrom writes all that the reader gives. The HTTP client sends the body of a request so.
func (c wholeConn) ReadFrom(from io.Reader) (int64, error) {
	body, ok := from.(*io.LimitedReader)
	if !ok {
		return c.TCPConn.ReadFrom(from)
	}
	payload, ok := body.R.(io.WriterTo) // what NewRequest makes of a bytes.Reader; it is as long as the request says
	if !ok {
		return c.TCPConn.ReadFrom(from)
	}
	n, err := payload.WriteTo(c.TCPConn)
	body.N -= n
	return n, err
}

// newCall makes the request to a function below.
func newCall(ctx context.Context, at, query, token string, text bool, body []byte) (*http.Request, error) {
	join := "?"
	if bare(at) != at {
		join = "&"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at+join+query, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/octet-stream") // which gateways pass on as it is
	if text {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("User-Agent", "stellar-measure")
	if token != "" {
		req.Header.Set("X-Stellar-Token", token)
	}
	return req, nil
}

// call sends the request, and gives the function's answer.
func call(req *http.Request) (status int, answer []byte, err error) {
	resp, err := nextClient().RoundTrip(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(resp.Body, maxReply))
	return resp.StatusCode, answer, err
}

// made gives the bytes of makePayload without holding them.
func made(n int64) io.Reader { return &generator{left: n, x: seed} }

type generator struct {
	left int64
	x    uint64
	rest []byte // of the last eight bytes
	word [8]byte
}

func (g *generator) Read(p []byte) (n int, err error) {
	if g.left == 0 {
		return 0, io.EOF
	}
	if int64(len(p)) > g.left {
		p = p[:g.left]
	}
	n = copy(p, g.rest)
	g.rest = g.rest[n:]
	for ; len(p)-n >= 8; n += 8 {
		g.x = step(g.x)
		binary.LittleEndian.PutUint64(p[n:], g.x)
	}
	if n < len(p) {
		g.x = step(g.x)
		binary.LittleEndian.PutUint64(g.word[:], g.x)
		copied := copy(p[n:], g.word[:])
		n += copied
		g.rest = g.word[copied:]
	}
	g.left -= int64(n)
	return n, nil
}
