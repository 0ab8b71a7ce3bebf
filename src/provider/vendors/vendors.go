// Package vendors is the list of vendors: the one place that imports the package of each.
package vendors

import (
	"slices"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/provider/aliyun"
	"github.com/vhive-serverless/STeLLAR/src/provider/aws"
	"github.com/vhive-serverless/STeLLAR/src/provider/azure"
	"github.com/vhive-serverless/STeLLAR/src/provider/cloudflare"
	"github.com/vhive-serverless/STeLLAR/src/provider/google"
	"github.com/vhive-serverless/STeLLAR/src/provider/knative"
	"github.com/vhive-serverless/STeLLAR/src/provider/local"
	"github.com/vhive-serverless/STeLLAR/src/provider/url"
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
