package provider

import (
	"context"
	"net"
	"net/url"
	"strings"

	"stellar/src/experiment"
	"stellar/src/fail"
)

// hostURL probes something that is already there: any hostname or URL. Nothing is deployed, nothing is removed.
type hostURL struct{ target string }

var _ Connection = hostURL{}

func newURL(o Options) Connection { return hostURL{o.Target} }

func (h hostURL) ListAPIs(context.Context) ([]Endpoint, error) {
	u, err := CompleteURL(h.target)
	if err != nil {
		return nil, err
	}
	return []Endpoint{{URL: u, Provider: "url"}}, nil
}

// DeployFunctions gives every function the one address.
func (h hostURL) DeployFunctions(ctx context.Context, fns []*Function) ([]Endpoint, error) {
	one, err := h.ListAPIs(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]Endpoint, len(fns))
	for i, f := range fns {
		out[i] = one[0]
		out[i].Function = f.Name
	}
	return out, nil
}

func (h hostURL) UpdateFunction(context.Context, Endpoint, *Function) error {
	return fail.Unsupported("%s is probed as it is: stellar cannot change it, nor make it start cold", h.target)
}

func (h hostURL) RemoveFunctions(context.Context, []Endpoint) error { return nil }

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
