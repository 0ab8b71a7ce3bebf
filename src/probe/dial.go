package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"stellar/src/sample"
)

// connectWait bounds the attempt to connect to one address of several.
const connectWait = 30 * time.Second

// phases are how long the parts of opening a connection took; None where a part did not happen.
type phases struct{ dns, connect, tls time.Duration }

func noPhases() phases { return phases{sample.None, sample.None, sample.None} }

// dial opens a connection to the target: resolve, then the addresses in turn, then TLS. The context bounds it all. A
// failure comes with its class; p tells how far it got and how long that took.
func (c *Client) dial(ctx context.Context, t *target, p *phases) (*conn, sample.Class, error) {
	*p = noPhases()
	addrs, err := c.resolve(ctx, t, p)
	if err != nil {
		return nil, orTimeout(ctx, sample.DNS), err
	}
	start := time.Now()
	tcp, err := connectAny(ctx, t, addrs)
	p.connect = time.Since(start)
	if err != nil {
		return nil, orTimeout(ctx, sample.Connect), err
	}
	w, err := newWire(tcp)
	if err != nil {
		return nil, sample.Connect, errors.Join(err, tcp.Close())
	}
	out := &conn{wire: w, rw: w}
	if !t.secure {
		return out, sample.OK, nil
	}
	start = time.Now()
	secure := tls.Client(w, c.tlsConfig(t))
	err = secure.HandshakeContext(ctx)
	p.tls = time.Since(start)
	if err != nil {
		return nil, orTimeout(ctx, sample.TLS), errors.Join(err, tcp.Close())
	}
	out.rw = secure
	return out, sample.OK, nil
}

// orTimeout is the class of a failure in one phase, unless the request's whole time had run out.
func orTimeout(ctx context.Context, class sample.Class) sample.Class {
	if ctx.Err() != nil {
		return sample.Timeout
	}
	return class
}

func (c *Client) resolve(ctx context.Context, t *target, p *phases) ([]netip.Addr, error) {
	if t.addr.IsValid() {
		return []netip.Addr{t.addr}, nil
	}
	lookup := c.Lookup
	if lookup == nil {
		lookup = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	start := time.Now()
	addrs, err := lookup(ctx, t.hostname)
	p.dns = time.Since(start)
	if err == nil && len(addrs) == 0 {
		err = fmt.Errorf("%s has no address", t.hostname)
	}
	return addrs, err
}

// connectAny tries the addresses in the resolver's order, each with a fair part of the time that is left.
func connectAny(ctx context.Context, t *target, addrs []netip.Addr) (*net.TCPConn, error) {
	var errs []error
	for i, addr := range addrs {
		wait := connectWait
		if deadline, ok := ctx.Deadline(); ok && i < len(addrs)-1 {
			wait = min(wait, time.Until(deadline)/time.Duration(len(addrs)-i))
		}
		dialer := net.Dialer{Timeout: wait}
		c, err := dialer.DialContext(ctx, "tcp", t.address(addr.Unmap()))
		if err == nil {
			if tcp, ok := c.(*net.TCPConn); ok {
				return tcp, nil
			}
			err = errors.Join(errors.New("not a TCP connection"), c.Close())
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(errs...)
}

// tlsConfig names the host to the server and offers HTTP/1.1 only, which is what is spoken here.
func (c *Client) tlsConfig(t *target) *tls.Config {
	cfg := c.TLS.Clone() // nil for nil
	if cfg == nil {
		cfg = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if cfg.ServerName == "" {
		cfg.ServerName = t.hostname
	}
	cfg.NextProtos = []string{"http/1.1"}
	return cfg
}
