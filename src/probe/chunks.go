package probe

import (
	"bytes"
	"strconv"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// chunkHead is how much of a chunk is looked at: the instant at which the function sent it, 19 digits of Unix
// nanoseconds and a line break.
const chunkHead = 20

// lineBreak is the length of what ends a chunk of the chunked coding: it is sent with the chunk.
const lineBreak = 2

// chunk is a part of a streamed response's body, of Client.ChunkBytes.
type chunk struct {
	at     time.Duration // when its last byte came, on the engine's clock: to the kernel, where it says that
	waited time.Duration // from then on until it was read; None: at is not known to be that of the last byte itself
	size   int64
	head   [chunkHead]byte
}

// watchChunks prepares the stamps of a streamed response, before anything is sent.
func (p *response) watchChunks(c *Client) {
	p.chunkBytes = c.ChunkBytes
	if p.chunkBytes > 0 && cap(p.chunks) < c.Chunks {
		p.chunks = make([]chunk, 0, c.Chunks)
	}
	p.chunks = p.chunks[:0]
}

// mark stamps the chunks to which a part of the body belongs. Chunks beyond the number that was prepared count to the
// last one. The kernel's time is that of the last byte that was read: where more than a line break is read with the end
// of a chunk, that chunk came at the latest then. further is how many bytes were read behind the part.
func (p *response) mark(part []byte, further int) {
	for len(part) > 0 {
		at := p.marked % p.chunkBytes
		if at == 0 && len(p.chunks) < cap(p.chunks) {
			if n := len(p.chunks); n > 0 && p.chunks[n-1].at == p.arrived {
				p.chunks[n-1].waited = sample.None
			}
			p.chunks = append(p.chunks, chunk{})
		}
		c := &p.chunks[len(p.chunks)-1]
		n := min(p.chunkBytes-at, int64(len(part)))
		if at < chunkHead {
			copy(c.head[at:], part[:n])
		}
		c.size += n
		if c.at, c.waited = p.last, sample.None; p.arrived >= 0 {
			if c.at = p.arrived; int64(len(part))-n+int64(further) <= lineBreak {
				c.waited = p.last - p.arrived
			}
		}
		p.marked += n
		part = part[n:]
	}
}

// streamed is what the stamps say, on the wall clock.
func (s *slot) streamed(clocks anchor) *sample.Stream {
	out := &sample.Stream{Chunks: make([]sample.Chunk, len(s.resp.chunks))}
	for i, c := range s.resp.chunks {
		out.Chunks[i] = sample.Chunk{SinceSent: s.since(c.at), ReceivedAt: clocks.time(c.at), Bytes: c.size,
			ReadAfter: c.waited}
		text, rest := c.head[:chunkHead-1], c.head[chunkHead-1]
		if rest != '\n' || c.size < chunkHead {
			continue
		}
		if ns, err := strconv.ParseInt(string(text), 10, 64); err == nil && ns > 0 {
			out.Chunks[i].SentAt = time.Unix(0, ns).UTC()
		}
	}
	return out
}

// firstLine is the answer at the beginning of a streamed response: its first line, if that has been kept.
func (p *response) firstLine() []byte {
	line, _, ok := bytes.Cut(p.body, []byte{'\n'})
	if !p.whole || !ok {
		return nil
	}
	return line
}
