package netprobe

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
)

// anywhere is an address of the Internet, that of a.root-servers.net: packets to it take the default route.
const anywhere = "198.41.0.4"

// Loopback is where functions on this machine reach the driver.
const Loopback = "127.0.0.1"

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

// special are further ranges that the Internet does not route (iana.org/assignments/iana-ipv4-special-registry, and its
// counterpart for IPv6): addresses that providers share among customers, of benchmarks, of documentation, and reserved
// ones.
func special() []string {
	return []string{"100.64.0.0/10", "198.18.0.0/15", "192.0.0.0/24", "192.0.2.0/24", "198.51.100.0/24",
		"203.0.113.0/24", "240.0.0.0/4", "2001:db8::/32", "3fff::/20"}
}

// Private says whether an address cannot be reached from the Internet.
func Private(a netip.Addr) bool {
	return !a.IsValid() || a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsUnspecified() ||
		slices.ContainsFunc(special(), func(p string) bool { return netip.MustParsePrefix(p).Contains(a) })
}
