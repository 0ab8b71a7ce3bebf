package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// connectWait limits the attempt to connect to one of several addresses.
const connectWait = 30 * time.Second

var errAttempt = fmt.Errorf("no answer within %s: %w", connectWait, os.ErrDeadlineExceeded)

// phases are the durations of the parts of opening a connection; None for a part that did not happen.
type phases struct {
	dns, connect, tls    time.Duration
	resolved, dialed, up time.Duration // when each of them ended, on the engine's clock
}

func noPhases() phases { return phases{dns: sample.None, connect: sample.None, tls: sample.None} }

// from is the part of the phases after a given time: a part that had ended by then did not happen, one in progress
// counts from that time on.
func (p phases) from(at time.Duration) phases {
	clip := func(took, ended time.Duration) time.Duration {
		if took < 0 || ended <= at {
			return sample.None
		}
		return min(took, ended-at)
	}
	p.dns, p.connect, p.tls = clip(p.dns, p.resolved), clip(p.connect, p.dialed), clip(p.tls, p.up)
	return p
}

// user is the owner of a connection: a slot, or the streams of HTTP/2.
type user interface {
	opened()                                      // the connection stands, TLS included
	ended(class sample.Class, err error)          // it could not be opened, or has come to its end; it is shut
	incoming(data []byte, at time.Duration) error // what has arrived; an error ends the connection
	flushed(at time.Duration)                     // the kernel has taken all that was sent
}

type connState int8

const (
	drafted connState = iota // what needs no word to the server is done; see draft
	resolving
	connecting
	handshaking
	standing
	shut
)

// conn is one connection to a target, opened and used by its loop without blocking.
type conn struct {
	loop   *loop
	target *target
	client *Client
	user   user
	fd     int
	state  connState

	phases      phases
	began       time.Duration // of the phase at hand
	addrs       []netip.Addr  // those not tried yet
	attemptEnds time.Duration
	dialing     int // place in the loop's list, or -1
	errs        []error

	born      int                // the loop's turn in which the socket was made
	lookup    context.CancelFunc // of the goroutine that resolves
	cancel    context.CancelFunc // of the one that shakes hands
	seal      *tls.Conn          // nil: plain
	wire      *wire
	out       []byte // what the kernel has not taken yet
	outIsCopy bool   // out lies in keep; else it is the sender's
	keep      []byte
	held      bool  // nothing goes out before the release
	corked    int   // so many bytes of a request are in the kernel, which holds them back
	ending    bool  // shut as soon as the goroutine of its handshake has ended
	refusal   error // an answer to the peer may still be read after this failure of a write

	heard time.Duration // when the last bytes came, or the connection stood

	stamps  bool          // the kernel notes when it receives something
	arrived time.Duration // when it received the last bytes that were read; None: it does not say
}

// draft prepares a connection without sending anything to the server: the socket, and for TLS the first message with
// its keys. It calls the user's drafted when that is done. A host's name is looked up later, within the latency.
func (l *loop) draft(c *conn, client *Client, t *target, u user, done func()) {
	*c = conn{loop: l, target: t, client: client, user: u, fd: -1, phases: noPhases(), dialing: -1, state: drafted}
	if t.addr.IsValid() {
		family, _ := t.socketAddress(t.addr.Unmap())
		if fd, err := openSocket(family); err == nil { // else the attempt will say so
			if l.poll.add(fd) != nil {
				_ = unix.Close(fd)
			} else {
				c.own(fd)
			}
		}
	}
	if !t.secure {
		done()
		return
	}
	c.wire = newWire(c.loop.gate)
	c.wire.greets = func() { l.do(done) }
	c.handshake()
}

// launch opens a connection that was drafted.
func (c *conn) launch() {
	c.state = resolving
	c.begin()
}

// open begins a connection. The user is informed when it is open, or has failed; that may be before open returns.
func (l *loop) open(c *conn, client *Client, t *target, u user) {
	*c = conn{loop: l, target: t, client: client, user: u, fd: -1, phases: noPhases(), dialing: -1, keep: c.keep[:0],
		state: resolving}
	c.begin()
}

func (c *conn) begin() {
	l, t, client := c.loop, c.target, c.client
	c.began = l.now()
	if t.addr.IsValid() {
		c.addrs = t.addrs
		c.connect()
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.lookup = cancel
	fail.Go(l.defect, func() {
		addrs, err := client.resolve(ctx, t)
		l.do(func() { c.resolved(addrs, err) })
	})
}

func (c *Client) resolve(ctx context.Context, t *target) ([]netip.Addr, error) {
	lookup := c.Lookup
	if lookup == nil {
		lookup = lookupHost
	}
	addrs, err := lookup(ctx, t.hostname)
	if err == nil && len(addrs) == 0 {
		err = fmt.Errorf("%s has no address", t.hostname)
	}
	return addrs, err
}

// lookupHost asks the system's resolver. Names under localhost always mean this machine, and resolvers that do not know
// them are not asked (RFC 6761, section 6.3): emulators of a cloud give their functions such names.
func lookupHost(ctx context.Context, host string) ([]netip.Addr, error) {
	if strings.HasSuffix(strings.TrimSuffix(strings.ToLower(host), "."), ".localhost") {
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}, nil
	}
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

func (c *conn) resolved(addrs []netip.Addr, err error) {
	c.lookup()
	if c.state == shut {
		return
	}
	now := c.loop.now()
	c.phases.dns, c.phases.resolved = now-c.began, now
	if err != nil {
		c.fail(sample.DNS, err)
		return
	}
	c.addrs, c.began = addrs, now
	c.connect()
}

// connect tries the addresses in the resolver's order, one after the other.
func (c *conn) connect() {
	for len(c.addrs) > 0 {
		addr := c.addrs[0].Unmap()
		c.addrs = c.addrs[1:]
		if err := c.attempt(addr); err == nil {
			return
		} else {
			c.errs = append(c.errs, fmt.Errorf("connect to %s: %w", c.target.address(addr), err))
		}
	}
	now := c.loop.now()
	c.phases.connect, c.phases.dialed = now-c.began, now
	c.fail(sample.Connect, errors.Join(c.errs...))
}

// attempt begins to connect to an address.
func (c *conn) attempt(addr netip.Addr) error {
	family, to := c.target.socketAddress(addr)
	if c.fd < 0 {
		fd, err := openSocket(family)
		if err != nil {
			return err
		}
		if err := c.loop.poll.add(fd); err != nil {
			return errors.Join(fmt.Errorf("watch a socket: %w", err), unix.Close(fd))
		}
		c.own(fd)
	}
	if err := unix.Connect(c.fd, to); err != nil && !errors.Is(err, unix.EINPROGRESS) && !errors.Is(err, unix.EINTR) {
		c.closeSocket()
		return err
	}
	c.state = connecting
	c.attemptEnds = c.loop.now() + connectWait
	c.loop.watchAttempt(c)
	return nil
}

// own takes over a socket that the poller watches.
func (c *conn) own(fd int) {
	for len(c.loop.conns) <= fd {
		c.loop.conns = append(c.loop.conns, nil)
	}
	c.loop.conns[fd] = c
	c.loop.sockets++
	c.fd, c.born = fd, c.loop.turn
	c.stamps, c.arrived = c.client.ChunkBytes > 0 && stampArrivals(fd), sample.None
}

// attemptFailed continues with the next address.
func (c *conn) attemptFailed(err error) {
	c.errs = append(c.errs, err)
	c.closeSocket()
	c.connect()
}

// changed handles what the poller reports.
func (c *conn) changed(r readiness) {
	switch {
	case c.born == c.loop.turn:
		return // news of a socket that had this number before
	case c.state == connecting && r.out:
		c.connected(r.ended)
	case c.state == handshaking:
		c.wire.signal()
		return
	case c.state == standing && r.out && len(c.out) > 0 && !c.held:
		c.flush()
	}
	if r.in && c.state == standing {
		c.receive(r.ended)
	}
}

func (c *conn) connected(ended bool) {
	if ended { // refused, or closed again already
		errno, err := unix.GetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_ERROR)
		if err == nil && errno != 0 {
			err = syscall.Errno(errno)
		}
		if err == nil {
			if _, err = unix.Getpeername(c.fd); errors.Is(err, unix.ENOTCONN) {
				return // what the poller said of the socket before it was told to connect
			}
		}
		if err != nil {
			c.attemptFailed(err)
			return
		}
	}
	c.loop.unwatchAttempt(c)
	now := c.loop.now()
	c.phases.connect, c.phases.dialed = now-c.began, now
	if !c.target.secure {
		c.state = standing
		c.stands(now)
		c.user.opened()
		return
	}
	c.began, c.state = now, handshaking
	if c.wire == nil {
		c.wire = newWire(c.loop.gate)
		c.handshake()
	}
	if err := c.wire.connect(c.fd); err != nil {
		c.fail(sample.TLS, err)
	}
}

// handshake runs the TLS handshake in a goroutine, because crypto/tls only supports a blocking handshake. The goroutine
// waits on the wire, which the loop wakes.
func (c *conn) handshake() {
	c.seal = tls.Client(c.wire, c.client.tlsConfig(c.target))
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	wire, seal := c.wire, c.seal
	c.loop.shaking++
	var err error
	fail.Go(c.loop.defect, func() {
		wire.gate.enter()
		defer wire.gate.leave()
		err = seal.HandshakeContext(ctx)
	},
		func() { c.loop.do(func() { c.handshaken(wire, err) }) })
}

func (c *conn) handshaken(w *wire, err error) {
	c.loop.shaking--
	c.cancel()
	now := c.loop.now()
	if c.ending {
		c.closeSocket()
		return
	}
	if c.state != handshaking { // it failed before there was a connection
		c.wire = nil
		c.fail(sample.TLS, err)
		return
	}
	c.phases.tls, c.phases.up = now-c.began, now
	w.conn = c // from here on it does not wait
	if err == nil {
		if got := c.seal.ConnectionState().NegotiatedProtocol; c.target.proto.alpn == "h2" && got != "h2" {
			err = fmt.Errorf("the server speaks %q over TLS, not h2", got)
		}
	}
	if err != nil {
		c.fail(sample.TLS, err)
		return
	}
	c.state = standing
	c.stands(now)
	c.user.opened()
	if c.state == standing {
		c.receive(true) // what came with the end of the handshake raised no further event
	}
}

// fail reports the end to the user, after the connection is shut.
func (c *conn) fail(class sample.Class, err error) {
	if c.state == shut {
		return
	}
	u := c.user
	c.shut()
	if u != nil {
		u.ended(class, err)
	}
}

// shut closes the connection without informing its user.
func (c *conn) shut() {
	if c.state == shut {
		return
	}
	was := c.state
	c.state = shut
	c.out, c.held, c.addrs = nil, false, nil
	c.loop.unwatchAttempt(c)
	if c.lookup != nil {
		c.lookup()
	}
	if c.cancel != nil {
		c.cancel()
	}
	if c.wire != nil && c.wire.conn == nil {
		c.ending = true // the goroutine still uses the socket's number
		c.wire.abort()
		return
	}
	if c.seal != nil && was == standing && c.refusal == nil && c.corked == 0 {
		if _ = c.seal.CloseWrite(); len(c.out) > 0 {
			_, _ = writeSocket(c.fd, c.out) // a close_notify, if the kernel takes it
		}
		c.out = nil
	}
	c.closeSocket()
}

func (c *conn) closeSocket() {
	c.loop.unwatchAttempt(c)
	if c.fd >= 0 {
		c.loop.sockets--
		c.loop.conns[c.fd] = nil
		c.dropCorked()
		_ = unix.Close(c.fd)
		c.fd = -1
	}
}
