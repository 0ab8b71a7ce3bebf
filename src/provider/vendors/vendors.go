// Package vendors is the list of vendors: the one place that imports the package of each.
package vendors

import (
	"slices"

	"stellar/src/experiment"
	"stellar/src/fail"
	"stellar/src/provider"
	"stellar/src/provider/aliyun"
	"stellar/src/provider/aws"
	"stellar/src/provider/azure"
	"stellar/src/provider/cloudflare"
	"stellar/src/provider/google"
	"stellar/src/provider/knative"
	"stellar/src/provider/local"
	"stellar/src/provider/url"
)

// All is the table of providers, in the order in which it is shown.
func All() []provider.Provider {
	return []provider.Provider{
		local.Provider(),
		url.Provider(),
		aws.Provider(),
		azure.Provider(),
		aliyun.Provider(),
		google.CloudRun(),
		google.CloudFunctions(),
		cloudflare.Provider(),
		knative.Provider(),
	}
}

// Known are the providers that an experiment file may name, beside hosts and URLs.
func Known() []experiment.Provider {
	var known []experiment.Provider
	for _, row := range All() {
		if row.Name != experiment.KindURL {
			known = append(known, row.InFile())
		}
	}
	return known
}

// Find gives the table's row for an experiment's kind of provider.
func Find(kind string) (provider.Provider, error) {
	all := All()
	i := slices.IndexFunc(all, func(p provider.Provider) bool { return p.Name == kind })
	if i < 0 {
		return provider.Provider{}, fail.Input("there is no provider %q", kind)
	}
	return all[i], nil
}
