package sample

import (
	"slices"
	"strings"
	"time"
)

// Names of the files about streamed responses in a sub-experiment's folder.
const (
	StreamsFile = "streams.csv" // a row for each request
	ChunksFile  = "chunks.csv"  // a row for each chunk
)

// Stream is a response that came while the function made it.
type Stream struct{ Chunks []Chunk }

// Chunk is a part of a streamed response's body.
type Chunk struct {
	SentAt     time.Time     // the function's clock, right before it wrote the chunk; zero: it did not say
	ReceivedAt time.Time     // the client's clock: its last byte was in the kernel, where that says it, else was read
	SinceSent  time.Duration // from the row's SentAt to ReceivedAt
	// ReadAfter is from ReceivedAt until the client read its last byte. None: ReceivedAt is when it was read, where the
	// kernel does not say more, or when further bytes had come that were read with it.
	ReadAfter time.Duration
	Bytes     int64
}

// Gaps are the times between the ends of neighbouring chunks, shortest first.
func (s *Stream) Gaps() []time.Duration {
	var out []time.Duration
	for i := 1; i < len(s.Chunks); i++ {
		out = append(out, s.Chunks[i].SinceSent-s.Chunks[i-1].SinceSent)
	}
	slices.Sort(out)
	return out
}

// StreamWriter writes streams.csv. It is not safe for concurrent use.
type StreamWriter struct{ w Writer }

// CreateStreams makes a new streams.csv, durably; an existing file is an error.
func CreateStreams(path string) (*StreamWriter, error) {
	f, err := createNew(path)
	if err != nil {
		return nil, err
	}
	t := &StreamWriter{w: Writer{out: f, name: path}}
	t.w.buf = append(t.w.buf, strings.Join([]string{"Request ID", "Burst ID", "Slot", "Warmup", "Chunks",
		"Response Bytes", "First Byte (ms)", "Last Byte (ms)", "Mean Gap (ms)", "Median Gap (ms)", "Max Gap (ms)"},
		",")+"\n"...)
	return t, t.w.establish(f, path)
}

// AppendRow adds a request's row. Cells of a request that failed are empty.
func (t *StreamWriter) AppendRow(s *Sample) {
	w := &t.w
	w.text(s.RequestID)
	w.comma().count(int64(s.Burst), true)
	w.comma().count(int64(s.Slot), true)
	w.comma().text(map[bool]string{true: "true", false: "false"}[s.Warmup])
	if s.Stream == nil || s.Latency < 0 {
		w.buf = append(w.buf, ",,,,,,,\n"...)
		return
	}
	w.comma().count(int64(len(s.Stream.Chunks)), true)
	w.comma().count(s.Bytes, true)
	w.comma().millis(s.FirstByte)
	w.comma().millis(s.Latency)
	gaps := s.Stream.Gaps()
	if n := len(gaps); n > 0 {
		var sum time.Duration
		for _, g := range gaps {
			sum += g
		}
		w.comma().millis(sum / time.Duration(n))
		w.comma().millis((gaps[(n-1)/2] + gaps[n/2]) / 2)
		w.comma().millis(gaps[n-1])
	} else {
		w.buf = append(w.buf, ",,,"...)
	}
	w.buf = append(w.buf, '\n')
}

// Flush writes the appended rows and syncs them to disk.
func (t *StreamWriter) Flush() error { return t.w.Flush() }

// Close flushes, and closes the file.
func (t *StreamWriter) Close() error { return t.w.Close() }

// ChunkWriter writes chunks.csv. It is not safe for concurrent use.
type ChunkWriter struct {
	w              Writer
	sent, received memo
}

// CreateChunks makes a new chunks.csv, durably; an existing file is an error.
func CreateChunks(path string) (*ChunkWriter, error) {
	f, err := createNew(path)
	if err != nil {
		return nil, err
	}
	t := &ChunkWriter{w: Writer{out: f, name: path}}
	t.w.buf = append(t.w.buf, strings.Join([]string{"Request ID", "Burst ID", "Slot", "Chunk", "Chunk Bytes",
		"Function Sent At", "Received At", "Since Sent (ms)", "Gap (ms)", "Read After (ms)"}, ",")+"\n"...)
	return t, t.w.establish(f, path)
}

// AppendRow adds a row for each chunk of a request's response, also of one that broke off.
func (t *ChunkWriter) AppendRow(s *Sample) {
	if s.Stream == nil {
		return
	}
	w := &t.w
	for i, c := range s.Stream.Chunks {
		w.text(s.RequestID)
		w.comma().count(int64(s.Burst), true)
		w.comma().count(int64(s.Slot), true)
		w.comma().count(int64(i), true)
		w.comma().count(c.Bytes, true)
		w.comma().time(&t.sent, c.SentAt)
		w.comma().time(&t.received, c.ReceivedAt)
		w.comma().millis(c.SinceSent)
		if w.comma(); i > 0 {
			w.millis(c.SinceSent - s.Stream.Chunks[i-1].SinceSent)
		}
		w.comma().millis(c.ReadAfter)
		w.buf = append(w.buf, '\n')
	}
}

// Flush writes the appended rows and syncs them to disk.
func (t *ChunkWriter) Flush() error { return t.w.Flush() }

// Close flushes, and closes the file.
func (t *ChunkWriter) Close() error { return t.w.Close() }
