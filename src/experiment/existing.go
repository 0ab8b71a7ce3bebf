package experiment

import (
	"slices"
	"strings"
)

// IsExisting reports whether Function names a function that exists in an account, by its ARN or as a resource of a
// stack, rather than code.
func IsExisting(function string) bool {
	return strings.HasPrefix(function, "arn:") || strings.HasPrefix(function, "stack:")
}

// Changes reports whether the sub-experiment changes the configuration of its existing function.
func (s *SubExperiment) Changes() bool {
	return s.FunctionMemoryMB > 0 || s.FunctionTimeoutSeconds > 0 || len(s.Environment) > 0 || s.ColdStart == ColdForce
}

// fillExisting sets what is different for a function that exists: it is called by Invoke, and what the file does not
// say of it is not known, or stays as it is.
func (d *decoder) fillExisting(dr *draft) {
	s, has := &dr.sub, dr.good
	if !IsExisting(s.Function) {
		return
	}
	for key, into := range map[string]*string{"Runtime": &s.Runtime, "PackageType": &s.PackageType,
		"Architecture": &s.Architecture} {
		if !has[key] {
			*into = ""
		}
	}
	for key, into := range map[string]*int{"FunctionMemoryMB": &s.FunctionMemoryMB,
		"FunctionTimeoutSeconds": &s.FunctionTimeoutSeconds} {
		if !has[key] {
			*into = 0
		}
	}
	if !has["Entry"] {
		s.Entry = EntrySDK
	}
}

// madeKeys are the keys about code, packages and deployments that have another value than the default.
func (s *SubExperiment) madeKeys() (keys []string) {
	for _, k := range []struct {
		name string
		set  bool
	}{
		{"Handler", s.Handler != ""}, {"Runtime", s.Runtime != ""}, {"PackageType", s.PackageType != ""},
		{"PackagePattern", s.PackagePattern != "**"}, {"FunctionImageSizeMB", s.FunctionImageSizeMB != 0},
		{"Architecture", s.Architecture != ""}, {"FillerPlacement", s.FillerPlacement != "back"},
		{"FillerRead", s.FillerRead}, {"BaseImage", s.BaseImage != ""}, {"ColdPull", s.ColdPull},
		{"SnapStartEnabled", s.SnapStartEnabled}, {"CPUBoostEnabled", s.CPUBoostEnabled},
	} {
		if k.set {
			keys = append(keys, k.name)
		}
	}
	return keys
}

// existing refuses what a function that exists cannot be made to do.
func (c combination) existing() {
	s := c.s
	if !IsExisting(s.Function) {
		return
	}
	for _, key := range s.madeKeys() {
		c.refuse([]string{key, "Function"}, "the function exists: of it only FunctionMemoryMB, FunctionTimeoutSeconds "+
			"and Environment can be changed; leave %s out", key)
	}
	if !slices.Contains([]string{TypeBurst, TypeEviction}, s.Type) {
		c.refuse([]string{"Type", "Function"}, "%s deploys functions of its own; want %s or %s for one that exists, "+
			"with a Sweep over FunctionMemoryMB for several memory sizes", s.Type, TypeBurst, TypeEviction)
	}
	if s.Parallelism > 1 {
		c.refuse([]string{"Parallelism", "Function"}, "there is one such function; want Parallelism 1, and BurstSizes "+
			"for several requests at once")
	}
	if s.HTTPEntry() {
		c.refuse([]string{"Entry", "Function"}, "a function that exists is called by %s, %s, or %s if it has a "+
			`function URL; behind an HTTP API it is measured at its address: "Provider": "https://…"`, EntrySDK,
			EntryAsync, EntryURL)
	}
	if len(s.BusySpinIncrements) == 0 && !allZero(s.DesiredServiceTimes) {
		c.refuse([]string{"DesiredServiceTimes", "Function"}, "what the function does is not known; want no service "+
			"time, or BusySpinIncrements where it is the measurement function")
	}
}

func allZero(times []string) bool {
	return !slices.ContainsFunc(times, func(t string) bool { return !zeroTime(t) })
}
