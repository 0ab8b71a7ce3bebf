package probe

import (
	"bytes"
	"net"
	"net/http"
	"os"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// TestArrivalIsTheKernels: what is read late has the instant at which it came, in whatever parts it is read.
func TestArrivalIsTheKernels(t *testing.T) {
	fd, peer := stampedPair(t)
	var r stampedReader
	buf := make([]byte, 1<<10)
	if _, _, err := r.read(fd, buf); err != errAgain { //nolint:errorlint // it is never wrapped
		t.Errorf("before anything came: %v", err)
	}
	// The kernel begins with the first socket that asks for it, a moment later.
	for waited, limit := sample.None, time.Now().Add(10*time.Second); waited < 0; {
		if _, err := peer.Write([]byte{1}); err != nil || time.Now().After(limit) {
			t.Fatalf("the kernel notes nothing (%v)", err)
		}
		_, waited, _ = r.read(fd, buf)
	}
	began := time.Now()
	if _, err := peer.Write(make([]byte, 1500)); err != nil {
		t.Fatal(err)
	}
	wrote := time.Now()
	for time.Since(wrote) < 5*time.Millisecond { // the client is busy
	}
	for _, want := range []int{1024, 476} {
		asked := time.Now()
		n, waited, err := r.read(fd, buf)
		read := time.Now()
		if err != nil || n != want || waited < asked.Sub(wrote) || waited > read.Sub(began) {
			t.Errorf("%d bytes, %v: they came %v before they were read, want %v to %v", n, err, waited, asked.Sub(wrote),
				read.Sub(began))
		}
	}
	if err := peer.Close(); err != nil {
		t.Fatal(err)
	}
	for {
		if _, _, err := r.read(fd, buf); err != errAgain { //nolint:errorlint // likewise
			if err == nil || err.Error() != "EOF" {
				t.Errorf("at the end: %v", err)
			}
			return
		}
	}
}

// stampedPair is a socket that stamps arrivals, and its peer.
func stampedPair(t *testing.T) (fd int, peer net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // of a test
	if fd, err = openSocket(unix.AF_INET); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if !stampArrivals(fd) {
		t.Fatal("the kernel does not note when the socket receives something")
	}
	to := &unix.SockaddrInet4{Port: l.Addr().(*net.TCPAddr).Port, Addr: [4]byte{127, 0, 0, 1}}
	if err := unix.Connect(fd, to); err != nil && err != unix.EINPROGRESS { //nolint:errorlint // a call's own answer
		t.Fatal(err)
	}
	if peer, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = peer.Close() })
	return fd, peer
}

// TestChunksReadTogether: where a read has the end of a chunk and more than its line break, the kernel's time is only
// the latest at which the chunk can have come.
func TestChunksReadTogether(t *testing.T) {
	const size = 100
	var p response
	p.reset(1 << 20)
	p.watchChunks(&Client{ChunkBytes: size, Chunks: 5})
	for _, read := range []struct{ bytes, further, arrived, at int }{{250, 0, 10, 15}, {50, 2, 20, 21},
		{100, 3, 30, 39}, {60, 0, -1, 50}} {
		p.arrived, p.last = time.Duration(read.arrived), time.Duration(read.at)
		p.mark(bytes.Repeat([]byte{'x'}, read.bytes), read.further)
	}
	want := [][2]time.Duration{{10, sample.None}, {10, sample.None}, {20, 1}, {30, sample.None}, {50, sample.None}}
	if len(p.chunks) != len(want) {
		t.Fatalf("chunks %+v", p.chunks)
	}
	for i, c := range p.chunks {
		if c.at != want[i][0] || c.waited != want[i][1] {
			t.Errorf("chunk %d came at %d and waited %d, want %v", i, c.at, c.waited, want[i])
		}
	}
}

// TestLongStream compares the instants of all chunks with the log of the server that sends them. STELLAR_TEST_STREAM
// sets the length of the stream in bytes, such as Lambda's limit of 209715200, which takes 8 s.
func TestLongStream(t *testing.T) {
	const size, pause = 64 << 10, 2 * time.Millisecond
	length := 16 * size
	if text := os.Getenv("STELLAR_TEST_STREAM"); text != "" {
		var err error
		if length, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	logs := make(chan [][2]time.Time, 2) // of each stream: before and after each chunk was written
	s, _ := serveHTTP(t, false, func(w http.ResponseWriter, _ *http.Request) {
		var log [][2]time.Time
		for range length / size {
			time.Sleep(pause)
			began := time.Now()
			_, _ = w.Write(make([]byte, size))
			_ = http.NewResponseController(w).Flush()
			log = append(log, [2]time.Time{began, time.Now()})
		}
		logs <- log
	})
	var b book
	cfg := config(&b, s.URL)
	cfg.Bursts, cfg.BurstSize, cfg.ChunkBytes, cfg.Chunks, cfg.Client.Timeout = 2, nil, size, length/size, time.Minute
	cfg.Client.MaxBody = int64(length)
	if _, err := Run(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	<-logs
	log, chunks := <-logs, b.rows[1].Stream.Chunks // the kernel has begun to note arrivals
	if len(chunks) != len(log) {
		t.Fatalf("%d chunks, the server has sent %d: %+v", len(chunks), len(log), b.rows[1])
	}
	exact, within, longest := 0, 0, time.Duration(0) // of those that were read by themselves
	for i, c := range chunks {
		late := c.ReceivedAt.Sub(log[i][1])
		if early := log[i][0].Sub(c.ReceivedAt); early > time.Millisecond {
			t.Errorf("chunk %d came %v before it was written: %+v", i, early, c)
		}
		if c.ReadAfter < 0 {
			continue
		}
		exact++
		if longest = max(longest, late); late <= time.Millisecond {
			within++
		}
	}
	t.Logf("%d of the %d chunks that were read by themselves came within 1 ms of the server's log, the others up to %v "+
		"after it; there are %d in all", within, exact, longest, len(chunks))
	if exact == 0 || 4*within < 3*exact { // the kernel of a busy machine may send late what was written
		t.Errorf("%d of %d chunks came within 1 ms of the server's log", within, exact)
	}
}
