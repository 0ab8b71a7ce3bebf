package netprobe

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
)

// anywhere is an address of the Internet that nobody has (RFC 5737): packets to it take the default route.
const anywhere = "192.0.2.1"

// Route is the address of this machine that packets to a host leave from; the empty host is any on the Internet.
// Nothing is sent: the kernel is asked for the route.
func Route(ctx context.Context, host string) (netip.Addr, error) {
	if host == "" {
		host = anywhere
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "udp", net.JoinHostPort(host, "9"))
	if err != nil {
		return netip.Addr{}, fmt.Errorf("find the route to %s: %w", host, err)
	}
	from := conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
	if err := conn.Close(); err != nil {
		return netip.Addr{}, fmt.Errorf("find the route to %s: %w", host, err)
	}
	return from, nil
}

// RouteTo is Route to the host of a URL.
func RouteTo(ctx context.Context, endpoint string) (netip.Addr, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Hostname() == "" {
		return netip.Addr{}, fmt.Errorf("find the route to %s: it has no host", endpoint)
	}
	return Route(ctx, u.Hostname())
}

// Private says whether an address cannot be reached from the Internet: loopback, link-local, RFC 1918, RFC 4193, and
// the addresses that providers share among customers (RFC 6598).
func Private(a netip.Addr) bool {
	shared := netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64, 0, 0}), 10)
	return !a.IsValid() || a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsUnspecified() ||
		shared.Contains(a)
}
