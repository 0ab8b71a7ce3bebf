package experiment

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// KindURL is the kind of a provider that is a hostname or URL: it is probed as it is, nothing is deployed.
const KindURL = "url"

// providerNames lists the providers that have a name; vhive's functions are deployed by hand.
func providerNames() []string {
	return []string{"local", "aws", "azure", "gcr", "google", "cloudflare", "aliyun", "vhive"}
}

// ProviderKind is the provider's name, or KindURL where the file names a host or URL.
func (e *Experiment) ProviderKind() string {
	for _, n := range providerNames() {
		if e.Provider == n {
			return n
		}
	}
	return KindURL
}

// deploys says whether functions are deployed at all, or stand there already.
func (e *Experiment) deploys() bool {
	k := e.ProviderKind()
	return k != KindURL && k != "vhive"
}

// providerRule is the rule of the key Provider; its pattern tells a host from a misspelt name as checkProvider does.
func providerRule() rule {
	return rule{kind: text, check: checkProvider, enum: providerNames(), pattern: `[.:]|^localhost(/|$)`,
		want: "one of " + strings.Join(providerNames(), ", ") + ", or a hostname or http(s) URL"}
}

// checkProvider tells a name, a host and a URL apart from a slip of the pen.
func checkProvider(s string) (string, string, error) {
	for _, n := range providerNames() {
		if s == n {
			return s, "", nil
		}
	}
	want := "want " + providerRule().want
	if !strings.ContainsAny(s, ".:") && s != "localhost" && !strings.HasPrefix(s, "localhost/") {
		return "", "", errors.New(want + didYouMean(s, providerNames()))
	}
	if err := checkURL(s); err != nil {
		return "", "", fmt.Errorf("%s: %w", want, err)
	}
	return s, "", nil
}

// hostname is compiled once, never changed; names outside ASCII are left to the resolver.
var hostname = regexp.MustCompile(`^[\p{L}\p{N}_-]+(\.[\p{L}\p{N}_-]+)*\.?$`)

// checkURL accepts host, host:port and an http(s) URL, each with path and query.
func checkURL(s string) error {
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
		return err
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("the scheme %q cannot be probed", u.Scheme)
	case u.User != nil:
		return errors.New("a user name or password does not belong into the file")
	case u.Fragment != "":
		return errors.New("a fragment (#…) never reaches a server")
	}
	if p := u.Port(); p != "" {
		if n, err := strconv.Atoi(p); err != nil || n < 1 || n > 65535 {
			return fmt.Errorf("%s is not a port", p)
		}
	}
	host := u.Hostname()
	if !strings.Contains(host, ":") && !hostname.MatchString(host) {
		return fmt.Errorf("%q is not a hostname", shorten(host, 60))
	}
	return nil
}
