//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"time"
)

// Frame types and flags of HTTP/2 (RFC 9113, section 6).
const (
	frameData         = 0
	frameHeaders      = 1
	frameSettings     = 4
	framePing         = 6
	frameWindowUpdate = 8
	frameContinuation = 9

	flagEndStream  = 1 // of SETTINGS and PING: ack
	flagEndHeaders = 4

	preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
)

// greeting is the server's preface: SETTINGS, and a window for the connection that no burst of small requests uses up.
// An HTTP/2 server commonly allows 250 streams at once on a connection (Go's does); one of gRPC's sets no limit.
func (c *conn) greeting() []byte {
	c.window = 65535
	var settings []byte
	if c.proto == http2 {
		settings = []byte{0, 3, 0, 0, 0, 250} // MAX_CONCURRENT_STREAMS
	}
	out := appendFrame(nil, frameSettings, 0, 0, settings)
	return appendFrame(out, frameWindowUpdate, 0, 0, []byte{0x3f, 0, 0, 0})
}

func appendFrame(b []byte, kind, flags byte, stream uint32, payload []byte) []byte {
	n := len(payload)
	b = append(b, byte(n>>16), byte(n>>8), byte(n), kind, flags)
	return append(binary.BigEndian.AppendUint32(b, stream), payload...)
}

// frames takes HTTP/2 apart as far as a server has to that serves one page: header blocks are not decoded at all, which
// is lawful to do for one that never looks at them, and costs the server nothing that a client could be blamed for.
func (c *conn) frames(data []byte, got func(uint32, time.Duration, bool)) (rest []byte, ok bool) {
	if !c.preface {
		if len(data) < len(preface) {
			return data, bytes.HasPrefix([]byte(preface), data)
		}
		if string(data[:len(preface)]) != preface {
			return nil, false
		}
		c.preface, data = true, data[len(preface):]
	}
	for len(data) >= 9 {
		n := int(data[0])<<16 | int(data[1])<<8 | int(data[2])
		if n > 1<<20 {
			return nil, false
		}
		if len(data) < 9+n {
			break
		}
		stream := binary.BigEndian.Uint32(data[5:]) & (1<<31 - 1)
		if c.frame(data[3], data[4], stream, data[9:9+n]) {
			got(stream, -1, false)
		}
		data = data[9+n:]
	}
	return data, true
}

// frame reports whether the frame completes a request.
func (c *conn) frame(kind, flags byte, stream uint32, payload []byte) bool {
	switch kind {
	case frameData:
		return flags&flagEndStream != 0
	case frameHeaders:
		c.endStream = flags&flagEndStream != 0
		return c.endStream && flags&flagEndHeaders != 0
	case frameContinuation:
		return c.endStream && flags&flagEndHeaders != 0
	case frameSettings:
		if flags&flagEndStream == 0 {
			c.out = appendFrame(c.out, frameSettings, flagEndStream, 0, nil)
		}
	case framePing:
		if flags&flagEndStream == 0 {
			c.out = appendFrame(c.out, framePing, flagEndStream, 0, payload)
		}
	case frameWindowUpdate:
		if stream == 0 && len(payload) == 4 {
			c.window += int64(binary.BigEndian.Uint32(payload))
			waiting := c.blocked
			c.blocked = nil
			for _, a := range waiting {
				c.reply2(a)
			}
		}
	}
	return false
}

// reply2 appends HEADERS and DATA, and for gRPC the trailers. Field lines are literals without indexing (RFC 7541,
// section 6.2.2), so no state is shared with the client's decoder. The windows of single streams are not watched: an
// answer is far below the least that clients grant.
func (c *conn) reply2(a answer) {
	body := make([]byte, 0, 512)
	kind := "application/json"
	if c.proto == grpc {
		kind = "application/grpc"
		text := "[" + strconv.FormatInt(time.Now().UnixMilli(), 10) + "]"
		// Message prefix, then field 1 (timestampChain), a string.
		body = append(body, 0, 0, 0, 0, byte(len(text)+2), 1<<3|2, byte(len(text)))
		body = append(body, text...)
	} else {
		body = appendBody(body, a.seq, int64(c.index))
	}
	if int64(len(body)) > c.window {
		c.blocked = append(c.blocked, a)
		return
	}
	c.window -= int64(len(body))
	c.owed = append(c.owed, a.seq)
	head := append(make([]byte, 0, 64), 0x88, 0x0f, 31-15, byte(len(kind))) // :status 200, content-type
	head = append(head, kind...)
	c.out = appendFrame(c.out, frameHeaders, flagEndHeaders, a.stream, head)
	if c.proto != grpc {
		c.out = appendFrame(c.out, frameData, flagEndStream, a.stream, body)
		return
	}
	c.out = appendFrame(c.out, frameData, 0, a.stream, body)
	trailers := append([]byte{0, 11}, "grpc-status"...)
	c.out = appendFrame(c.out, frameHeaders, flagEndHeaders|flagEndStream, a.stream, append(trailers, 1, '0'))
}
