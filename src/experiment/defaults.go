package experiment

import (
	"cmp"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
)

// idleSeconds is how long gateways keep an idle connection, about.
const idleSeconds = 55

// maxConnections is how many connections a sustained load opens at most where the file says nothing.
const maxConnections = 1000

// Sustained says whether a sub-experiment is a steady load rather than bursts.
func (s *SubExperiment) Sustained() bool { return s.RatePerSecond > 0 || isTrace(s.Arrivals) }

// bursting says whether a sub-experiment sends bursts: some types have invocations of their own.
func (s *SubExperiment) bursting() bool {
	return subTypeOf(s.Type).bursts && !s.Sustained()
}

// Pauses reports whether the sub-experiment sends more than one round of bursts, so that instances can end between
// them.
func (s *SubExperiment) Pauses() bool { return s.bursting() && s.Rounds() > 1 }

// coldWord is the word cold in a title; compiled once, never changed.
var coldWord = regexp.MustCompile(`(?i)(^|[^a-z])cold([^a-z]|$)`)

// NamedCold reports whether the title says that cold starts are measured.
func (s *SubExperiment) NamedCold() bool { return coldWord.MatchString(s.Title) }

// PlatformSet names the keys of Platform that have another value than their default. What the provider decides has
// none.
func (s *SubExperiment) PlatformSet() (keys []string) {
	v, fields := reflect.ValueOf(s.Platform), fieldsByKey(reflect.TypeFor[Platform]())
	for _, k := range platformKeys() {
		if k.def != nil && v.FieldByIndex(fields[k.name]).Interface() != k.def {
			keys = append(keys, k.name)
		}
	}
	return keys
}

// fill completes a draft with the defaults of the specification's tables.
func (d *decoder) fill(dr *draft) {
	s, has := &dr.sub, dr.good
	d.setDefaults(d.keys, has, reflect.ValueOf(s).Elem())
	if !has["Platform"] {
		s.Platform = Platform{}
		d.setDefaults(platformKeys(), nil, reflect.ValueOf(&s.Platform).Elem())
	}
	provider := d.provider()
	s.Platform.ImageContract = cmp.Or(s.Platform.ImageContract, provider.ImageContract, defaultImageContract)
	whereAbsent := func(key string, into *string, value string) {
		if !has[key] {
			*into = value
		}
	}
	whereAbsent("Function", &s.Function, map[bool]string{true: "hellopy", false: "measure"}[d.old])
	whereAbsent("Runtime", &s.Runtime, d.exp.Runtime)
	d.findRuntime(dr)
	whereAbsent("Type", &s.Type, map[bool]string{true: TypeTransfer, false: TypeBurst}[s.DataTransferChainLength > 1])
	whereAbsent("Protocol", &s.Protocol, cmp.Or(provider.Protocol, defaultProtocol))
	d.fillSustained(dr)
	whereAbsent("Connections", &s.Connections, s.usualConnections())
	whereAbsent("Schedule", &s.Schedule, map[bool]string{true: "open", false: "closed"}[s.Sustained()])
	if provider.Local {
		whereAbsent("Architecture", &s.Architecture, cmp.Or(thisMachine(), s.Architecture))
	}
	d.fillExisting(dr)
	if !has["ProviderReport"] {
		s.ProviderReport = s.Type == TypePerfCost || s.Optimize != "" || s.Entry == EntryAsync
	}
	if !has["IATJitterSeconds"] {
		s.IATJitterSeconds = s.IATSeconds / 20
	}
	if s.Optimize == OptimizeBalanced && !has["BalancedWeight"] {
		s.BalancedWeight = usualWeight
	}
	if !has["TimeoutSeconds"] {
		s.TimeoutSeconds = map[bool]float64{true: 180, false: 900}[s.Protocol == "grpc"]
		if d.exp.ProviderKind() == KindURL && noServiceTime(s.DesiredServiceTimes) {
			s.TimeoutSeconds = 30 // a server is not a function, which may compute for minutes
		}
	}
	if !s.bursting() && dr.given["Bursts"] != nil {
		s.Bursts = 0
		d.note(dr.given["Bursts"].off, dr.given["Bursts"].path, "ignored: %s",
			map[bool]string{
				true:  "RatePerSecond or a trace takes the place of bursts",
				false: s.Type + " has no bursts",
			}[s.Sustained()])
	}
	d.fillTypeKeys(dr)
	d.clearUnknown(dr)
}

// findRuntime takes the runtime that a function's folder shows where the file names none.
func (d *decoder) findRuntime(dr *draft) {
	n := dr.given["Function"]
	if dr.given["Runtime"] != nil || d.runtime || d.runtimeOf == nil || n == nil || d.standing ||
		d.provider().Standing {
		return
	}
	id, by := d.runtimeOf(dr.sub.Function)
	if id == "" {
		return
	}
	dr.sub.Runtime = id
	d.note(n.off, n.path, "no Runtime is named: %s, which %s shows", id, by)
}

// clearUnknown clears what the file does not say of functions that are deployed already: a default would be reported
// as if it were known. Of a URL's functions nothing is known, of those of an endpoints file the code and its runtime
// are not. Increments for a service time depend on both: where one is asked for, the defaults are assumed.
func (d *decoder) clearUnknown(dr *draft) {
	s, has := &dr.sub, dr.good
	clear := func(key string, into *string) {
		if !has[key] {
			*into = ""
		}
	}
	url := d.exp.ProviderKind() == KindURL
	if !url && (!d.standing || slices.ContainsFunc(s.DesiredServiceTimes,
		func(t string) bool { return !zeroTime(t) })) {
		return
	}
	clear("Function", &s.Function)
	if !d.runtime {
		clear("Runtime", &s.Runtime)
	}
	if !url {
		return
	}
	clear("PackageType", &s.PackageType)
	clear("Architecture", &s.Architecture)
	if !has["FunctionMemoryMB"] {
		s.FunctionMemoryMB = 0
	}
}

// zeroTime reports whether a service time is none.
func zeroTime(text string) bool {
	t, err := time.ParseDuration(text)
	return err == nil && t == 0
}

// fillSustained sets the defaults of the keys of a sustained load.
func (d *decoder) fillSustained(dr *draft) {
	s, has := &dr.sub, dr.good
	if isTrace(s.Arrivals) && s.RatePerSecond > 0 {
		s.RatePerSecond = 0
		d.note(dr.given["RatePerSecond"].off, dr.given["RatePerSecond"].path,
			"ignored: the trace says how many requests there are")
	}
	if s.RatePerSecond > 0 && !has["Arrivals"] {
		s.Arrivals = "constant"
	}
	if isTrace(s.Arrivals) && !has["TraceSpacing"] {
		s.TraceSpacing = "random"
	}
	if s.Sustained() && !has["MaxConnections"] {
		s.MaxConnections = maxConnections
	}
}

// apart is the time between two requests, or bursts, to one endpoint, in seconds; of a trace it is not known.
func (s *SubExperiment) apart() float64 {
	switch {
	case s.RatePerSecond > 0:
		return float64(max(s.Parallelism, 1)) / s.RatePerSecond
	case s.Sustained():
		return 0
	}
	return s.IATSeconds
}

// usualConnections is the default of Connections: connections are kept, and shared where the protocol can, unless they
// would lie idle for so long that gateways drop them, or the type measures the connection, too.
func (s *SubExperiment) usualConnections() string {
	switch {
	case s.apart() > idleSeconds, s.Type == TypeEviction, s.Type == TypePerfCost:
		return "new"
	case s.Protocol == "http1":
		return "reuse"
	}
	return "shared"
}

// fillTypeKeys sets the defaults of the keys that belong to the sub-experiment's type and clears those that do not.
func (d *decoder) fillTypeKeys(dr *draft) {
	s := &dr.sub
	defaults := reflect.ValueOf(subTypeOf(s.Type).defaults)
	v, fields := reflect.ValueOf(&s.TypeKeys).Elem(), d.fieldsOf(reflect.TypeFor[TypeKeys]())
	for _, k := range d.keys {
		if k.types == nil {
			continue
		}
		at := fields[k.name]
		switch own := k.belongs(s); {
		case !own && dr.given[k.name] != nil:
			v.FieldByIndex(at).SetZero()
			advice := ""
			switch {
			case k.name == "Concurrency":
				advice = "; the requests that one instance serves at once are Platform.Concurrency"
			case k.forced:
				advice = " without ColdStart force"
			}
			d.note(dr.given[k.name].off, dr.given[k.name].path, "belongs to %s; ignored for %s%s",
				strings.Join(k.types, ", "), s.Type, advice)
		case own && !dr.good[k.name]:
			v.FieldByIndex(at).Set(defaults.FieldByIndex(at))
		}
	}
}
