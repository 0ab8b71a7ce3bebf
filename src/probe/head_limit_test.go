package probe

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"golang.org/x/net/http2/hpack"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// blockOf encodes fields behind a status, with an encoder whose table lives as long as its connection.
func blockOf(enc *hpack.Encoder, buf *bytes.Buffer, fields ...hpack.HeaderField) []byte {
	buf.Reset()
	_ = enc.WriteField(hpack.HeaderField{Name: ":status", Value: "200"})
	for _, f := range fields {
		_ = enc.WriteField(f)
	}
	return bytes.Clone(buf.Bytes())
}

// inFrames divides a header block over HEADERS and CONTINUATION frames.
func inFrames(id uint32, block []byte, size int) (out []byte) {
	kind, flags := byte(frameHeaders), byte(flagEndStream)
	for {
		part := block[:min(size, len(block))]
		if block = block[len(part):]; len(block) == 0 {
			flags |= flagEndHeaders
		}
		out = append(appendFrame(out, kind, flags, id, len(part)), part...)
		if len(block) == 0 {
			return out
		}
		kind, flags = frameContinuation, 0
	}
}

// TestHeadTooLong: a header block over 64 KiB ends its own stream. It is decoded all the same, because what it puts
// into the connection's table is what later blocks refer to.
func TestHeadTooLong(t *testing.T) {
	long := strings.Repeat("\x7f", maxHead+1) // Huffman coding does not shorten it
	huge := strings.Repeat("e", 600<<10)
	twice := hpack.HeaderField{Name: "n0", Value: strings.Repeat("v", 2000)}
	for name, fields := range map[string][]hpack.HeaderField{
		"one field":          {{Name: "a", Value: long}},
		"one name":           {{Name: long, Value: "b"}},
		"coded":              {{Name: "a", Value: strings.Repeat("e", 2*maxHead)}},
		"one of 600 KiB":     {{Name: "a", Value: strings.Repeat("\x01", 200<<10)}, {Name: "b", Value: huge}},
		"many fields":        manyFields(900, 80),
		"many references":    append(manyFields(1, 2000), repeat(twice, 5000)...),
		"over with a second": {{Name: "a", Value: long[:maxHead-100]}, {Name: "kept", Value: strings.Repeat("w", 200)}},
		"just under":         {{Name: "a", Value: strings.Repeat("v", maxHead-30)}},
		"far fewer fields":   manyFields(10, 10),
	} {
		for _, size := range []int{frameMost, 1500} {
			t.Run(fmt.Sprintf("%s, frames of %d", name, size), func(t *testing.T) {
				checkHeads(t, fields, size, name == "just under" || name == "far fewer fields")
			})
		}
	}
}

func manyFields(n, size int) (out []hpack.HeaderField) {
	for i := range n {
		out = append(out, hpack.HeaderField{Name: fmt.Sprintf("n%d", i), Value: strings.Repeat("v", size)})
	}
	return out
}

func repeat(f hpack.HeaderField, n int) (out []hpack.HeaderField) {
	for range n {
		out = append(out, f)
	}
	return out
}

// checkHeads has the fields come with the second of three answers; what follows refers to what they put into the table.
func checkHeads(t *testing.T, fields []hpack.HeaderField, size int, fits bool) {
	t.Helper()
	id := hpack.HeaderField{Name: "x-request-id", Value: "the-same"}
	s := servePeers(t, func(p *peer) {
		var buf bytes.Buffer
		enc := hpack.NewEncoder(&buf)
		for range 2 {
			if !p.await(3) {
				return
			}
			p.write(inFrames(p.ids[0], blockOf(enc, &buf, id), size))
			p.write(inFrames(p.ids[1],
				blockOf(enc, &buf, append(fields, hpack.HeaderField{Name: "kept", Value: "k"})...), size))
			p.write(inFrames(p.ids[2], blockOf(enc, &buf, hpack.HeaderField{Name: "kept", Value: "k"}, id), size))
			p.ids = nil
		}
		_, _ = io.Copy(io.Discard, p.r)
	})
	var b book
	cfg := config(&b, s.url)
	cfg.Protocol, cfg.Connections, cfg.Bursts = H2C, Shared, 2
	cfg.BurstSize = func(int) int { return 3 }
	var notes strings.Builder
	cfg.Note = func(format string, args ...any) { fmt.Fprintf(&notes, format+"\n", args...) }
	if _, err := Run(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	checkRows(t, b.rows)
	for _, r := range b.rows {
		switch {
		case r.Slot != 1 || fits:
			if r.Err != sample.OK || r.Slot != 1 && r.RequestID != "the-same" {
				t.Errorf("slot %d: class %q, request id %q", r.Slot, r.Err, r.RequestID)
			}
		case r.Err != sample.Protocol:
			t.Errorf("slot 1: class %q", r.Err)
		}
	}
	if n := s.conns.Load(); n != 1 ||
		strings.Contains(notes.String(), "the response's head is too long: over 64 KiB") == fits {
		t.Errorf("%d connections, notes %s", n, notes.String())
	}
}

// TestHeadFlood: a header block without an end, of full frames or of empty ones, ends the connection.
func TestHeadFlood(t *testing.T) {
	for name, part := range map[string][]byte{"full": bytes.Repeat([]byte{0x88}, frameMost), "empty": nil} {
		t.Run(name, func(t *testing.T) {
			s := servePeers(t, func(p *peer) {
				if !p.await(1) {
					return
				}
				p.write(appendFrame(nil, frameHeaders, 0, p.ids[0], 0))
				more := append(appendFrame(nil, frameContinuation, 0, p.ids[0], len(part)), part...)
				for n := 0; ; n += max(len(part), leastPart) {
					if _, err := p.c.Write(more); err != nil {
						return
					}
					if n > 64*maxBlock {
						t.Error("the flood is read without end")
						return
					}
				}
			})
			var b book
			cfg := config(&b, s.url)
			cfg.Protocol, cfg.Connections, cfg.Bursts, cfg.BurstSize = H2C, Shared, 1, nil
			var notes strings.Builder
			cfg.Note = func(format string, args ...any) { fmt.Fprintf(&notes, format+"\n", args...) }
			if _, err := Run(t.Context(), cfg); err != nil {
				t.Fatal(err)
			}
			if b.rows[0].Err != sample.Protocol || !strings.Contains(notes.String(), "too long") {
				t.Errorf("row %+v, notes %s", b.rows[0], notes.String())
			}
		})
	}
}

// TestSlotOfABlockUnderWay: a slot whose time runs out in the middle of its header block gets nothing of the rest,
// whatever it does next.
func TestSlotOfABlockUnderWay(t *testing.T) {
	b, m := looseMux(t)
	s := b.slots[0]
	first := append(appendFrame(nil, frameSettings, 0, 0, 0), appendFrame(nil, frameHeaders, flagEndStream, 1, 1)...)
	if err := m.incoming(append(first, 0x88), 1); err != nil {
		t.Fatal(err)
	}
	s.expire()
	s.reset(b, 0, s.loop)
	rest := append(appendFrame(nil, frameContinuation, flagEndHeaders, 1, 5), "\x00\x01a\x01b"...)
	if err := m.incoming(rest, 2); err != nil {
		t.Fatal(err)
	}
	if len(s.resp.head) > 0 || s.resp.status != 0 || s.stage != idle {
		t.Errorf("stage %d, head %q", s.stage, s.resp.head)
	}
}

// TestInterimFlood: interim answers without an end are no answer.
func TestInterimFlood(t *testing.T) {
	s := servePeers(t, func(p *peer) {
		if p.await(1) {
			for range maxInterim + 2 {
				p.write([]byte(headers(p.ids[0], flagEndHeaders, "\x08\x03103")))
			}
			_, _ = io.Copy(io.Discard, p.r)
		}
	})
	var b book
	cfg := config(&b, s.url)
	cfg.Protocol, cfg.Connections, cfg.Bursts, cfg.BurstSize = H2C, Shared, 1, nil
	if _, err := Run(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if b.rows[0].Err != sample.Protocol {
		t.Errorf("row %+v", b.rows[0])
	}
}

// TestUnreadAcknowledgements: a server that asks for acknowledgements and reads none ends its connection, not the
// memory.
func TestUnreadAcknowledgements(t *testing.T) {
	_, m := looseMux(t)
	m.conn.loop.write = func(int, []byte) (int, error) { return 0, errAgain }
	ping := append(appendFrame(nil, framePing, 0, 0, 8), make([]byte, 8)...)
	for n := range repliesMost + 2 {
		if err := m.incoming(ping, 1); err != nil {
			if n < repliesMost {
				t.Errorf("after %d: %v", n, err)
			}
			return
		}
	}
	t.Errorf("%d bytes wait", len(m.conn.out))
}

// TestGreeting: the server is told how long a head may be.
func TestGreeting(t *testing.T) {
	got := make(chan []byte, 1)
	s := serveRaw(t, func(_ net.Conn, r *bufio.Reader) {
		in := make([]byte, len(preface)+frameHead+18)
		_, _ = io.ReadFull(r, in)
		got <- in[len(preface):]
	})
	var b book
	cfg := config(&b, s.url)
	cfg.Protocol, cfg.Connections, cfg.Bursts, cfg.BurstSize = H2C, New, 1, nil
	if _, err := Run(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if in := <-got; !bytes.Contains(in, []byte{0, settingHead, 0, 1, 0, 0}) {
		t.Errorf("settings %x", in)
	}
}
