package provider

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"stellar/src/bytesize"
	"stellar/src/experiment"
	"stellar/src/fail"
)

// Limits is what a provider takes at most, on its largest ordinary plan. Zero means that it states no limit.
type Limits struct {
	PackageTypes []string      // Zip, Image; empty: both
	ZipBytes     bytesize.Size // size of a ZIP package
	ZipWords     string        // how the provider itself states ZipBytes
	ImageBytes   bytesize.Size // size of an image
	MemoryMB     [2]int        // least and most
	MemoryStep   int           // memory is a multiple of it; 0: any
	TimeoutMax   int           // seconds
	Languages    []string      // of functions in ZIPs; empty: all
	SnapStart    []string      // languages that have it
	CPUBoost     bool
	Arm          bool           // has functions on arm64
	Region       *regexp.Regexp // form of its regions' names; nil: not known
	RegionLike   string         // a region of that form
	Source       string         // where these numbers were read, and when
}

// CheckLimits says all that the sub-experiments ask for and the provider does not take (bad input). Functions that
// exist already are not its business.
func (p Provider) CheckLimits(exp *experiment.Experiment, subs []int) error {
	var no []error
	for _, r := range p.Limits.refusals(exp, subs) {
		no = append(no, fmt.Errorf("%s: %s", r.Where(exp), r))
	}
	if len(no) == 0 {
		return nil
	}
	return fail.Input("%w", errors.Join(no...)).
		WithHint("these are the provider's own limits: stay within them, or choose another provider")
}

// refusals gives all that the sub-experiments ask for beyond the limits.
func (l Limits) refusals(exp *experiment.Experiment, subs []int) (all []Refusal) {
	if l.Region != nil && exp.Region != "" && !l.Region.MatchString(exp.Region) {
		no := Refuse("Region", exp.Region, "its regions are written as %s", l.RegionLike)
		no.Sub = -1
		all = append(all, no)
	}
	for _, i := range subs {
		s := &exp.SubExperiments[i]
		for _, no := range slices.Concat(l.sizes(s), l.runtime(s)) {
			no.Sub = i
			all = append(all, no)
		}
	}
	return all
}

// sizes are the limits in numbers.
func (l Limits) sizes(s *experiment.SubExperiment) (no []Refusal) {
	add := func(key string, found any, why string, args ...any) {
		no = append(no, Refuse(key, found, why, args...))
	}
	if len(l.PackageTypes) > 0 && !slices.Contains(l.PackageTypes, s.PackageType) {
		add("PackageType", s.PackageType, "it takes %s only", l.PackageTypes[0])
	}
	size := bytesize.FromMiB(s.FunctionImageSizeMB)
	switch {
	case s.PackageType == "Zip" && l.ZipBytes > 0 && size >= l.ZipBytes:
		add("FunctionImageSizeMB", s.FunctionImageSizeMB, "a ZIP package must stay under %s (%s)",
			l.ZipBytes, l.ZipWords)
	case s.PackageType == "Image" && l.ImageBytes > 0 && size > l.ImageBytes:
		add("FunctionImageSizeMB", s.FunctionImageSizeMB, "an image may have %s", l.ImageBytes)
	}
	switch least, most := l.MemoryMB[0], l.MemoryMB[1]; {
	case most == 0:
	case least == most && s.FunctionMemoryMB != most:
		add("FunctionMemoryMB", s.FunctionMemoryMB, "it has %d only", most)
	case s.FunctionMemoryMB < least || s.FunctionMemoryMB > most:
		add("FunctionMemoryMB", s.FunctionMemoryMB, "from %d to %d", least, most)
	case l.MemoryStep > 0 && s.FunctionMemoryMB%l.MemoryStep != 0:
		below := s.FunctionMemoryMB / l.MemoryStep * l.MemoryStep
		add("FunctionMemoryMB", s.FunctionMemoryMB, "in steps of %d: %d or %d", l.MemoryStep, below, below+l.MemoryStep)
	}
	if l.TimeoutMax > 0 && s.FunctionTimeoutSeconds > l.TimeoutMax {
		add("FunctionTimeoutSeconds", s.FunctionTimeoutSeconds, "at most %d", l.TimeoutMax)
	}
	return no
}

// runtime are the limits on runtimes and processors.
func (l Limits) runtime(s *experiment.SubExperiment) (no []Refusal) {
	add := func(key string, found any, why string, args ...any) {
		no = append(no, Refuse(key, found, why, args...))
	}
	rt, _, err := experiment.ResolveRuntime(s.Runtime)
	switch {
	case err != nil: // said by validation
	case len(l.Languages) > 0 && s.PackageType == "Zip" && !slices.Contains(l.Languages, rt.Language):
		add("Runtime", s.Runtime, "it takes %s", strings.Join(l.Languages, ", "))
	}
	if err == nil && s.SnapStartEnabled && (s.PackageType != "Zip" || !slices.Contains(l.SnapStart, rt.Language)) {
		add("SnapStartEnabled", "for Runtime "+s.Runtime+" as "+s.PackageType, "%s", l.snapStart())
	}
	if s.CPUBoostEnabled && !l.CPUBoost {
		add("CPUBoostEnabled", "", "it has no CPU boost")
	}
	if s.Architecture == "arm64" && !l.Arm {
		add("Architecture", "arm64", "it has amd64 only")
	}
	return no
}

func (l Limits) snapStart() string {
	if len(l.SnapStart) == 0 {
		return "it has no SnapStart"
	}
	return "it has SnapStart for ZIP packages of " + strings.Join(l.SnapStart, " and ")
}

func (l Limits) steps() string {
	if l.MemoryStep == 0 {
		return ""
	}
	return fmt.Sprintf(" in steps of %d", l.MemoryStep)
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
		out = append(out, fmt.Sprintf("image %d GiB", l.ImageBytes/bytesize.GiB))
	}
	switch least, most := l.MemoryMB[0], l.MemoryMB[1]; {
	case most > 0 && least == most:
		out = append(out, fmt.Sprintf("memory %d MB", most))
	case most > 0:
		out = append(out, fmt.Sprintf("memory %d to %d MB", least, most)+l.steps())
	}
	if l.TimeoutMax > 0 {
		out = append(out, fmt.Sprintf("timeout %d s", l.TimeoutMax))
	}
	if len(l.Languages) > 0 {
		out = append(out, "ZIPs of "+strings.Join(l.Languages, ", "))
	}
	return out
}
