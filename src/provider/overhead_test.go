package provider

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/bytesize"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
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

// TestLengthOfBodies: bodies of the user's own are compared with the provider's limit, the longest of a list, and files
// by their size.
func TestLengthOfBodies(t *testing.T) {
	file := filepath.Join(t.TempDir(), "body")
	if err := os.WriteFile(file, make([]byte, 101), 0o600); err != nil {
		t.Fatal(err)
	}
	row := Provider{Name: "aws", Limits: Limits{RequestBytes: 100, RequestWords: "100 bytes"}}
	text := func(n int) string { return `"` + strings.Repeat("x", n) + `"` }
	for body, refused := range map[string]bool{
		text(100): false,
		text(101): true,
		`"${env:A_VARIABLE_WHOSE_VALUE_IS_NOT_COUNTED}` + strings.Repeat("x", 100) + `"`: false,
		`[{"weight": 1, "body": "a"}, {"weight": 1, "body": ` + text(101) + `}]`:         true,
		`"@` + file + `"`:      true,
		`"@` + file + `-none"`: false, // said where the experiment is loaded
		``:                     false,
	} {
		exp := &experiment.Experiment{Provider: "aws", SubExperiments: []experiment.SubExperiment{
			{Type: experiment.TypeBurst, PackageType: "Zip", Runtime: "go", Body: experiment.RawObject(body)}}}
		err := row.CheckLimits(exp, []int{0}, nil)
		if want := "Body of 101 bytes, a request's body may have 100 bytes (100 bytes)"; refused != (err != nil) ||
			refused && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", body, err)
		}
	}
}
