package provider

import (
	"errors"
	"fmt"
	"slices"
	"strings"

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
	Languages    []string // of functions in ZIPs; empty: all
	SnapStart    []string // languages that have it
	CPUBoost     bool
	Arm          bool   // has functions on arm64
	Source       string // where these numbers were read, and when
}

// CheckLimits says all that the sub-experiments ask for and the provider does not take (bad input). Functions that stand
// already are not its business.
func CheckLimits(exp *experiment.Experiment, subs []int) error {
	row, err := Find(exp.ProviderKind())
	if err != nil {
		return err
	}
	l := row.Limits
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
	return fail.Input("%w", errors.Join(no...)).WithHint("these are the provider's own limits: ask for what it takes, or choose another provider")
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
		if least == most {
			refuse("FunctionMemoryMB %d, it has %d only", s.FunctionMemoryMB, most)
		} else {
			refuse("FunctionMemoryMB %d, from %d to %d", s.FunctionMemoryMB, least, most)
		}
	}
	rt, _, err := experiment.ResolveRuntime(s.Runtime)
	switch {
	case err != nil: // said by validation
	case len(l.Languages) > 0 && s.PackageType == "Zip" && !slices.Contains(l.Languages, rt.Language):
		refuse("Runtime %s, it takes %s", s.Runtime, strings.Join(l.Languages, ", "))
	}
	if err == nil && s.SnapStartEnabled && (s.PackageType != "Zip" || !slices.Contains(l.SnapStart, rt.Language)) {
		refuse("SnapStartEnabled for Runtime %s as %s, %s", s.Runtime, s.PackageType, l.snapStart())
	}
	if s.CPUBoostEnabled && !l.CPUBoost {
		refuse("CPUBoostEnabled, it has no CPU boost")
	}
	if s.Architecture == "arm64" && !l.Arm {
		refuse("Architecture arm64, it has amd64 only")
	}
	if l.TimeoutMax > 0 && s.FunctionTimeoutSeconds > l.TimeoutMax {
		refuse("FunctionTimeoutSeconds %d, at most %d", s.FunctionTimeoutSeconds, l.TimeoutMax)
	}
	return no
}

func (l Limits) snapStart() string {
	if len(l.SnapStart) == 0 {
		return "it has no SnapStart"
	}
	return "it has SnapStart for ZIP packages of " + strings.Join(l.SnapStart, " and ")
}

// Packages are the package types that it takes.
func (l Limits) Packages() []string {
	if len(l.PackageTypes) == 0 {
		return []string{"Zip", "Image"}
	}
	return l.PackageTypes
}

// Words says the limits in words, one each.
func (l Limits) Words() []string {
	out := []string{}
	if l.ZipBytes > 0 {
		out = append(out, "ZIP "+l.ZipWords)
	}
	if l.ImageBytes > 0 {
		out = append(out, fmt.Sprintf("image %d GiB", l.ImageBytes>>30))
	}
	switch least, most := l.MemoryMB[0], l.MemoryMB[1]; {
	case most > 0 && least == most:
		out = append(out, fmt.Sprintf("memory %d MB", most))
	case most > 0:
		out = append(out, fmt.Sprintf("memory %d to %d MB", least, most))
	}
	if l.TimeoutMax > 0 {
		out = append(out, fmt.Sprintf("timeout %d s", l.TimeoutMax))
	}
	if len(l.Languages) > 0 {
		out = append(out, "ZIPs of "+strings.Join(l.Languages, ", "))
	}
	return out
}
