package provider

import (
	"strings"
	"testing"

	"stellar/src/bytesize"
	"stellar/src/experiment"
)

// TestSizesOfInvocationOverhead: points over a provider's limits are refused by the keys that they come from, once
// each.
func TestSizesOfInvocationOverhead(t *testing.T) {
	l := Limits{ZipBytes: 250 * bytesize.MiB, ZipWords: "250 MB unpacked"}
	l.RequestBytes, l.RequestWords = EventLimits(int64(6 * bytesize.MiB))
	row := Provider{Name: "aws", Limits: l}
	for want, keys := range map[string]experiment.TypeKeys{
		"":                    {OverheadType: experiment.OverheadPayload, PayloadEnd: 6251000},
		"6283264 is the most": {OverheadType: experiment.OverheadPayload, PayloadEnd: 6283264},
		"PayloadEnd 6283265, a request's body may have 6283264 bytes (6291456 bytes as an event": {
			OverheadType: experiment.OverheadPayload, PayloadEnd: 6283265},
		"CodePackageEnd 300000000, a ZIP package must stay under 250 MiB": {OverheadType: experiment.OverheadCode,
			PayloadEnd: 1 << 40, CodePackageEnd: 300_000_000},
	} {
		exp := &experiment.Experiment{Provider: "aws", SubExperiments: []experiment.SubExperiment{
			{Type: experiment.TypeOverhead, PackageType: "Zip", Runtime: "go", TypeKeys: keys}}}
		var fns []*Function
		for _, bytes := range []int64{1 << 20, 290_000_000, keys.CodePackageEnd} {
			if keys.OverheadType == experiment.OverheadCode {
				fns = append(fns, &Function{PackageType: "Zip", ImageSizeMB: bytesize.Size(bytes).MiB()})
			}
		}
		err := row.CheckLimits(exp, []int{0}, fns)
		if refused := strings.Contains(want, "may") || strings.Contains(want, "must"); refused != (err != nil) ||
			refused && (!strings.Contains(err.Error(), want) || strings.Count(err.Error(), "\n") > 0) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
