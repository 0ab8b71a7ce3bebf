package probe

import (
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// target is a Target parsed once, before anything is sent.
type target struct {
	label    string // name in rows and notes
	hostPort string // as the URL has it: the row's Host and the Host header
	hostname string
	port     uint16
	addr     netip.Addr // where the host is an address already
	secure   bool
	path     string // escaped, at least "/"
	query    string // the URL's own
	params   url.Values
	fields   []field // of the target's own
	invoke   bool    // it is the operation Invoke of the Lambda API
	sign     func(r *http.Request, body []byte, at time.Time) error
	hidden   bool   // answers are not shown in notes
	log      string // the file that says more of failures; empty: none

	addrs []netip.Addr // addr alone, where there is one
	proto protocol
	pools []*connPool     // one for each loop
	noted map[string]bool // what has been noted already; the recorder's own

	idleClose atomic.Int64 // after how long without use the server closes a connection, in ns; 0: not known
	reopened  atomic.Int64 // connections opened again before a release
}

func newTarget(t Target) (*target, error) {
	u, err := url.Parse(t.URL)
	if err != nil {
		return nil, fail.Input("endpoint %q: %w", t.Name, err)
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return nil, fail.Input("endpoint %q: scheme %q of %s is neither http nor https", t.Name, u.Scheme, u.Redacted())
	}
	host := u.Hostname()
	if host == "" || strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, fail.Input("endpoint %q: %s has no host name in ASCII", t.Name, u.Redacted())
	}
	out := &target{
		hostname: host, secure: u.Scheme == "https", noted: map[string]bool{}, params: t.Query,
		path: printable(u.EscapedPath()), query: printable(u.RawQuery), invoke: t.Invoke, sign: t.Sign,
		log: t.Log,
	}
	if out.path == "" {
		out.path = "/"
	}
	out.label = t.Name
	if out.label == "" {
		out.label = out.path
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		out.addr, out.addrs = addr, []netip.Addr{addr}
	}
	if err := out.setPort(u); err != nil {
		return nil, err
	}
	out.fields, err = out.headerFields(u.User, t.Header)
	return out, err
}

func (t *target) setPort(u *url.URL) error {
	port := u.Port()
	host, _, _ := strings.Cut(t.hostname, "%") // an IPv6 zone is the client's own affair
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	switch {
	case port != "":
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return fail.Input("endpoint %q: port %q is not one of 1 to 65535", t.label, port)
		}
		t.port = uint16(n)
		t.hostPort = host + ":" + port
	case t.secure:
		t.port, t.hostPort = 443, host
	default:
		t.port, t.hostPort = 80, host
	}
	return nil
}

// ownFields are header fields that the probe sets itself; a second one would change the framing of the request.
func ownFields() []string {
	return []string{"Host", "User-Agent", "Connection", "Content-Length", "Transfer-Encoding", "Expect", "Upgrade",
		"Te"}
}

// socketAddress is the address in the kernel's form.
func (t *target) socketAddress(ip netip.Addr) (family int, to unix.Sockaddr) {
	if ip.Is4() {
		return unix.AF_INET, &unix.SockaddrInet4{Port: int(t.port), Addr: ip.As4()}
	}
	to6 := &unix.SockaddrInet6{Port: int(t.port), Addr: ip.As16()}
	if zone := ip.Zone(); zone != "" {
		if card, err := net.InterfaceByName(zone); err == nil {
			to6.ZoneId = uint32(card.Index)
		} else if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
			to6.ZoneId = uint32(n)
		}
	}
	return unix.AF_INET6, to6
}

// address is where to connect for an IP address.
func (t *target) address(ip netip.Addr) string {
	return net.JoinHostPort(ip.String(), strconv.Itoa(int(t.port)))
}

// pathQuery is the path and query of a round: the URL's own query comes before the round's parameters.
func (t *target) pathQuery(cfg *Config, round int) string {
	query := t.query
	if t.invoke { // the parameters are in the body
		if query == "" {
			return t.path
		}
		return t.path + "?" + query
	}
	if more := t.parameters(cfg, round).Encode(); query == "" || more == "" {
		query += more
	} else {
		query += "&" + more
	}
	if query == "" {
		return t.path
	}
	return t.path + "?" + query
}

// parameters are the round's and the target's own.
func (t *target) parameters(cfg *Config, round int) url.Values {
	if len(t.params) == 0 {
		return cfg.Query(round)
	}
	all := maps.Clone(t.params)
	maps.Copy(all, cfg.Query(round))
	return all
}

// message is the exact bytes of a request. For HTTP/2, they are the header block and the body, which go into frames;
// for HTTP/1.1, the body is part of the head.
type message struct {
	head, body []byte
	trace      int // where in head the digits of a trace id begin; 0: the request has none
}

// requests serialises a round's requests, which slots of a burst only write: one for each of Bodies.
func (cfg *Config) requests(t *target, round int) ([]message, error) {
	bodies := cfg.Bodies
	if len(bodies) == 0 {
		bodies = []Body{{Bytes: cfg.Body(round)}}
	}
	all := make([]message, len(bodies))
	for i, body := range bodies {
		var err error
		if all[i], err = cfg.request(t, round, body); err != nil {
			return all, err
		}
	}
	return all, nil
}

// pick is the index in Bodies of a request's body.
func (cfg *Config) pick(burst, slot int) int {
	if cfg.Pick == nil || len(cfg.Bodies) < 2 {
		return 0
	}
	return cfg.Pick(burst, slot)
}

// withType are the target's fields, and the body's type where they have none.
func (t *target) withType(body Body) []field {
	if body.Type == "" || t.sets("Content-Type") {
		return t.fields
	}
	return append(slices.Clip(t.fields), field{"Content-Type", body.Type})
}

// sets reports whether a target's own header fields have one of that name.
func (t *target) sets(name string) bool {
	return slices.ContainsFunc(t.fields, func(f field) bool { return strings.EqualFold(f.name, name) })
}

// request serialises a round's request.
func (cfg *Config) request(t *target, round int, carried Body) (message, error) {
	body := cfg.content(t, round, carried.Bytes)
	fields, err := cfg.sentFields(t, round, carried, body)
	if t.proto.multi {
		m := message{head: cfg.headerBlock(t, round, body, fields), body: body}
		if cfg.TraceContext {
			m.head, m.trace = appendTraceField(m.head)
		}
		return m, err
	}
	method := cfg.method(t)
	b := make([]byte, 0, 1024+len(body))
	b = append(b, method...)
	b = append(append(b, ' '), t.pathQuery(cfg, round)...)
	b = append(append(b, " HTTP/1.1\r\nHost: "...), t.hostPort...)
	b = append(append(b, "\r\nUser-Agent: "...), cfg.UserAgent...)
	b = append(b, "\r\n"...)
	if !t.sets("Accept") {
		b = append(b, "Accept: */*\r\n"...)
	}
	if cfg.Connections == New {
		b = append(b, "Connection: close\r\n"...)
	}
	if len(body) > 0 || method == http.MethodPost || method == http.MethodPut {
		b = append(b, "Content-Length: "...)
		b = append(strconv.AppendInt(b, int64(len(body)), 10), "\r\n"...)
	}
	for _, f := range fields {
		b = append(append(append(append(b, f.name...), ": "...), f.value...), "\r\n"...)
	}
	m := message{}
	if cfg.TraceContext {
		b, m.trace = appendTraceLine(b)
	}
	m.head = append(append(b, "\r\n"...), body...)
	return m, err
}

// printable escapes characters that are not allowed in a request line: url.Parse accepts spaces and non-ASCII in a
// query.
func printable(text string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(text) {
		if c := text[i]; c <= ' ' || c >= 0x7f {
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// isToken reports whether s is a token of RFC 9110: a method, or the name of a header field.
func isToken(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}
