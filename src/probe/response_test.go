package probe

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/probe/answer"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

const chunkedHead = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

// read takes in a whole response from a reader.
func (p *response) read(c io.Reader, now func() time.Duration) error {
	buf := make([]byte, windowBytes)
	for !p.whole {
		n, err := c.Read(buf)
		switch {
		case n > 0:
			err = p.feed(buf[:n], now())
		case errors.Is(err, io.EOF):
			err = p.eof()
		case err == nil:
			err = io.ErrNoProgress
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// tick is a clock that stands.
func tick() time.Duration { return time.Second }

func TestResponse(t *testing.T) {
	long := strings.Repeat("x", 3*windowBytes)
	for _, c := range []struct {
		name, in string
		status   int
		body     string
		keep     bool
	}{
		{"fixed length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, "hi", true},
		{"bare line feeds", "HTTP/1.1 200\nContent-Length: 2\n\nhi", 200, "hi", true},
		{"no body", "HTTP/1.1 200 OK\r\ncontent-length:0\r\n\r\n", 200, "", true},
		{"the same length twice", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi", 200, "hi",
			true},
		{"longer than the window", "HTTP/1.1 200 OK\r\nContent-Length: 49152\r\n\r\n" + long, 200, long, true},
		{"server closes", "HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 2\r\n\r\nhi", 200, "hi", false},
		{"1.0 closes", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, "hi", false},
		{"1.0 that keeps", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi", 200, "hi", true},
		{"close-delimited", "HTTP/1.1 200 OK\r\n\r\nuntil the end", 200, "until the end", false},
		{"close-delimited and empty", "HTTP/1.1 200 OK\r\n\r\n", 200, "", false},
		{"chunked", chunkedHead + "2\r\nhi\r\n3;ext=1\r\n yo\r\n0\r\nTrailer: x\r\n\r\n", 200, "hi yo", true},
		{"chunked, hexadecimal", chunkedHead + "0A\r\n0123456789\r\n000\r\n\r\n", 200, "0123456789", true},
		{"chunked and a length", "HTTP/1.1 200 OK\r\nContent-Length: 99\r\nTransfer-Encoding: " +
			"Chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
			200, "hi", false},
		{"interim answers", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 " +
			"OK\r\nContent-Length: 1\r\n\r\n!",
			200, "!", true},
		{"204 has no body", "HTTP/1.1 204 No Content\r\n\r\n", 204, "", true},
		{"304 has no body", "HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n", 304, "", true},
		{"204 with a coding", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: gzip\r\n\r\n", 204, "", true},
		{"chunks in HTTP/1.0", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: " +
			"chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", 200, "hi", false},
		{"chunks with bare line feeds", "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n2\nhi\n0\n\n", 200, "hi", true},
		{"a list of the same length", "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\t,2\r\nContent-Length: 2\r\n\r\nhi", 200,
			"hi", true},
		{"more than was asked for", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi!", 200, "hi", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, in := range []io.Reader{strings.NewReader(c.in), iotest.OneByteReader(strings.NewReader(c.in))} {
				var p response
				p.reset(1 << 20)
				if err := p.read(in, tick); err != nil {
					t.Fatal(err)
				}
				if p.status != c.status || string(p.body) != c.body || p.length != int64(len(c.body)) || !p.whole {
					t.Errorf("status %d, body %.40q of %d, whole %v", p.status, p.body, p.length, p.whole)
				}
				if _, trickled := in.(*strings.Reader); trickled && p.keep != c.keep {
					t.Errorf("keep %v, want %v", p.keep, c.keep)
				}
				if p.first < 0 || p.last < p.first {
					t.Errorf("first byte at %s, last at %s", p.first, p.last)
				}
			}
		})
	}
}

func TestResponseRefused(t *testing.T) {
	many := strings.Repeat("A: "+strings.Repeat("x", 1000)+"\r\n", 100)
	for _, c := range []struct {
		name, in string
		class    sample.Class
	}{
		{"nothing", "", sample.Reset},
		{"garbage", "SSH-2.0-OpenSSH_9.6\r\n", sample.Protocol},
		{"HTTP/2", "HTTP/2.0 200 OK\r\n\r\n", sample.Protocol},
		{"version 1.7", "HTTP/1.7 200 OK\r\n\r\n", sample.Protocol},
		{"letters for a status", "HTTP/1.1 2x0 OK\r\n\r\n", sample.Protocol},
		{"four digits", "HTTP/1.1 2000 OK\r\n\r\n", sample.Protocol},
		{"status 999", "HTTP/1.1 999 OK\r\n\r\n", sample.Protocol},
		{"unasked upgrade", "HTTP/1.1 101 Switching Protocols\r\n\r\n", sample.Protocol},
		{"endless interim answers", strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 99), sample.Protocol},
		{"head cut off", "HTTP/1.1 200 OK\r\nContent-Le", sample.Reset},
		{"body cut off", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi", sample.Reset},
		{"chunk cut off", chunkedHead + "9\r\nhi", sample.Reset},
		{"end of chunks missing", chunkedHead + "2\r\nhi\r\n", sample.Reset},
		{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi", sample.Protocol},
		{"negative length", "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n", sample.Protocol},
		{"huge length", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", sample.Protocol},
		{"length over the limit", "HTTP/1.1 200 OK\r\nContent-Length: 1000001\r\n\r\n", sample.TooLarge},
		{"chunks over the limit", chunkedHead + strings.Repeat("FFFF\r\n"+strings.Repeat("x", 0xffff)+"\r\n", 16),
			sample.TooLarge},
		{"one chunk over the limit", chunkedHead + "fffffffffffffff\r\n", sample.TooLarge},
		{"stream over the limit", "HTTP/1.1 200 OK\r\n\r\n" + strings.Repeat("x", 1100000), sample.TooLarge},
		{"chunk size of nothing", chunkedHead + "\r\n", sample.Protocol},
		{"chunk size of letters", chunkedHead + "xyz\r\n", sample.Protocol},
		{"chunk size over 64 bits", chunkedHead + "ffffffffffffffffff\r\n", sample.Protocol},
		{"chunk longer than its size", chunkedHead + "2\r\nhiho\r\n0\r\n\r\n", sample.Protocol},
		{"endless trailers", chunkedHead + "0\r\n" + many + "\r\n", sample.Protocol},
		{"endless head", "HTTP/1.1 200 OK\r\n" + many + "\r\n", sample.Protocol},
		{"endless line", "HTTP/1.1 200 OK\r\nA: " + strings.Repeat("x", windowBytes) + "\r\n\r\n", sample.Protocol},
		{"a blank before the first header line", "HTTP/1.1 200 OK\r\n A: b\r\n\r\n", sample.Protocol},
		{"space before the colon", "HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nhi", sample.Protocol},
		{"tab before the colon", "HTTP/1.1 200 OK\r\nContent-Length\t: 2\r\n\r\nhi", sample.Protocol},
		{"line without a colon", "HTTP/1.1 200 OK\r\nhello\r\n\r\n", sample.Protocol},
		{"unknown coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", sample.Protocol},
		{"chunked twice", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
			sample.Protocol},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p response
			p.reset(1000000)
			err := p.read(strings.NewReader(c.in), tick)
			if err == nil || classify(err) != c.class || p.whole {
				t.Errorf("error %v, class %q, whole %v; want class %q", err, classify(err), p.whole, c.class)
			}
			if p.length > p.maxBody {
				t.Errorf("%d bytes were read, more than the limit", p.length)
			}
		})
	}
	var p response
	p.reset(1)
	if err := p.read(iotest.ErrReader(nil), tick); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("a reader that returns nothing: error %v", err)
	}
}

func TestResponseKeepsAtMostSoMuch(t *testing.T) {
	var p response
	p.reset(8 << 20)
	n := keptBody + 12345
	err := p.read(strings.NewReader("HTTP/1.1 200 OK\r\n\r\n"+strings.Repeat("x", n)), tick)
	if err != nil || p.length != int64(n) || len(p.body) != keptBody {
		t.Errorf("error %v, %d bytes counted, %d kept", err, p.length, len(p.body))
	}
}

// FuzzResponse: whatever a server sends, in whatever pieces, reading and interpreting it ends, stays within its bounds
// and makes a row with an identity.
func FuzzResponse(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"), false)
	f.Add([]byte(chunkedHead+"2\r\nhi\r\n0\r\nTrailer: x\r\n\r\n"), true)
	f.Add([]byte("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 500 x\r\nConnection: keep-alive\r\nX-Request-Id: a\tb\r\n\r\n{}"), false)
	f.Add([]byte("HTTP/1.1 200 OK\r\n\r\n"+goodAnswer), true)
	f.Add([]byte("HTTP/1.1 200 OK\r\nX-Request-Id: a\r\n b\r\nContent-Length: 2,\r\n\t2\r\n\r\nhi"), true)
	f.Fuzz(func(t *testing.T, in []byte, trickle bool) {
		var r io.Reader = bytes.NewReader(in)
		if trickle {
			r = iotest.OneByteReader(r)
		}
		var p response
		p.reset(4096)
		err := p.read(r, tick)
		if (err == nil) != p.whole {
			t.Fatalf("error %v, whole %v", err, p.whole)
		}
		if p.length > 4096 || len(p.body) > 4096 || len(p.head) > maxHead+windowBytes {
			t.Fatalf("bounds broken: %d %d %d", p.length, len(p.body), len(p.head))
		}
		s := sample.Empty()
		p.describe(&s)
		if len(s.RequestID) > answer.MaxText || len(s.InstanceID) > answer.MaxText || s.Invocation < 0 {
			t.Fatalf("row %+v", s)
		}
	})
}

// TestResponseSplitAnywhere: a response means the same wherever the pieces are cut in which it arrives.
func TestResponseSplitAnywhere(t *testing.T) {
	for name, c := range map[string]struct {
		in     string
		status int
		body   string
		header map[string]string
	}{
		"folded": {"HTTP/1.1 200 OK\r\nX-A: one \r\n \t two\r\n\tthree\r\n \r\nContent-Length: \r\n 5\r\n\r\nhello",
			200, "hello",
			map[string]string{"x-a": "one two three", "content-length": "5"}},
		"folded with bare line feeds": {"HTTP/1.1 200 OK\nTransfer-Encoding:\n chunked\nX-A: one\n " +
			"two\n\n5;a=\"b\"\nhello\n0\nT: a\n b\n\n", 200, "hello",
			map[string]string{"x-a": "one two"}},
		"folded, interim, chunked, trailers": {"HTTP/1.1 103 Early Hints\r\nLink: a,\r\n b\r\nContent-Length: 9\r\n\r\n" +
			"HTTP/1.1 404 Not Found\r\nConnection: x,\r\n close\r\nTransfer-Encoding: " +
			"chunked\r\n\r\n2;e\r\nhe\r\n3\r\nllo\r\n0\r\nT: 1\r\n\r\n",
			404, "hello", map[string]string{"connection": "x, close", "link": ""}},
		"lengths that agree": {"HTTP/1.1 200 OK\r\nContent-Length: 5,5\r\ncontent-length:5\r\n\r\nhello", 200, "hello",
			nil},
		"304 with a length": {"HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\nEtag: \r\n x\r\n\r\n", 304, "",
			map[string]string{"etag": "x"}},
	} {
		for cut := range len(c.in) {
			var p response
			p.reset(1 << 20)
			err := p.feed([]byte(c.in[:cut]), 1)
			if err == nil && p.whole {
				t.Fatalf("%s, cut at %d: whole before its end", name, cut)
			}
			if err == nil {
				err = p.feed([]byte(c.in[cut:]), 2)
			}
			if err != nil || !p.whole || p.status != c.status || string(p.body) != c.body {
				t.Fatalf("%s, cut at %d: error %v, whole %v, status %d, body %q", name, cut, err, p.whole, p.status,
					p.body)
			}
			for field, want := range c.header {
				if got := answer.Header(p.head, field); got != want {
					t.Fatalf("%s, cut at %d: %s is %q, want %q", name, cut, field, got, want)
				}
			}
		}
	}
}

// TestResponseTooLong: what goes over a limit is refused with words that say so, wherever it is cut, and before all of
// it is in.
func TestResponseTooLong(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\n"
	long := strings.Repeat("a", windowBytes)
	for name, c := range map[string]struct{ in, want string }{
		"header line":        {head + "X-Big: " + long + "\r\n\r\n", "a header line is too long: over 16 KiB"},
		"header line no end": {head + "X-Big: " + long, "a header line is too long: over 16 KiB"},
		"folded line": {head + "X-Big: " + long[:windowBytes/2] + "\r\n " + long[:windowBytes/2] + "\r\n\r\n",
			"a header line is too long: over 16 KiB"},
		"head":          {head + strings.Repeat("A: "+long[:8000]+"\r\n", 9), "head is too long: over 64 KiB"},
		"head of folds": {head + "A: b\r\n" + strings.Repeat(" \r\n", 30000), "head is too long: over 64 KiB"},
		"chunk extension": {chunkedHead + "2;" + long + "\r\nhi\r\n0\r\n\r\n",
			"the line before a chunk is too long: over 16 KiB"},
		"trailers": {chunkedHead + "0\r\n" + strings.Repeat("A: "+long[:8000]+"\r\n", 9),
			"the trailers are too long: over 64 KiB"},
		"after a chunk": {chunkedHead + "2\r\nhi" + long, "a chunk is longer than its size"},
	} {
		for _, piece := range []int{1, 1000, len(c.in)} {
			var p response
			p.reset(1 << 20)
			var err error
			for rest := []byte(c.in); err == nil && len(rest) > 0; {
				n := min(piece, len(rest))
				err = p.feed(rest[:n], 1)
				rest = rest[n:]
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || classify(err) != sample.Protocol {
				t.Errorf("%s in pieces of %d: error %v, class %q, want %q", name, piece, err, classify(err), c.want)
			}
			if len(p.pending) > windowBytes+piece {
				t.Errorf("%s in pieces of %d: %d bytes were kept", name, piece, len(p.pending))
			}
		}
	}
}
