package experiment

import (
	"errors"
	"fmt"
	"strings"

	"stellar/src/fail"
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

// Deploys says whether functions are deployed at all, or stand there already.
func (e *Experiment) Deploys() bool {
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
		return "", "", errors.New(want + fail.DidYouMean(s, providerNames()))
	}
	host, err := checkURL(s)
	if err != nil {
		return "", "", fmt.Errorf("%s: %w", want, err)
	}
	return s, lookedUp(s, host), nil
}
