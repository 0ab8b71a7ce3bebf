package provider

import (
	"net"
	"net/url"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// CompleteURL gives an address its scheme where it has none: http on this machine, https elsewhere. Schemes other than
// these two are refused. A host in other letters than those of ASCII is given as DNS has it.
func CompleteURL(target string) (string, error) {
	if !strings.Contains(target, "://") {
		scheme := "https://"
		if host := hostOf(target); host == "localhost" || net.ParseIP(host).IsLoopback() {
			scheme = "http://"
		}
		target = scheme + target
	}
	u, err := url.Parse(target)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return "", fail.Input("%q is not an address that can be probed", target).
			WithHint("write a hostname, host:port, or a URL with http:// or https://")
	}
	host, err := experiment.ASCIIHost(u.Hostname())
	if err != nil {
		return "", fail.Input("%q cannot be probed: %w", target, err)
	}
	if host != u.Hostname() {
		u.Host = strings.Replace(u.Host, u.Hostname(), host, 1)
	}
	return u.String(), nil
}

func hostOf(target string) string {
	host, _, _ := strings.Cut(target, "/")
	if h, _, err := net.SplitHostPort(host); err == nil {
		return h
	}
	return strings.Trim(host, "[]")
}
