package app

import (
	"slices"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/pipeline"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/provider/vendors"
)

// Reference describes every key of experiment files in Markdown.
func Reference() (string, error) { return experiment.Reference(KnownProviders(), honours) }

// honours reports whether the experiment's provider does what its keys ask for: it ignores none of them, and refuses
// nothing. That regions have another form is no refusal of the key, nor that this machine has another architecture.
func honours(exp *experiment.Experiment, keys []string) bool {
	a := App{}
	a.Only, a.Serverless = -1, true
	row, err := vendors.Find(exp.ProviderKind())
	if err != nil || slices.ContainsFunc(keys, row.Ignored) {
		return false
	}
	if slices.ContainsFunc(a.gaps(exp), func(g gap) bool { return !row.Local || g.key != "Architecture" }) {
		return false
	}
	one := oneEach(exp)
	fns, err := pipeline.Functions(one, a.Subs(exp), "")
	if err != nil {
		return false
	}
	fns = distinct(fns)
	refused := row.Refusals(one, a.Subs(exp), fns)
	if byHand := row.ByHand(provider.Options{}); byHand != nil {
		refused = append(refused, provider.RefusedBy(byHand, one, fns)...)
	}
	return !slices.ContainsFunc(refused, func(r provider.Refusal) bool {
		return r.Key != "Region" && slices.Contains(keys, r.Key)
	})
}
