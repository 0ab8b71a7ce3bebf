package experiment

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// KindURL is the kind of a provider that is a hostname or URL: it is probed as it is, nothing is deployed.
const KindURL = "url"

// Provider is what the reading of a file needs to know of a provider that the key Provider may name. The caller of Load
// has the list: this package knows no provider's name.
type Provider struct {
	Name          string
	Standing      bool   // functions exist there already, nothing is deployed
	Local         bool   // functions run on the local platform, so on this machine's processor
	Protocol      string // default of the key Protocol; empty: http1
	ImageContract string // default of the key Platform.ImageContract; empty: runtime-api
}

// Defaults of keys that a provider may set otherwise.
const (
	defaultProtocol      = "http1"
	defaultImageContract = "runtime-api"
)

// providerNames are the names, in the order of the list.
func providerNames(known []Provider) []string {
	names := make([]string, len(known))
	for i, p := range known {
		names[i] = p.Name
	}
	return names
}

// addressPattern is the form of texts that are a host or URL, for the schema; isAddress is the same as code.
const addressPattern = `[.:]|^localhost(/|$)`

// isAddress reports whether a text is meant as a host or URL rather than as a provider's name, which has neither dots
// nor colons.
func isAddress(s string) bool {
	return strings.ContainsAny(s, ".:") || s == "localhost" || strings.HasPrefix(s, "localhost/")
}

// ProviderKind is the provider's name, or KindURL where the file names a host or URL, or nothing.
func (e *Experiment) ProviderKind() string {
	if e.Provider == "" || isAddress(e.Provider) {
		return KindURL
	}
	return e.Provider
}

// provider is what the list says of the file's provider. A host or URL has a row of its own, without a name.
func (d *decoder) provider() Provider {
	i := slices.IndexFunc(d.known, func(p Provider) bool { return p.Name == d.exp.Provider })
	if i < 0 {
		return Provider{Standing: d.exp.ProviderKind() == KindURL}
	}
	return d.known[i]
}

// thisMachine is the architecture of functions that run on this machine; empty where functions cannot have it.
func thisMachine() string {
	if a := runtime.GOARCH; a == "amd64" || a == "arm64" {
		return a
	}
	return ""
}

// providerWords says what the key Provider takes.
func providerWords(known []Provider) string {
	if len(known) == 0 {
		return "a hostname or http(s) URL"
	}
	return strings.Join(providerNames(known), ", ") + ", or a hostname or http(s) URL"
}

// providerRule is the rule of the key Provider; its pattern separates hosts from misspelt names as checkProvider does.
func providerRule(known []Provider) rule {
	want := providerWords(known)
	if len(known) > 0 {
		want = "one of " + want
	}
	return rule{kind: text, enum: providerNames(known), pattern: addressPattern, want: want,
		check: func(s string) (string, string, error) { return checkProvider(s, want, providerNames(known)) }}
}

// checkProvider accepts the name of a provider, a host and a URL, and reports a misspelt name.
func checkProvider(s, want string, names []string) (string, string, error) {
	if slices.Contains(names, s) {
		return s, "", nil
	}
	want = "want " + want
	if !isAddress(s) {
		return "", "", errors.New(want + fail.DidYouMean(s, names))
	}
	host, err := checkURL(s)
	if err != nil {
		return "", "", fmt.Errorf("%s: %w", want, err)
	}
	return s, lookedUp(s, host), nil
}

// withExceptions adds to the described defaults of keys which providers have another one. The result is for Schema,
// which also needs the keys that a sweep may have.
func withExceptions(keys []key, known []Provider) []key {
	keys = slices.Clone(keys)
	if k := lookup(keys, "Protocol"); k != nil {
		k.computed += exceptions(known, func(p Provider) string { return p.Protocol })
	}
	if k := lookup(keys, "ImageContract"); k != nil {
		k.computed += exceptions(known, func(p Provider) string { return p.ImageContract })
	}
	if k := lookup(keys, "Platform"); k != nil {
		k.fields = withExceptions(k.fields, known)
	}
	if k := lookup(keys, "Sweep"); k != nil {
		k.fields = keys
	}
	return keys
}

// exceptions names the providers with a default of their own: "; grpc for vhive".
func exceptions(known []Provider, of func(Provider) string) string {
	text := ""
	for _, p := range known {
		if value := of(p); value != "" {
			text += "; " + value + " for " + p.Name
		}
	}
	return text
}
