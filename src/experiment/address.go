package experiment

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

var (
	// hostname is a name of DNS; the underscore is in no standard and in many names.
	hostname = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?$`)
	// slashes finds a scheme that does not have its two slashes: http:/host, https:host, http//host.
	slashes = regexp.MustCompile(`^(?i)(https?)(?::/?|//)([^/].*)$`)
	// allDigits is what no top-level domain is.
	allDigits = regexp.MustCompile(`^[0-9]+$`)
)

// Lengths of DNS: RFC 1035, section 2.3.4.
const (
	longestLabel = 63
	longestHost  = 253
)

// checkURL accepts host, host:port and an http(s) URL, each with path and query. It gives the host as DNS has it.
func checkURL(s string) (host string, err error) {
	if m := slashes.FindStringSubmatch(s); m != nil {
		return "", fmt.Errorf("a scheme ends in ://; did you mean %q?", strings.ToLower(m[1])+"://"+m[2])
	}
	if !strings.Contains(s, "://") {
		s = "http://" + s
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
		var parse *url.Error
		if errors.As(err, &parse) {
			err = parse.Err
		}
		return "", err
	case u.Scheme != "http" && u.Scheme != "https":
		return "", fmt.Errorf("the scheme %q cannot be probed", u.Scheme)
	case u.User != nil:
		return "", errors.New("a user name or password does not belong into the file")
	case u.Fragment != "":
		return "", errors.New("a fragment (#…) never reaches a server")
	case strings.HasSuffix(u.Host, ":"):
		return "", fmt.Errorf("the port is missing behind %q", u.Host)
	}
	if p := u.Port(); p != "" {
		if n, err := strconv.Atoi(p); err != nil || n < 1 || n > 65535 {
			return "", fmt.Errorf("%s is not a port", p)
		}
	}
	return ASCIIHost(u.Hostname())
}

// ASCIIHost gives a host as DNS has it: a name in other letters than those of ASCII in its punycode form (IDNA 2008
// with the mapping of UTS 46, as browsers do it), any other name and an IP address unchanged.
func ASCIIHost(host string) (string, error) {
	if strings.Contains(host, ":") || net.ParseIP(host) != nil {
		return host, nil
	}
	refuse := func(why string) (string, error) {
		return "", fmt.Errorf("%q is not a hostname%s", shorten(host, 60), why)
	}
	name := host
	if strings.ContainsFunc(host, func(c rune) bool { return c > 127 }) {
		var err error
		if name, err = idna.Lookup.ToASCII(host); err != nil {
			return refuse(": " + strings.TrimPrefix(err.Error(), "idna: "))
		}
	}
	if !hostname.MatchString(name) {
		return refuse("")
	}
	labels := strings.Split(strings.TrimSuffix(name, "."), ".")
	for _, label := range labels {
		if len(label) > longestLabel {
			return refuse(fmt.Sprintf(": a part of it is longer than %d characters", longestLabel))
		}
	}
	switch {
	case len(name) > longestHost:
		return refuse(fmt.Sprintf(": it is longer than %d characters", longestHost))
	case allDigits.MatchString(labels[len(labels)-1]):
		return refuse(", nor an IP address")
	}
	return name, nil
}

// lookedUp is the note on a host that DNS knows under another name; empty where it does not.
func lookedUp(s, host string) string {
	if strings.Contains(s, host) || !strings.HasPrefix(host, "xn--") && !strings.Contains(host, ".xn--") {
		return ""
	}
	return "the host is looked up as " + host
}
