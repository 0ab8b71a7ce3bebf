package probe

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// Chunks are parts of the body by their length, however the server sends them.
func TestChunksAreStamped(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprint("TLS ", secure), func(t *testing.T) { checkChunks(t, secure) })
	}
}

func checkChunks(t *testing.T, secure bool) {
	t.Helper()
	const size, pieces, pause, busy = 1000, 4, 30 * time.Millisecond, 3 * time.Millisecond
	var sent, written []time.Time
	var e *engine
	s, _ := serveHTTP(t, secure, func(w http.ResponseWriter, _ *http.Request) {
		answer := `{"RequestID":"r","Instance":{"ID":"i","Invocation":1}}`
		_, _ = io.WriteString(w, answer+strings.Repeat(" ", size-len(answer)-1)+"\n")
		for i := range pieces {
			_ = http.NewResponseController(w).Flush()
			time.Sleep(pause)
			release := hold(e)
			sent = append(sent, time.Now())
			piece := fmt.Sprintf("%019d\n", sent[i].UnixNano()) + strings.Repeat("x", size-20)
			_, _ = io.WriteString(w, piece[:7]) // in two parts
			_ = http.NewResponseController(w).Flush()
			_, _ = io.WriteString(w, piece[7:])
			_ = http.NewResponseController(w).Flush()
			written = append(written, time.Now())
			time.Sleep(busy)
			release()
		}
		_, _ = io.WriteString(w, "rest")
	})
	var b book
	cfg := config(&b, s.URL)
	cfg.Bursts, cfg.BurstSize, cfg.KeepBody = 1, nil, 2000
	cfg.ChunkBytes, cfg.Chunks, cfg.TLS = size, pieces+2, insecureTLS()
	var err error
	if e, err = newEngine(cfg); err != nil {
		t.Fatal(err)
	}
	if _, err := e.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	row := b.rows[0]
	if row.RequestID != "r" || row.InstanceID != "i" || row.Bytes != size*(pieces+1)+4 || row.Stream == nil {
		t.Fatalf("row %+v", row)
	}
	chunks := row.Stream.Chunks
	if len(chunks) != pieces+2 || chunks[0].Bytes != size || !chunks[0].SentAt.IsZero() || chunks[pieces+1].Bytes != 4 {
		t.Fatalf("chunks %+v", chunks)
	}
	var delays []time.Duration
	for i, at := range sent {
		c := chunks[i+1]
		if !c.SentAt.Equal(at.Truncate(0)) || c.Bytes != size || c.ReceivedAt.Before(at) {
			t.Errorf("chunk %d was sent at %v: %+v", i+1, at, c)
		}
		delays = append(delays, c.ReceivedAt.Sub(at))
	}
	slices.Sort(delays) // a busy machine may hold single chunks up
	if delays[1] > pause/2 {
		t.Errorf("chunks with %v between them have their instants so long after they were sent: %v", pause, delays)
	}
	if gaps := row.Stream.Gaps(); gaps[len(gaps)-1] < pause || row.Latency < pieces*pause {
		t.Errorf("gaps %v, latency %v", gaps, row.Latency)
	}
	checkArrivals(t, chunks[1:pieces], written, busy)
}

// checkArrivals demands the instants at which chunks came, however late they were read: the kernel says them. The last
// chunk is not among these, for it is read with what follows it.
func checkArrivals(t *testing.T, chunks []sample.Chunk, written []time.Time, readAfter time.Duration) {
	t.Helper()
	if runtime.GOOS != "linux" {
		return
	}
	for i, c := range chunks {
		if late := c.ReceivedAt.Sub(written[i]); c.ReadAfter < readAfter || late > time.Millisecond {
			t.Errorf("chunk %d came %v after it was written: %+v", i+1, late, c)
		}
	}
}

// hold keeps an engine's loops from reading until release is called.
func hold(e *engine) (release func()) {
	free := make(chan struct{})
	for _, l := range e.loops {
		held := make(chan struct{})
		l.do(func() { close(held); <-free })
		<-held
	}
	return func() { close(free) }
}

// More chunks than were expected are no error, and take no memory on the hot path.
func TestChunksBeyondTheExpectedNumber(t *testing.T) {
	s, _ := serveHTTP(t, false, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("y", 5000))
	})
	var b book
	cfg := config(&b, s.URL)
	cfg.Bursts, cfg.BurstSize, cfg.ChunkBytes, cfg.Chunks = 2, nil, 1000, 3
	if _, err := Run(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	for _, row := range b.rows {
		var sizes []int64
		for _, c := range row.Stream.Chunks {
			sizes = append(sizes, c.Bytes)
		}
		if row.Err != sample.OK || fmt.Sprint(sizes) != "[1000 1000 3000]" {
			t.Errorf("%v, chunks of %v bytes", row.Err, sizes)
		}
	}
}
