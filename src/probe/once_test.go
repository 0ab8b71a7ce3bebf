package probe

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/goldentest"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// answering serves a fixed text and closes.
func answering(text string) func(net.Conn, *bufio.Reader) {
	return func(c net.Conn, r *bufio.Reader) {
		if _, err := readRequest(r); err == nil {
			_, _ = io.WriteString(c, text)
		}
	}
}

func TestOnceClasses(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused := "http://" + l.Addr().String()
	_ = l.Close()
	hang := func(_ net.Conn, r *bufio.Reader) { _, _ = io.Copy(io.Discard, r) }
	for _, c := range []onceCase{
		{name: "answers", handle: hello, class: sample.OK, status: 200, bytes: 5},
		{name: "redirect", handle: answering("HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"),
			class: sample.OK, status: 302},
		{name: "client error", handle: answering("HTTP/1.1 404 No\r\nContent-Length: 4\r\n\r\ngone"),
			class: sample.HTTP4xx, status: 404, bytes: 4},
		{name: "server error", handle: answering("HTTP/1.1 503 No\r\n\r\n"), class: sample.HTTP5xx, status: 503},
		{name: "garbage", handle: answering("\x16\x03\x01 what is this, a TLS server?\n"), class: sample.Protocol},
		{name: "closes without a word", handle: answering(""), class: sample.Reset},
		{name: "closes mid-body", handle: answering("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello"),
			class: sample.Reset, status: 200, bytes: 5},
		{name: "resets mid-body", class: sample.Reset, status: 200, bytes: 5, most: 5 * time.Millisecond,
			handle: func(c net.Conn, r *bufio.Reader) {
				_, _ = readRequest(r)
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello")
				time.Sleep(20 * time.Millisecond) // a reset overtakes data that has not been read
				_ = c.(*net.TCPConn).SetLinger(0)
			}},
		{name: "oversized", handle: answering("HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n"),
			class: sample.TooLarge, status: 200},
		{name: "never answers", handle: hang, timeout: 50 * time.Millisecond, class: sample.Timeout},
		{name: "stops mid-body", timeout: 300 * time.Millisecond, class: sample.Timeout, status: 200, bytes: 2,
			handle: func(c net.Conn, r *bufio.Reader) {
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe")
				hang(c, r)
			}},
		{name: "refused", url: refused, class: sample.Connect},
		{name: "unknown host", url: "http://nowhere.test", class: sample.DNS},
		{name: "no address", url: "http://empty.test", class: sample.DNS},
		{name: "resolver too slow", url: "http://slow.test", timeout: 50 * time.Millisecond, class: sample.Timeout},
		{name: "not TLS", handle: func(c net.Conn, _ *bufio.Reader) {
			_,
				_ = io.WriteString(c, "HTTP/1.1 400 Bad\r\n\r\n")
		},
			url: "https", class: sample.TLS},
		{name: "never shakes hands", handle: hang, url: "https", timeout: 50 * time.Millisecond, class: sample.Timeout},
	} {
		t.Run(c.name, func(t *testing.T) {
			most := cmp.Or(c.most, cmp.Or(c.timeout, patience)/4)
			undelayed(t, most, func() (wrong string) { return checkOnce(t, c) })
		})
	}
}

// onceCase is a server's behaviour, or an address of its own, and what a request to it must come to.
type onceCase struct {
	name    string
	handle  func(net.Conn, *bufio.Reader)
	url     string // with a handle: the scheme, if it is not http
	timeout time.Duration
	class   sample.Class
	status  int
	bytes   int64
	most    time.Duration // that the machine may hold the client up; default: a quarter of the timeout
}

// checkOnce sends a request and says what is wrong with its class, which a busy machine may change where it holds the
// client up for as long as its timeout, or beyond a reset.
func checkOnce(t *testing.T, c onceCase) (wrong string) {
	t.Helper()
	at := c.url
	if c.handle != nil {
		at = strings.Replace(serveRaw(t, c.handle).url, "http", "http"+strings.TrimPrefix(c.url, "http"), 1)
	}
	if c.timeout == 0 {
		c.timeout = patience
	}
	client := Client{Timeout: c.timeout, MaxBody: 1000000, Lookup: testLookup}
	start := time.Now()
	reply, err := Once(t.Context(), client, Target{Name: "f", URL: at}, nil)
	s := reply.Sample
	if s.Err != c.class || s.Status != c.status || s.Bytes != c.bytes || !s.NewConn {
		wrong = fmt.Sprintf("class %q, status %d, %d bytes; error %v", s.Err, s.Status, s.Bytes, err)
	}
	if (err == nil) != (c.class == sample.OK) || err != nil && !strings.Contains(err.Error(), "request to f: ") {
		t.Errorf("error %v for class %q", err, c.class)
	}
	if took := time.Since(start); took > c.timeout+patience {
		t.Errorf("took %s", took)
	}
	checkRows(t, []sample.Sample{s})
	return wrong
}

func testLookup(ctx context.Context, host string) ([]netip.Addr, error) {
	switch host {
	case "two.test":
		return []netip.Addr{netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.1")}, nil
	case "empty.test":
		return nil, nil
	case "slow.test":
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

func TestOnceTriesAddressesInTurn(t *testing.T) {
	s := serveRaw(t, hello) // listens on 127.0.0.1 only
	u, _ := url.Parse(s.url)
	reply, err := Once(t.Context(), Client{Timeout: patience, Lookup: testLookup},
		Target{URL: "http://two.test:" + u.Port() + "/x"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := reply.Sample
	if r.Host != "two.test:"+u.Port() || r.Endpoint != "/x" || r.DNS < 0 || r.Connect < 0 || r.TLS != sample.None {
		t.Errorf("got %+v", r)
	}
	if string(reply.Body) != "hello" {
		t.Errorf("body %q", reply.Body)
	}
}

func TestOnceTLS(t *testing.T) {
	s, _ := serveHTTP(t, true, func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, `{"RequestID":"%s %s"}`, r.TLS.ServerName, r.TLS.NegotiatedProtocol)
	})
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	u, _ := url.Parse(s.URL)
	client := Client{Timeout: patience, TLS: &tls.Config{RootCAs: roots},
		Lookup: func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
		}}
	reply, err := Once(t.Context(), client, Target{URL: "https://example.com:" + u.Port()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r := reply.Sample; r.RequestID != "example.com http/1.1" || r.TLS <= 0 || r.TLS > r.Latency {
		t.Errorf("got %+v", r)
	}
	// Without the root the certificate is not believed, and the error says so.
	client.TLS = nil
	reply, err = Once(t.Context(), client, Target{URL: "https://example.com:" + u.Port()}, nil)
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); !ok || reply.Sample.Err != sample.TLS {
		t.Errorf("class %q, error %v", reply.Sample.Err, err)
	}
}

func TestOnceClientCertificateWanted(t *testing.T) {
	s, _ := serveHTTP(t, true, func(http.ResponseWriter, *http.Request) {})
	s.TLS.ClientAuth = tls.RequireAnyClientCert
	reply, err := Once(t.Context(), Client{Timeout: patience, TLS: &tls.Config{InsecureSkipVerify: true}},
		Target{URL: s.URL}, nil)
	// TLS 1.3 says so only after the handshake, with an alert in place of the answer.
	if reply.Sample.Err != sample.TLS {
		t.Errorf("class %q, error %v", reply.Sample.Err, err)
	}
}

func TestOnceCancelled(t *testing.T) {
	asked := make(chan struct{})
	s := serveRaw(t, func(_ net.Conn, r *bufio.Reader) {
		_, _ = readRequest(r)
		close(asked)
		_, _ = io.Copy(io.Discard, r)
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	if _, err := Once(ctx, Client{Timeout: patience}, Target{URL: s.url}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v", err)
	}
	if _, err := Once(ctx, Client{}, Target{URL: s.url}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before: got error %v", err)
	}
	if n := s.conns.Load(); n != 1 {
		t.Errorf("%d connections, want the first request's", n)
	}
}

func TestRequestGolden(t *testing.T) {
	var b strings.Builder
	for _, c := range []struct {
		cfg    Config
		target Target
	}{
		{Config{Connections: Reuse}, Target{URL: "http://127.0.0.1:8080"}},
		{Config{Connections: New, Client: Client{UserAgent: "stellar/1.2"}},
			Target{URL: "https://example.com/a%20b/f0-0?code=x y&é=1#part",
				Header: http.Header{"X-Stellar-Token": {"abc"}, "B": {"1", "2"}}}},
		{Config{Query: func(round int) url.Values {
			return url.Values{"IncrementLimit": {fmt.Sprint(round)}, "DataTransferChainIDs": {"[a b]"}}
		}}, Target{URL: "http://user:pass@[fe80::1%25lo]:81/?own=1"}},
		{Config{Method: "POST", Body: func(int) []byte { return []byte(`{"sleep":1}`) }}, Target{URL: "http://h"}},
		{Config{Method: "POST"}, Target{URL: "https://h:8443/x"}},
	} {
		c.cfg.Sink, c.cfg.Bursts = (&book{}).sink, 1
		cfg, err := forOne(c.cfg, c.target)
		if err != nil {
			t.Fatal(err)
		}
		made, err := newTarget(c.target)
		if err != nil {
			t.Fatal(err)
		}
		all, err := cfg.requests(made, 3)
		if err != nil {
			t.Fatal(err)
		}
		head := all[0].head
		fmt.Fprintf(&b, "%s\n--\n", strings.ReplaceAll(string(head), "\r\n", "\n"))
	}
	goldentest.CheckFile(t, "testdata/requests.txt", b.String())
}

// forOne completes a configuration for one target.
func forOne(cfg Config, t Target) (Config, error) {
	cfg.Targets = []Target{t}
	return cfg.withDefaults()
}

func TestConfigRefused(t *testing.T) {
	good := func() Config {
		return Config{Targets: []Target{{URL: "http://127.0.0.1:1"}}, Bursts: 1, Sink: (&book{}).sink}
	}
	for _, c := range []struct {
		want   string
		change func(*Config)
	}{
		{"no endpoint", func(c *Config) { c.Targets = nil }},
		{"at least 1", func(c *Config) { c.Bursts = 0 }},
		{"at least 1", func(c *Config) { c.BurstSize = func(int) int { return 0 } }},
		{"no sink", func(c *Config) { c.Sink = nil }},
		{"Schedule", func(c *Config) { c.Schedule = "ajar" }},
		{"Connections", func(c *Config) { c.Connections = "old" }},
		{"negative", func(c *Config) { c.Timeout = -1 }},
		{"MaxErrorRatio", func(c *Config) { c.MaxErrorRatio = 1.5 }},
		{"IAT above 0", func(c *Config) { c.Schedule, c.Bursts = Open, 2 }},
		{"IATType", func(c *Config) { c.Arrivals.Type = "poisson" }},
		{"method", func(c *Config) { c.Method = "GET /\r\n" }},
		{"method HEAD", func(c *Config) { c.Method = "HEAD" }},
		{"user agent", func(c *Config) { c.UserAgent = "a\r\nb" }},
		{"scheme", func(c *Config) { c.Targets[0].URL = "example.com" }},
		{"host name", func(c *Config) { c.Targets[0].URL = "http:///x" }},
		{"host name", func(c *Config) { c.Targets[0].URL = "http://bücher.example" }},
		{"port", func(c *Config) { c.Targets[0].URL = "http://h:70000" }},
		{"endpoint", func(c *Config) { c.Targets[0].URL = "http://h:x" }},
		{"cannot be set", func(c *Config) { c.Targets[0].Header = http.Header{"Content-Length": {"1"}} }},
		{"cannot be set", func(c *Config) { c.Targets[0].Header = http.Header{"A b": {"1"}} }},
		{"control character", func(c *Config) { c.Targets[0].Header = http.Header{"A": {"1\r\nB: 2"}} }},
	} {
		cfg := good()
		c.change(&cfg)
		_, err := Run(t.Context(), cfg)
		if err == nil || !strings.Contains(err.Error(), c.want) || fail.Code(err) != fail.CodeInput {
			t.Errorf("want %q: got error %v", c.want, err)
		}
	}
}
