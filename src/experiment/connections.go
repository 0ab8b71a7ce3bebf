package experiment

import (
	"math"
	"net"
	"net/url"
	"strings"
)

// streams is how many requests a shared connection carries at once; servers commonly allow 100 to 250 streams.
const streams = 200

// connections checks protocol and use of connections against each other and against the endpoints.
func (c combination) connections() {
	s := c.s
	if s.Connections == "shared" && s.Protocol == "http1" {
		c.refuse([]string{"Connections", "Protocol"},
			`found "shared", but HTTP/1.1 carries one request at a time on a connection; want "reuse" or "new", or `+
				`Protocol h2, h2c or grpc`)
	}
	switch scheme, who := c.d.scheme(); {
	case s.Protocol == "h2" && scheme == "http":
		c.refuse([]string{"Protocol"}, `found "h2", which goes over TLS, but %s; want "h2c", HTTP/2 without TLS`, who)
	case s.Protocol == "h2c" && scheme == "https":
		c.refuse([]string{"Protocol"}, `found "h2c", which goes without TLS, but %s; want "h2"`, who)
	}
	if s.Protocol == "grpc" && c.d.provider().Local {
		c.refuse([]string{"Protocol"}, `found "grpc", which the local platform does not speak; want "http1" or "h2c"`)
	}
	c.idle()
	c.crowded()
}

// idle notes connections that are to be kept for longer than gateways keep them.
func (c combination) idle() {
	s := c.s
	kept := s.Connections == "reuse" || s.Connections == "shared"
	if n := c.dr.given["Connections"]; n == nil || !kept || s.apart() <= idleSeconds ||
		!c.ok("IATSeconds", "RatePerSecond", "Connections") {
		return
	} else if s.Sustained() {
		c.d.note(n.off, n.path, "gateways drop connections that are idle for about %d s; requests to an endpoint are "+
			"%g s apart", idleSeconds, s.apart())
	} else {
		c.d.note(n.off, n.path, "gateways drop connections that are idle for about %d s; the IAT is %g s", idleSeconds,
			s.IATSeconds)
	}
}

// crowded notes a sustained load that is planned to be late: by Little's law (J. D. C. Little, "A proof for the queuing
// formula L = λW", 1961) rate times service time is the mean number of requests in flight.
func (c combination) crowded() {
	s := c.s
	if !s.Sustained() || len(s.BusySpinIncrements) > 0 ||
		!c.ok("MaxConnections", "DesiredServiceTimes", "RatePerSecond", "Protocol", "Connections") {
		return
	}
	service := 0.0
	for i := range s.DesiredServiceTimes {
		service += s.ServiceTime(i).Seconds() / float64(len(s.DesiredServiceTimes))
	}
	room := s.MaxConnections
	if s.Connections == "shared" {
		room *= streams
	}
	if flying := s.PeakRate() * service; flying > float64(room) {
		off, path := c.where("MaxConnections", "RatePerSecond", "Arrivals")
		c.d.note(off, path, "%s requests a second of %s ms each are %.0f at once; MaxConnections %d leaves room for "+
			"%d: the others will wait and be late",
			trimmed(s.PeakRate()), trimmed(service*1000), math.Ceil(flying), s.MaxConnections, room)
	}
}

// scheme says whether endpoints are reached over http or https, and of whom that is known; empty where only their
// deployment shows. A bare host is completed as the probe does: http on this machine, https elsewhere.
func (d *decoder) scheme() (scheme, who string) {
	name := d.exp.Provider
	switch {
	case d.provider().Local:
		return "http", "the local platform has none"
	case !isAddress(name):
		return "", ""
	}
	if !strings.Contains(name, "://") {
		u, err := url.Parse("//" + name)
		if err != nil {
			return "", ""
		}
		if host := u.Hostname(); host == "localhost" || net.ParseIP(host).IsLoopback() {
			return "http", "a host of this machine is reached over http"
		}
		return "https", "a host is reached over https"
	}
	scheme, _, _ = strings.Cut(name, "://")
	scheme = strings.ToLower(scheme)
	return scheme, "Provider is an " + scheme + " URL"
}
