package netprobe

import (
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// peer is a function's socket.
type peer struct {
	t    *testing.T
	conn net.Conn
}

func newPeer(t *testing.T, l *Listener) peer {
	t.Helper()
	conn, err := net.Dial("udp", l.conn.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return peer{t, conn}
}

func (p peer) send(text string) {
	p.t.Helper()
	if _, err := p.conn.Write([]byte(text)); err != nil {
		p.t.Fatal(err)
	}
}

// receive gives the next datagram.
func (p peer) receive() string {
	p.t.Helper()
	if err := p.conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		p.t.Fatal(err)
	}
	buf := make([]byte, 1000)
	n, err := p.conn.Read(buf)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(buf[:n])
}

func listen(t *testing.T) *Listener {
	t.Helper()
	l, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// rows are a function's, of the numbers from 0 on; the given ones are lost.
func rows(n int, lost ...int) *FunctionRows {
	out := &FunctionRows{End: Done}
	base := time.Unix(1_800_000_000, 0)
	for i := range n {
		r := FunctionRow{Number: i, Sent: base.Add(time.Duration(i) * time.Second)}
		if !slices.Contains(lost, i) {
			r.Received = r.Sent.Add(time.Second / 2)
		}
		out.Rows = append(out.Rows, r)
	}
	return out
}

// TestDatagrams: pings come back as they are, stops are acknowledged each time, a second ping of one number is counted
// and not answered, and neither foreign nor malformed datagrams are answered at all.
func TestDatagrams(t *testing.T) {
	l := listen(t)
	x, other := l.Begin(), l.Begin()
	p := newPeer(t, l)
	for _, bad := range []string{"", "x", "x 1", x.ID + " 1", x.ID + " one ping", x.ID + " -1 ping", x.ID + " 1 pong",
		x.ID + " 1 stop-ack", x.ID + " 1000000 ping", x.ID + " 1 ping" + strings.Repeat(" ", 300)} {
		p.send(bad)
	}
	p.send("0123456789abcdef 1 ping")
	p.send(x.ID + " 0 ping")
	if got := p.receive(); got != x.ID+" 0 ping" {
		t.Fatalf("the first answer is %q", got)
	}
	p.send(other.ID + " 0 ping") // exchanges share a port
	if got := p.receive(); got != other.ID+" 0 ping" {
		t.Fatalf("the other exchange has %q", got)
	}
	p.send(x.ID + " 0 ping")
	for range 2 {
		p.send(x.ID + " 3 stop")
		if got := p.receive(); got != x.ID+" 3 stop-ack" {
			t.Fatalf("a stop is answered %q", got)
		}
	}
	if foreign, malformed := l.Strays(); foreign != 1 || malformed != 10 {
		t.Errorf("%d foreign and %d malformed datagrams, want 1 and 10", foreign, malformed)
	}
	trace := x.End(rows(1))
	if trace.Duplicates != 1 || !trace.Stopped || trace.Heard != 1 || other.Heard() != 1 {
		t.Errorf("trace %+v", trace)
	}
	p.send(x.ID + " 4 ping") // after its end an exchange is a foreign one
	p.send(other.ID + " 1 ping")
	if got := p.receive(); got != other.ID+" 1 ping" {
		t.Errorf("after the end: %q", got)
	}
	if foreign, _ := l.Strays(); foreign != 2 {
		t.Errorf("%d foreign datagrams after the end", foreign)
	}
}

// TestJoin: rows are joined by number. A lost way out has no instants of the driver, a lost way back has both; what the
// driver alone knows is neither lost nor not.
func TestJoin(t *testing.T) {
	l := listen(t)
	p := newPeer(t, l)
	exchange := func(numbers ...string) *Exchange {
		x := l.Begin()
		for _, n := range numbers {
			p.send(x.ID + " " + n + " ping")
			p.receive()
		}
		return x
	}
	f := rows(5, 1, 2)
	f.Late, f.Foreign = 3, 4
	trace := exchange("0", "4", "2", "3").End(f)
	if trace.Lost != 2 || trace.Heard != 4 || trace.Late != 3 || trace.Foreign != 4 || len(trace.Rows) != 5 ||
		trace.Stopped || trace.End != Done {
		t.Errorf("trace %+v", trace)
	}
	before := time.Now()
	for i, r := range trace.Rows {
		heard, lost := i != 1, i == 1 || i == 2
		if r.Number != i || (r.Lost == sample.Yes) != lost || r.ServerRcv.IsZero() == heard ||
			r.ServerSend.IsZero() == heard || r.ClientRcv.IsZero() != lost {
			t.Errorf("row %d: %+v", i, r)
		}
		if _, whole := r.RTT(); whole == lost {
			t.Errorf("row %d has a round trip: %t", i, whole)
		}
		if heard && (r.ServerSend.Before(r.ServerRcv) || r.ServerRcv.Before(before.Add(-time.Minute))) {
			t.Errorf("row %d: received %s, sent %s", i, r.ServerRcv, r.ServerSend)
		}
	}
	failed := exchange("1", "0").End(nil)
	if len(failed.Rows) != 2 || failed.Lost != 0 || failed.Rows[0].Number != 0 ||
		failed.Rows[1].Lost != sample.Unknown {
		t.Errorf("without an answer: %+v", failed)
	}
	if silent := l.Begin().End(rows(2, 0, 1)); silent.Heard != 0 || silent.Lost != 2 || len(silent.Rows) != 2 {
		t.Errorf("without a datagram: %+v", silent)
	}
}

func TestPorts(t *testing.T) {
	taken := listen(t)
	if _, err := OpenPorts(t.Context(), "127.0.0.1", []int{taken.Port()}); err == nil ||
		!strings.Contains(err.Error(), "address already in use") {
		t.Errorf("a port in use: %v", err)
	}
	port := listen(t).Port()
	free := listen(t)
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	ports, err := OpenPorts(t.Context(), "127.0.0.1", []int{free.Port(), free.Port()})
	if err != nil {
		t.Fatal(err)
	}
	if l, err := ports.At(free.Port()); err != nil || l.Port() != free.Port() {
		t.Errorf("%v, %v", l, err)
	}
	if _, err := ports.At(port); err == nil {
		t.Error("a port that was not opened is there")
	}
	if err := ports.Close(); err != nil {
		t.Error(err)
	}
	if _, err := (*Ports)(nil).At(1); err == nil {
		t.Error("no ports at all have one")
	}
}
