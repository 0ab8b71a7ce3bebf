package probe

import (
	"net/url"
	"os"
	"syscall"
	"testing"
	"time"

	"stellar/src/sample"
)

// FuzzFrames: whatever a server sends, in whatever pieces, every slot ends at most once, and its row is within bounds.
func FuzzFrames(f *testing.F) {
	const ok = "\x88"
	f.Add([]byte(string(appendFrame(nil, frameSettings, 0, 0, 0))+headers(1, flagEndHeaders|flagEndStream, ok)), uint8(3))
	f.Add([]byte(headers(1, flagEndHeaders, ok)+string(appendFrame(nil, frameData, flagEndStream, 1, 2))+"hi"), uint8(1))
	f.Add([]byte(string(appendWindow(nil, 0, 5))+string(appendFrame(nil, frameGoAway, 0, 0, 8))+"\x00\x00\x00\x01\x00\x00\x00\x00"), uint8(200))
	f.Add([]byte(string(appendFrame(nil, frameSettings, 0, 0, 6))+"\x00\x03\x00\x00\x00\x00"+string(appendFrame(nil, frameReset, 0, 3, 4))+"\x00\x00\x00\x08"), uint8(7))
	f.Fuzz(func(t *testing.T, in []byte, piece uint8) {
		b, m := looseMux(t)
		for len(in) > 0 && !m.gone {
			n := min(len(in), int(piece)+1)
			if err := m.incoming(in[:n], time.Second); err != nil {
				m.conn.fail(classify(err), err)
			}
			in = in[n:]
		}
		for _, s := range b.slots {
			s.runOut()
		}
		if left := b.left.Load(); left != 0 {
			t.Fatalf("%d slots have not ended", left)
		}
		for _, s := range b.slots {
			row := s.sample()
			if row.Bytes > b.client.MaxBody || len(s.resp.head) > 2*maxHead || row.RequestID == "" || (row.Err == sample.OK) != (row.Latency >= 0) {
				t.Fatalf("row %+v", row)
			}
		}
	})
}

// looseMux is a connection with three requests under way that leads nowhere, on a loop without a thread.
func looseMux(t *testing.T) (*burst, *mux) {
	t.Helper()
	fd, err := syscall.Open(os.DevNull, syscall.O_WRONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := Config{Bursts: 1, Sink: (&book{}).sink, Targets: []Target{{URL: "http://h"}}, Protocol: H2C, Connections: Shared,
		Client: Client{MaxBody: 4096}, Query: func(int) url.Values { return nil }}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	tg, err := newTarget(cfg.Targets[0])
	if err != nil {
		t.Fatal(err)
	}
	tg.proto = protocol{multi: true}
	l := &loop{base: time.Now(), nextCheck: never}
	tg.places = []*place{{most: 3}}
	e := &engine{cfg: cfg, base: l.base, loops: []*loop{l}, targets: []*target{tg}}
	b := e.newBurstOf(tg, 0, 3)
	b.release.Store(1)
	m := tg.places[0].newMux(b.slots[0])
	m.conn.loop, m.conn.target, m.conn.user, m.conn.state, m.conn.dialing = l, tg, m, standing, -1
	m.conn.own(fd)
	l.turn++
	tg.places[0].muxes = []*mux{m}
	for _, s := range b.slots {
		s.stage = opening
		m.join(s)
	}
	return b, m
}
