package probe

import (
	"context"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// FuzzFrames: whatever a server sends, in whatever pieces, every slot ends at most once, and its row is within bounds.
func FuzzFrames(f *testing.F) {
	const ok = "\x88"
	f.Add([]byte(string(appendFrame(nil, frameSettings, 0, 0, 0))+headers(1, flagEndHeaders|flagEndStream, ok)),
		uint8(3))
	f.Add([]byte(headers(1, flagEndHeaders, ok)+string(appendFrame(nil, frameData, flagEndStream, 1, 2))+"hi"),
		uint8(1))
	f.Add([]byte(string(appendWindow(nil, 0, 5))+string(appendFrame(nil, frameGoAway, 0, 0,
		8))+"\x00\x00\x00\x01\x00\x00\x00\x00"), uint8(200))
	f.Add([]byte(string(appendFrame(nil, frameSettings, 0, 0, 6))+"\x00\x03\x00\x00\x00\x00"+string(appendFrame(nil,
		frameReset, 0, 3, 4))+"\x00\x00\x00\x08"), uint8(7))
	f.Fuzz(func(t *testing.T, in []byte, piece uint8) {
		b, m := looseMux(t)
		for len(in) > 0 && !m.closed {
			n := min(len(in), int(piece)+1)
			if err := m.incoming(in[:n], time.Second); err != nil {
				m.conn.fail(classify(err), err)
			}
			in = in[n:]
		}
		for _, s := range b.slots {
			s.expire()
		}
		if left := b.left.Load(); left != 0 {
			t.Fatalf("%d slots have not ended", left)
		}
		for _, s := range b.slots {
			var row sample.Sample
			s.sample(&row)
			if row.Bytes > b.client.MaxBody || len(s.resp.head) > 2*maxHead || row.RequestID == "" ||
				(row.Err == sample.OK) != (row.Latency >= 0) {
				t.Fatalf("row %+v", row)
			}
		}
	})
}

// looseMux is an HTTP/2 connection without a peer and with three requests in progress, on a loop without a thread.
func looseMux(t *testing.T) (*burst, *mux) {
	t.Helper()
	b := looseBurst(t, 3, nil)
	p := b.target.pools[0]
	for _, s := range b.slots {
		s.stage = opening
		p.join(s)
	}
	connect(t, p.muxes[0])
	return b, p.muxes[0]
}

// looseBurst is a burst on a loop without a thread, which looks no name up.
func looseBurst(t *testing.T, size int, body []byte) *burst {
	t.Helper()
	lookup := func(context.Context, string) ([]netip.Addr, error) { return nil, nil }
	cfg, err := Config{Bursts: 1, Sink: (&book{}).sink, Targets: []Target{{URL: "http://h"}}, Protocol: H2C,
		Connections: Shared,
		Client:      Client{MaxBody: 4096, Lookup: lookup}, Body: func(int) []byte { return body }}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	tg, err := newTarget(cfg.Targets[0])
	if err != nil {
		t.Fatal(err)
	}
	tg.proto = protocol{multi: true}
	l := &loop{base: time.Now(), nextCheck: never, read: readSocket, write: writeSocket, over: true}
	tg.pools = []*connPool{{most: size}}
	e := &engine{cfg: cfg, base: l.base, loops: []*loop{l}, targets: []*target{tg}}
	b := e.newBurstOf(tg, 0, size)
	b.release.Store(1)
	return b
}

// connect has a loose connection stand.
func connect(t *testing.T, m *mux) {
	t.Helper()
	fd, err := syscall.Open(os.DevNull, syscall.O_WRONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	m.conn.state = standing
	m.conn.own(fd)
	m.conn.loop.turn++
	m.opened()
}
