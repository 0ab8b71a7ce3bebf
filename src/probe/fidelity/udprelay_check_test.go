package fidelity

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// The relay for UDP is checked against its own log: what it says became of a datagram is what became of it.

// echoUDP answers every datagram with itself, until the test ends.
func echoUDP(t *testing.T) netip.AddrPort {
	t.Helper()
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		buf := make([]byte, 64<<10)
		for {
			n, from, err := c.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			_, _ = c.WriteToUDPAddrPort(buf[:n], from)
		}
	})
	t.Cleanup(func() {
		_ = c.Close()
		serving.Wait()
	})
	return c.LocalAddr().(*net.UDPAddr).AddrPort()
}

// client sends numbered datagrams to the relay and gathers what comes back.
type client struct {
	name string
	conn *net.UDPConn
	sent map[string]time.Time
}

func dialRelay(t *testing.T, r *udpRelay, name string) *client {
	t.Helper()
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(r.addr))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &client{name, c, map[string]time.Time{}}
}

func (c *client) send(t *testing.T, number int) {
	t.Helper()
	text := fmt.Sprintf("%s %d ping", c.name, number)
	c.sent[text] = time.Now()
	if _, err := c.conn.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

// echo is an answer that came back.
type echo struct {
	text string
	rtt  time.Duration
}

// receive reads until nothing has come for a time in which everything held up would have.
func (c *client) receive(t *testing.T, quiet time.Duration) (out []echo) {
	t.Helper()
	buf := make([]byte, 1<<10)
	for {
		if err := c.conn.SetReadDeadline(time.Now().Add(quiet)); err != nil {
			t.Fatal(err)
		}
		n, err := c.conn.Read(buf)
		if err != nil {
			return out
		}
		text := string(buf[:n])
		out = append(out, echo{text, time.Since(c.sent[text])})
	}
}

// settle reads on until all that the relay has let pass has come, and a moment longer: nothing more may come.
func (c *client) settle(t *testing.T, r *udpRelay, got int) (out []echo) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		out = append(out, c.receive(t, 50*ms)...)
		up, down := r.logs()
		if copies(up) == len(down) && copies(down) <= got+len(out) {
			return append(out, c.receive(t, 50*ms)...)
		}
	}
	return out
}

// copies are how many datagrams a direction lets pass.
func copies(log []passed) (n int) {
	for _, p := range log {
		n += len(p.fate)
	}
	return n
}

func TestUDPRelay(t *testing.T) {
	t.Parallel() // it waits
	const n = 400
	for _, c := range []struct {
		name     string
		up, down weather
	}{
		{"clear", weather{}, weather{}},
		{"delay", weather{delay: 20 * ms}, weather{delay: 5 * ms}},
		{"jitter", weather{delay: 2 * ms, jitter: 15 * ms}, weather{jitter: 5 * ms}},
		{"loss", weather{loss: 0.1}, weather{loss: 0.3}},
		{"duplication", weather{twice: 0.2}, weather{delay: 3 * ms, twice: 0.1}},
		{"storm", weather{10 * ms, 20 * ms, 0.1, 0.1}, weather{5 * ms, 10 * ms, 0.1, 0.1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := relayUDP(t, echoUDP(t), 11, c.up, c.down)
			one := dialRelay(t, r, "a")
			var got []echo
			for i := range n {
				one.send(t, i)
				if i%20 == 19 { // a socket's buffer holds only so much
					got = append(got, one.receive(t, 5*ms)...)
				}
			}
			got = append(got, one.settle(t, r, len(got))...)
			up, down := r.logs()
			if len(up) != n {
				t.Fatalf("%d of %d datagrams came to the relay", len(up), n)
			}
			for dir, l := range []struct {
				w   weather
				log []passed
			}{{c.up, up}, {c.down, down}} {
				draws := rand.New(rand.NewPCG(11, uint64(dir)))
				for i, p := range l.log {
					if want := l.w.draw(draws); !slices.Equal(p.fate, want) {
						t.Fatalf("direction %d: datagram %d had the fate %v, its seed says %v", dir, i, p.fate, want)
					}
				}
			}
			checkCopies(t, up, texts(down), "to the server")
			var back []string
			for _, e := range got {
				back = append(back, e.text)
				if e.rtt < c.up.delay+c.down.delay {
					t.Errorf("%q came back after %s, the relay delays by %s", e.text, e.rtt, c.up.delay+c.down.delay)
				}
			}
			checkCopies(t, down, back, "to the client")
			if c.name == "clear" && !slices.Equal(back, texts(up)) {
				t.Error("datagrams that nothing happens to come in another order")
			}
			if c.name == "jitter" && slices.Equal(back, texts(up)) {
				t.Error("no datagram has overtaken another")
			}
		})
	}
}

func texts(log []passed) (out []string) {
	for _, p := range log {
		out = append(out, p.text)
	}
	return out
}

// checkCopies: each datagram arrives as often as the relay says that it was passed on.
func checkCopies(t *testing.T, log []passed, arrived []string, where string) {
	t.Helper()
	want, got := map[string]int{}, map[string]int{}
	for _, p := range log {
		want[p.text] += len(p.fate)
	}
	for _, text := range arrived {
		got[text]++
	}
	for text := range got {
		if _, ok := want[text]; !ok {
			t.Errorf("%q came %s from nowhere", text, where)
		}
	}
	for text, n := range want {
		if got[text] != n {
			t.Errorf("%q came %d times %s, the relay says %d", text, got[text], where, n)
		}
	}
}

// TestUDPRelayKeepsClientsApart: each client gets the answers to its own datagrams.
func TestUDPRelayKeepsClientsApart(t *testing.T) {
	t.Parallel() // it waits
	r := relayUDP(t, echoUDP(t), 1, weather{delay: ms}, weather{delay: ms})
	clients := []*client{dialRelay(t, r, "a"), dialRelay(t, r, "b"), dialRelay(t, r, "c")}
	for i := range 20 {
		for _, c := range clients {
			c.send(t, i)
		}
	}
	for _, c := range clients {
		got := c.settle(t, r, 40) // of the others
		if len(got) != 20 ||
			slices.ContainsFunc(got, func(e echo) bool { return !strings.HasPrefix(e.text, c.name+" ") }) {
			t.Errorf("client %s got %v", c.name, got)
		}
	}
}

// TestWeatherIsWhatItIsCalled: the drawn fates have the asked loss, duplication and delays, and follow from the seed.
func TestWeatherIsWhatItIsCalled(t *testing.T) {
	w := weather{delay: 10 * ms, jitter: 20 * ms, loss: 0.2, twice: 0.1}
	const n = 20_000
	fates := func(seed uint64) (out []fate) {
		draws := rand.New(rand.NewPCG(seed, 0))
		for range n {
			out = append(out, w.draw(draws))
		}
		return out
	}
	lost, twice := 0, 0
	var sum time.Duration
	arrived := 0
	for _, f := range fates(1) {
		switch len(f) {
		case 0:
			lost++
		case 2:
			twice++
		}
		for _, d := range f {
			if d < w.delay || d > w.delay+w.jitter {
				t.Fatalf("a delay of %s", d)
			}
			sum += d
			arrived++
		}
	}
	loss, dup, mean := float64(lost)/n, float64(twice)/float64(n-lost), sum/time.Duration(arrived)
	if loss < 0.19 || loss > 0.21 || dup < 0.09 || dup > 0.11 || (mean-20*ms).Abs() > 500*time.Microsecond {
		t.Errorf("loss %.3f, duplication %.3f, mean delay %s", loss, dup, mean)
	}
	same := func(a, b []fate) bool {
		return slices.EqualFunc(a, b, func(x, y fate) bool { return slices.Equal(x, y) })
	}
	if !same(fates(1), fates(1)) || same(fates(1), fates(2)) {
		t.Error("fates do not follow from the seed")
	}
}
