package http1

import (
	"bufio"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
)

// head is a request's head with these lines.
func head(lines ...string) string { return strings.Join(lines, "\r\n") + "\r\n\r\n" }

// heads are heads of requests, and whether they are of the usual form.
var heads = []struct {
	text  string
	usual bool
}{
	{head("GET / HTTP/1.1", "Host: a"), true},
	{head("POST /s/f?x=1&y=%20 HTTP/1.1", "host: a.b:80", "Content-Length: 3", "content-type:text/plain",
		"X-A: 1", "x-a: 2", "Cookie: a=b", "Cookie: c=d", "Connection: Keep-Alive", "Accept:  */*\t ") + "abc", true},
	{head("GET //a//b HTTP/1.1", "Host: [::1]:80", "Empty:", "Te: trailers"), true},
	{head("PUT /%2f HTTP/1.1", "Host: a", "Content-Length: 0", "X: \x80\xff"), true},
	{head("GET / HTTP/1.1", "Host: a")[:20], false},
	{"", false},
	{"\r\n\r\n", false},
	{head("GET / HTTP/1.0", "Host: a"), false},
	{head("GET / HTTP/1.1"), false},
	{head("GET / HTTP/1.1", "Host: a", "Host: b"), false},
	{head("GET / HTTP/1.1", "Host: a b"), false},
	{head("GET http://a/ HTTP/1.1", "Host: b"), false},
	{head("OPTIONS * HTTP/1.1", "Host: a"), false},
	{head("HEAD / HTTP/1.1", "Host: a"), false},
	{head("CONNECT a:1 HTTP/1.1", "Host: a"), false},
	{head("PRI * HTTP/2.0") + "SM\r\n\r\n", false},
	{head("GET /%zz HTTP/1.1", "Host: a"), false},
	{head("GET / x HTTP/1.1", "Host: a"), false},
	{head("GET  / HTTP/1.1", "Host: a"), false},
	{head("GET /\x01 HTTP/1.1", "Host: a"), false},
	{head("G(T / HTTP/1.1", "Host: a"), false},
	// What two servers could read in two ways (RFC 9112, section 11.2).
	{head("POST / HTTP/1.1", "Host: a", "Content-Length: 3", "Transfer-Encoding: chunked") + "0\r\n\r\n", false},
	{head("POST / HTTP/1.1", "Host: a", "Transfer-Encoding: chunked") + "0\r\n\r\n", false},
	{head("POST / HTTP/1.1", "Host: a", "Content-Length: 3", "Content-Length: 3") + "abc", false},
	{head("POST / HTTP/1.1", "Host: a", "Content-Length: 3, 3") + "abc", false},
	{head("POST / HTTP/1.1", "Host: a", "Content-Length: +3") + "abc", false},
	{head("POST / HTTP/1.1", "Host: a", "Content-Length:") + "abc", false},
	{head("POST / HTTP/1.1", "Host: a", "Content-Length: 99999999999999999999"), false},
	{head("POST / HTTP/1.1", "Host: a", "Content-Length : 3") + "abc", false},
	{head("GET / HTTP/1.1", "Host: a", "X: 1", " folded"), false},
	{head("GET / HTTP/1.1", "Host: a", "X: 1\nY: 2"), false},
	{head("GET / HTTP/1.1", "Host: a", "X: 1\rY: 2"), false},
	{"GET / HTTP/1.1\nHost: a\n\n", false},
	{head("GET / HTTP/1.1", "Host: a", "X"), false},
	{head("GET / HTTP/1.1", "Host: a", ": x"), false},
	{head("GET / HTTP/1.1", "Host: a", "X: \x00"), false},
	{head("POST / HTTP/1.1", "Host: a", "Expect: 100-continue", "Content-Length: 3"), false},
	{head("GET / HTTP/1.1", "Host: a", "Connection: close"), false},
	{head("GET / HTTP/1.1", "Host: a", "Upgrade: h2c", "Connection: Upgrade"), false},
	{head("GET / HTTP/1.1", "Host: a", "Pragma: no-cache"), false},
	{head("GET / HTTP/1.1", "Host: a", "Trailer: X"), false},
}

func TestParse(t *testing.T) {
	for _, c := range heads {
		if _, _, ok := Parse([]byte(c.text)); ok != c.usual {
			t.Errorf("%q: usual %v, want %v", c.text, ok, c.usual)
		}
		agrees(t, c.text)
	}
}

// agrees checks that what Parse reads is what net/http reads.
func agrees(t *testing.T, text string) {
	t.Helper()
	got, length, ok := Parse([]byte(text))
	if !ok {
		return
	}
	in := bufio.NewReader(strings.NewReader(text))
	want, err := http.ReadRequest(in)
	if err != nil {
		t.Fatalf("%q: read, but net/http says %v", text, err)
	}
	for _, f := range []struct {
		what      string
		got, want any
	}{
		{"method", got.Method, want.Method}, {"URL", got.URL, want.URL}, {"target", got.RequestURI, want.RequestURI},
		{"header", got.Header, want.Header}, {"host", got.Host, want.Host}, {"version", got.Proto, want.Proto},
		{"length", got.ContentLength, want.ContentLength}, {"close", got.Close, want.Close},
		{"coding", len(got.TransferEncoding), len(want.TransferEncoding)}, {"trailer", got.Trailer, want.Trailer},
	} {
		if !reflect.DeepEqual(f.got, f.want) {
			t.Errorf("%q: %s %v, net/http has %v", text, f.what, f.got, f.want)
		}
	}
	rest, _ := io.ReadAll(in)
	if string(rest) != text[length:] {
		t.Errorf("%q: %q follows, for net/http %q", text, text[length:], rest)
	}
}

func FuzzParse(f *testing.F) {
	for _, c := range heads {
		f.Add(c.text)
	}
	f.Fuzz(agrees)
}

// TestParser: a parser that has read other heads reads each one as a new one does.
func TestParser(t *testing.T) {
	for _, first := range heads {
		for _, second := range heads {
			readsAnew(t, first.text, second.text)
		}
	}
}

// readsAnew has a parser read two heads, the second one three times: behind the first, again, and before another
// request.
func readsAnew(t *testing.T, first, second string) {
	t.Helper()
	var p Parser
	change := func(r *http.Request) { // what a server does to a request is none of the next one's
		if r != nil {
			r.RemoteAddr, r.Body, r.Method, r.ContentLength = "changed", nil, "changed", 99
		}
	}
	r, _, _ := p.Parse([]byte(first))
	change(r)
	for _, text := range []string{second, second, second + first} {
		got, length, ok := p.Parse([]byte(text))
		want, wantLength, wantOK := Parse([]byte(text))
		if ok != wantOK || length != wantLength || !reflect.DeepEqual(got, want) {
			t.Errorf("%q behind %q: %+v, %d, %v; read anew %+v, %d, %v", text, first, got, length, ok, want, wantLength,
				wantOK)
		}
		change(got)
	}
}

func FuzzParser(f *testing.F) {
	f.Add(heads[0].text, heads[1].text)
	f.Add(heads[0].text, heads[0].text[:20])
	f.Fuzz(readsAnew)
}
