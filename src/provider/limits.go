package provider

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/bytesize"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
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
	RequestBytes int64         // of a request's body; see EventLimits
	RequestWords string        // how the provider itself states RequestBytes
	AsyncBytes   int64         // of an event that Entry sdk-async sends; 0: as RequestBytes
	Base64       bool          // functions get a body that is not text in base64, and RequestBytes counts that
	AnswerMax    int           // seconds after which the gateway before a function gives a request up
	Languages    []string      // of functions in ZIPs; empty: all
	Entries      []string      // values of Entry that it has beside http-api
	SnapStart    []string      // languages that have it
	CPUBoost     bool
	Arm          bool           // has functions on arm64
	Region       *regexp.Regexp // form of its regions' names; nil: not known
	RegionLike   string         // a region of that form

	OneRoute         bool           // the gateway has one path for each function, and none below it
	References       bool           // its CLI reads the variables that Environment names by ${env:NAME}
	ReservedVariable *regexp.Regexp // names that no function's environment can have; nil: none
	EnvironmentBytes int            // of all names and values of an environment together

	Source string // where these numbers were read, and when
}

// CheckLimits says all that the sub-experiments ask for and the provider does not take (bad input). fns are the
// functions that their studies deploy: sizes and memory are theirs, or the sub-experiment's own where it has none among
// them. Functions that exist already are not its business.
func (p Provider) CheckLimits(exp *experiment.Experiment, subs []int, fns []*Function) error {
	var no []error
	for _, r := range p.Limits.refusals(exp, subs, fns) {
		no = append(no, fmt.Errorf("%s: %s", r.Where(exp), r))
	}
	if len(no) == 0 {
		return nil
	}
	return fail.Input("%w", errors.Join(no...)).
		WithHint("these are the provider's own limits: stay within them, or choose another provider")
}

// refusals gives all that the sub-experiments ask for beyond the limits.
func (l Limits) refusals(exp *experiment.Experiment, subs []int, fns []*Function) (all []Refusal) {
	if l.Region != nil && exp.Region != "" && !l.Region.MatchString(exp.Region) {
		no := Refuse("Region", exp.Region, "its regions are written as %s", l.RegionLike)
		no.Sub = -1
		all = append(all, no)
	}
	for _, i := range subs {
		s := &exp.SubExperiments[i]
		for _, no := range slices.Concat(l.path(s), l.environment(s), l.sizes(s, sizesOf(i, s, fns)), l.runtime(s),
			l.entry(s)) {
			no.Sub = i
			all = append(all, no)
		}
	}
	return all
}

// path refuses a path where the gateway has none below a function's own.
func (l Limits) path(s *experiment.SubExperiment) []Refusal {
	if below := s.PathBelow(); l.OneRoute && below != "" {
		return []Refusal{Refuse("Path", below, "each function has one path at its gateway; want a query alone, such "+
			"as ?a=b")}
	}
	return nil
}

// environment refuses variables that functions there do not have, or that the platform sets itself.
func (l Limits) environment(s *experiment.SubExperiment) (no []Refusal) {
	if wanted := s.EnvironmentVariables(); len(wanted) > 0 && !l.References {
		no = append(no, Refuse("Environment", "${env:"+wanted[0].Name+"}", "its deployment would write the value "+
			"into a file; want a value that everyone may read"))
	}
	bytes := 0
	for _, name := range slices.Sorted(maps.Keys(s.Environment)) {
		bytes += len(name) + len(s.Environment[name])
		if l.ReservedVariable != nil && l.ReservedVariable.MatchString(name) {
			no = append(no, Refuse("Environment", name, "the platform sets it itself"))
		}
	}
	if l.EnvironmentBytes > 0 && bytes > l.EnvironmentBytes {
		no = append(no, Refuse("Environment", fmt.Sprint("of ", bytes, " bytes"), "it takes %d", l.EnvironmentBytes))
	}
	return no
}

// sizesOf are the distinct sizes of a sub-experiment's functions, in their order: its own where it has none among fns.
func sizesOf(sub int, s *experiment.SubExperiment, fns []*Function) (all []functionSize) {
	for _, fn := range fns {
		size := functionSize{fn.ImageSizeMB, fn.MemoryMB}
		if fn.Sub == sub && !slices.Contains(all, size) {
			all = append(all, size)
		}
	}
	if all == nil {
		all = []functionSize{{s.FunctionImageSizeMB, s.FunctionMemoryMB}}
	}
	return all
}

// functionSize is what a function has of its own, beside its sub-experiment, that limits are about.
type functionSize struct {
	imageMB  float64 // size of its package in MiB; 0: as built
	memoryMB int
}

// sizes are the limits in numbers.
func (l Limits) sizes(s *experiment.SubExperiment, sizes []functionSize) (no []Refusal) {
	if len(l.PackageTypes) > 0 && !slices.Contains(l.PackageTypes, s.PackageType) {
		no = append(no, Refuse("PackageType", s.PackageType, "it takes %s only", l.PackageTypes[0]))
	}
	var packages, memories []Refusal
	for _, size := range sizes {
		packages = appendNew(packages, l.packageSize(s, size.imageMB))
		memories = appendNew(memories, l.memory(size.memoryMB))
	}
	if experiment.IsExisting(s.Function) && s.FunctionMemoryMB == 0 {
		memories = nil // it keeps what it has
	}
	no = slices.Concat(no, packages, memories, l.requestSize(s))
	if l.TimeoutMax > 0 && s.FunctionTimeoutSeconds > l.TimeoutMax {
		no = append(no, Refuse("FunctionTimeoutSeconds", s.FunctionTimeoutSeconds, "at most %d", l.TimeoutMax))
	}
	return no
}

// appendNew adds those refusals that are not among them.
func appendNew(all, more []Refusal) []Refusal {
	for _, r := range more {
		if !slices.Contains(all, r) {
			all = append(all, r)
		}
	}
	return all
}

// packageSize refuses a package that is too large. mib is its size in MiB.
func (l Limits) packageSize(s *experiment.SubExperiment, mib float64) []Refusal {
	size := bytesize.FromMiB(mib)
	key, found := s.PackageKey(), any(mib)
	if key == "CodePackageEnd" {
		found = s.CodePackageEnd // one refusal for all points that are too large
	}
	switch {
	case s.PackageType == "Zip" && l.ZipBytes > 0 && size >= l.ZipBytes:
		return []Refusal{Refuse(key, found, "a ZIP package must stay under %s (%s)", l.ZipBytes, l.ZipWords)}
	case s.PackageType == "Image" && l.ImageBytes > 0 && size > l.ImageBytes:
		return []Refusal{Refuse(key, found, "an image may have %s", l.ImageBytes)}
	}
	return nil
}

// eventRest is what an event has beside the body, at most: headers and query in two forms, and the request's context.
const eventRest = 8 << 10

// EventLimits are RequestBytes and RequestWords where a request reaches functions as an event of at most so many bytes,
// in which the body is text.
func EventLimits(bytes int64) (body int64, words string) {
	return bytes - eventRest, fmt.Sprintf("%d bytes as an event, with %d for all but the body", bytes, eventRest)
}

// inline is how many bytes of any kind a request's body may have; 0: no limit is stated.
func (l Limits) inline() int64 {
	if !l.Base64 {
		return l.RequestBytes
	}
	return l.RequestBytes / 4 * 3
}

// requestSize refuses request bodies that are too large: those that are measured, payloads that functions pass on in
// one, and the user's own.
func (l Limits) requestSize(s *experiment.SubExperiment) (no []Refusal) {
	if l.RequestBytes == 0 {
		return nil
	}
	refuse := func(key string, found any) {
		no = append(no, Refuse(key, found, "a request's body may have %d bytes (%s)", l.RequestBytes, l.RequestWords))
	}
	if s.OverheadType == experiment.OverheadPayload && s.PayloadEnd > l.RequestBytes {
		refuse("PayloadEnd", s.PayloadEnd)
	}
	if most := l.inline(); s.Type == experiment.TypeTransfer && !s.StorageTransfer && s.PayloadLengthBytes > most {
		no = append(no, Refuse("PayloadLengthBytes", s.PayloadLengthBytes, "a function passes at most %d bytes on "+
			"inline (%s); want StorageTransfer", most, l.RequestWords))
	}
	bodies, err := s.Bodies()
	if err != nil { // of a record that was changed by hand; the run says so
		return no
	}
	longest := int64(0)
	for _, b := range bodies {
		if n, err := b.Length(); err == nil { // that a file cannot be read is said where the experiment is loaded
			longest = max(longest, n)
		}
	}
	found := fmt.Sprint("of ", longest, " bytes")
	switch {
	case s.Entry == experiment.EntryAsync && l.AsyncBytes > 0:
		if longest > l.AsyncBytes {
			no = append(no, Refuse("Body", found, "an event of Entry %s may have %d bytes; want Entry %s, which takes "+
				"%d", s.Entry, l.AsyncBytes, experiment.EntrySDK, l.RequestBytes))
		}
	case longest > l.RequestBytes:
		refuse("Body", found)
	}
	return no
}

// memory refuses an amount of memory, in MiB.
func (l Limits) memory(mib int) []Refusal {
	const key = "FunctionMemoryMB"
	switch least, most := l.MemoryMB[0], l.MemoryMB[1]; {
	case most == 0:
	case least == most && mib != most:
		return []Refusal{Refuse(key, mib, "it has %d only", most)}
	case mib < least || mib > most:
		return []Refusal{Refuse(key, mib, "from %d to %d", least, most)}
	case l.MemoryStep > 0 && mib%l.MemoryStep != 0:
		below := mib / l.MemoryStep * l.MemoryStep
		return []Refusal{Refuse(key, mib, "in steps of %d: %d or %d", l.MemoryStep, below, below+l.MemoryStep)}
	}
	return nil
}

// runtime are the limits on runtimes and processors.
func (l Limits) runtime(s *experiment.SubExperiment) (no []Refusal) {
	add := func(key string, found any, why string, args ...any) {
		no = append(no, Refuse(key, found, why, args...))
	}
	rt, _, err := experiment.ResolveRuntime(s.Runtime)
	for _, id := range s.Runtimes() {
		key := "Runtime"
		if len(s.ChainRuntimes) > 0 {
			key = "ChainRuntimes"
		}
		of, _, err := experiment.ResolveRuntime(id)
		// an error is said by validation
		if err == nil && len(l.Languages) > 0 && s.PackageType == "Zip" && !slices.Contains(l.Languages, of.Language) {
			add(key, id, "it takes %s", strings.Join(l.Languages, ", "))
		}
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
