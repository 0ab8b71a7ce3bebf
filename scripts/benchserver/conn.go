//go:build linux

package main

import (
	"bytes"
	"strconv"
	"time"
)

// protocol is what a port speaks.
type protocol int

const (
	http1 protocol = iota
	http2          // prior knowledge, or chosen while TLS was set up
	grpc           // HTTP/2 with gRPC's framing; every method is answered as ProducerConsumer/InvokeNext is
)

// answer is one that is owed: when it is due, and to whom.
type answer struct {
	due    int64 // ns since the server's start
	seq    int64
	stream uint32 // HTTP/2 only
	last   bool   // HTTP/1.1: the client wants the connection closed behind it
	to     *conn
}

// conn is what a connection's protocol remembers; it does no input or output itself, so that the epoll loop and the TLS
// goroutines share it. It is not safe for concurrent use.
type conn struct {
	id, index int32
	fd        int // the epoll loop's own
	proto     protocol
	in        []byte  // an incomplete request or frame
	out       []byte  // to be written
	owed      []int64 // numbers of the requests whose answers are in out
	dirty     bool    // the epoll loop's: among those to be written to
	full      bool    // the epoll loop's: the kernel's buffer was
	closing   bool

	preface   bool  // HTTP/2: the client's has been seen
	endStream bool  // of the HEADERS whose CONTINUATION is awaited
	window    int64 // HTTP/2: what the connection's flow control lets the server send
	blocked   []answer
}

// consume takes what was read at the instant now and reports each request that is complete through got. It answers
// false where the bytes are not the protocol's: the connection is then to be closed.
func (c *conn) consume(data []byte, got func(stream uint32, delay time.Duration, last bool)) bool {
	if len(c.in) > 0 {
		data = append(c.in, data...)
	}
	var rest []byte
	var ok bool
	if c.proto == http1 {
		rest, ok = c.requests1(data, got)
	} else {
		rest, ok = c.frames(data, got)
	}
	c.in = append(c.in[:0], rest...)
	return ok
}

// requests1 finds HTTP/1.1 requests. They are taken to have no body: every client of the bench sends GETs.
func (c *conn) requests1(data []byte, got func(uint32, time.Duration, bool)) (rest []byte, ok bool) {
	for {
		end := bytes.Index(data, []byte("\r\n\r\n"))
		if end < 0 {
			return data, len(data) < 64<<10
		}
		head := data[:end+2]
		data = data[end+4:]
		last := bytes.Contains(head, []byte("onnection: close\r\n")) ||
			bytes.Contains(head, []byte("onnection: Close\r\n"))
		got(0, delayOf(head), last)
	}
}

// delayOf reads delay=<ms> from the request line; without one it is negative.
func delayOf(head []byte) time.Duration {
	line, _, _ := bytes.Cut(head, []byte("\r\n"))
	_, value, found := bytes.Cut(line, []byte("delay="))
	if !found {
		return -1
	}
	ms := 0
	for _, d := range value {
		if d < '0' || d > '9' || ms > 1e6 {
			break
		}
		ms = ms*10 + int(d-'0')
	}
	return time.Duration(ms) * time.Millisecond
}

// reply appends an answer to out, or puts it aside where flow control forbids it.
func (c *conn) reply(a answer) {
	switch c.proto {
	case http1:
		c.owed = append(c.owed, a.seq)
		body := appendBody(make([]byte, 0, 512), a.seq, int64(c.index))
		c.out = append(c.out, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"...)
		if a.last {
			c.out = append(c.out, "Connection: close\r\n"...)
			c.closing = true
		}
		c.out = append(c.out, "Content-Length: "...)
		c.out = strconv.AppendInt(c.out, int64(len(body)), 10)
		c.out = append(append(c.out, "\r\n\r\n"...), body...)
	default:
		c.reply2(a)
	}
}

// appendBody is the measurement function's answer (the JSON of the function protocol); RequestID is the server's number
// of the request, by which a client's row is matched with the server's.
func appendBody(b []byte, seq, invocation int64) []byte {
	now := time.Now().UnixNano()
	b = append(b, `{"RequestID":"`...)
	b = strconv.AppendInt(b, seq, 10)
	b = append(b, `","TimestampChain":["`...)
	b = strconv.AppendInt(b, now, 10)
	b = append(b, `"],"Instance":{"ID":"bench","Cold":false,"Invocation":`...)
	b = strconv.AppendInt(b, invocation, 10)
	b = append(
		b,
		`,"InitNs":1000000,"StartedAt":"1732143600123456789",`+
			`"Runtime":"go","MemoryMB":128,"CPU":"2,bench","Host":"bench"},"ReceivedAt":"`...)
	b = strconv.AppendInt(b, now, 10)
	return append(b, `","SpinNs":0,"Increments":0,"Hops":[],"Sink":0}`...)
}
