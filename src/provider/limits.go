package provider

import (
	"errors"
	"fmt"
	"slices"

	"stellar/src/experiment"
	"stellar/src/fail"
)

const (
	mib = 1 << 20
	mb  = 1000 * 1000
)

// Limits is what a provider takes at most, on its largest ordinary plan. Zero means that it states no limit.
type Limits struct {
	PackageTypes []string // Zip, Image; empty: both
	ZipBytes     int64    // size of a ZIP package
	ZipWords     string   // how the provider itself states ZipBytes
	ImageBytes   int64    // size of an image
	MemoryMB     [2]int   // least and most
	TimeoutMax   int      // seconds
}

// limits are the providers' published quotas, read in November 2026:
//
//	aws         docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html (the 250 MB of unpacked code are 262144000
//	            bytes in Lambda's own refusal; over 50 MB a package goes through S3, as the Serverless CLI always does it)
//	cloudflare  developers.cloudflare.com/workers/platform/limits (10 MB compressed on the paid plan, 3 MB on the free one)
//	google      cloud.google.com/functions/quotas (2nd gen; sources of the 1st gen: 100 MB)
//	gcr         cloud.google.com/run/quotas
//	aliyun      alibabacloud.com/help/en/functioncompute/fc-3-0/product-overview/limits-of-usage
//	azure       learn.microsoft.com/azure/azure-functions/functions-scale (Consumption)
func limits() map[string]Limits {
	return map[string]Limits{
		"aws":        {ZipBytes: 250 * mib, ZipWords: "250 MB unpacked", ImageBytes: 10 * 1024 * mib, MemoryMB: [2]int{128, 10240}, TimeoutMax: 900},
		"cloudflare": {PackageTypes: []string{"Zip"}, ZipBytes: 10 * mb, ZipWords: "10 MB compressed on the paid plan, 3 MB on the free one"},
		"google":     {PackageTypes: []string{"Zip"}, MemoryMB: [2]int{128, 32768}, TimeoutMax: 3600},
		"gcr":        {PackageTypes: []string{"Image"}, MemoryMB: [2]int{128, 32768}, TimeoutMax: 3600},
		"aliyun":     {ZipBytes: 500 * mb, ZipWords: "500 MB packed", ImageBytes: 10 * 1024 * mib, MemoryMB: [2]int{128, 32768}, TimeoutMax: 86400},
		"azure":      {PackageTypes: []string{"Zip"}, ZipBytes: 1024 * mib, ZipWords: "1 GB", TimeoutMax: 600},
	}
}

// CheckLimits says all that the sub-experiments ask for and the provider does not take (bad input). Functions that stand
// already are not its business.
func CheckLimits(exp *experiment.Experiment, subs []int) error {
	l, ok := limits()[exp.ProviderKind()]
	if !ok {
		return nil
	}
	var no []error
	for _, i := range subs {
		s := &exp.SubExperiments[i]
		for _, why := range l.check(s) {
			no = append(no, fmt.Errorf("SubExperiments[%d] %s: %s: %s", i, s.Title, exp.ProviderKind(), why))
		}
	}
	if len(no) == 0 {
		return nil
	}
	return fail.Input("%w", errors.Join(no...)).WithHint("these are the provider's own limits: ask for less, or choose another provider")
}

func (l Limits) check(s *experiment.SubExperiment) (no []string) {
	refuse := func(format string, args ...any) { no = append(no, fmt.Sprintf(format, args...)) }
	if len(l.PackageTypes) > 0 && !slices.Contains(l.PackageTypes, s.PackageType) {
		refuse("PackageType %s, it takes %s only", s.PackageType, l.PackageTypes[0])
	}
	size := int64(s.FunctionImageSizeMB * mib)
	switch {
	case s.PackageType == "Zip" && l.ZipBytes > 0 && size >= l.ZipBytes:
		refuse("FunctionImageSizeMB %g, a ZIP package must stay under %.4g MiB (%s)", s.FunctionImageSizeMB, float64(l.ZipBytes)/mib, l.ZipWords)
	case s.PackageType == "Image" && l.ImageBytes > 0 && size > l.ImageBytes:
		refuse("FunctionImageSizeMB %g, an image may have %d MiB", s.FunctionImageSizeMB, l.ImageBytes/mib)
	}
	if least, most := l.MemoryMB[0], l.MemoryMB[1]; most > 0 && (s.FunctionMemoryMB < least || s.FunctionMemoryMB > most) {
		refuse("FunctionMemoryMB %d, from %d to %d", s.FunctionMemoryMB, least, most)
	}
	if l.TimeoutMax > 0 && s.FunctionTimeoutSeconds > l.TimeoutMax {
		refuse("FunctionTimeoutSeconds %d, at most %d", s.FunctionTimeoutSeconds, l.TimeoutMax)
	}
	return no
}
