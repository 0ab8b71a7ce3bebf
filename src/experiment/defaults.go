package experiment

import (
	"reflect"
	"runtime"
	"slices"
	"strings"
)

// idleSeconds is how long gateways keep an idle connection, about.
const idleSeconds = 55

// sustained says whether a sub-experiment is a steady load rather than bursts.
func (s *SubExperiment) sustained() bool { return s.RatePerSecond > 0 || isTrace(s.Arrivals) }

// bursting says whether a sub-experiment sends bursts: the network types have invocations of their own.
func (s *SubExperiment) bursting() bool {
	return (s.Type == TypeBurst || s.Type == TypeTransfer) && !s.sustained()
}

// fill completes a draft with the defaults of the specification's tables.
func (d *decoder) fill(dr *draft) {
	s, has := &dr.sub, dr.good
	d.setDefaults(d.keys, has, reflect.ValueOf(s).Elem())
	if !has["Platform"] {
		s.Platform = Platform{}
		d.setDefaults(platformKeys(), nil, reflect.ValueOf(&s.Platform).Elem())
	}
	whereAbsent := func(key string, into *string, value string) {
		if !has[key] {
			*into = value
		}
	}
	whereAbsent("Function", &s.Function, map[bool]string{true: "hellopy", false: "measure"}[d.old])
	whereAbsent("Runtime", &s.Runtime, d.exp.Runtime)
	whereAbsent("Type", &s.Type, map[bool]string{true: TypeTransfer, false: TypeBurst}[s.DataTransferChainLength > 1])
	whereAbsent("Connections", &s.Connections, map[bool]string{true: "new", false: "reuse"}[s.IATSeconds > idleSeconds])
	whereAbsent("Protocol", &s.Protocol, map[bool]string{true: "grpc", false: "http1"}[d.exp.Provider == "vhive"])
	whereAbsent("Schedule", &s.Schedule, map[bool]string{true: "open", false: "closed"}[s.sustained()])
	if d.exp.Provider == "local" && (runtime.GOARCH == "amd64" || runtime.GOARCH == "arm64") {
		whereAbsent("Architecture", &s.Architecture, runtime.GOARCH) // the local platform is this machine
	}
	if s.RatePerSecond > 0 {
		whereAbsent("Arrivals", &s.Arrivals, "constant")
	}
	if !has["IATJitterSeconds"] {
		s.IATJitterSeconds = s.IATSeconds / 20
	}
	if !has["TimeoutSeconds"] {
		s.TimeoutSeconds = map[bool]float64{true: 180, false: 900}[s.Protocol == "grpc"]
	}
	if !s.bursting() && dr.given["Bursts"] != nil {
		s.Bursts = 0
		d.note(dr.given["Bursts"].off, dr.given["Bursts"].path, "ignored: %s",
			map[bool]string{true: "RatePerSecond or a trace takes the place of bursts", false: s.Type + " has no bursts"}[s.sustained()])
	}
	d.fillNetwork(dr)
}

// fillNetwork sets the defaults of the keys that belong to the sub-experiment's type and clears those that do not.
func (d *decoder) fillNetwork(dr *draft) {
	s := &dr.sub
	defaults := reflect.ValueOf(networkDefaults(s.Type))
	v, fields := reflect.ValueOf(&s.Network).Elem(), d.fieldsOf(reflect.TypeFor[Network]())
	for _, k := range d.keys {
		if k.types == nil {
			continue
		}
		at := fields[k.name]
		switch own := slices.Contains(k.types, s.Type); {
		case !own && dr.given[k.name] != nil:
			v.FieldByIndex(at).SetZero()
			advice := ""
			if k.name == "Concurrency" {
				advice = "; the requests that one instance serves at once are Platform.Concurrency"
			}
			d.note(dr.given[k.name].off, dr.given[k.name].path, "belongs to %s; ignored for %s%s", strings.Join(k.types, ", "), s.Type, advice)
		case own && !dr.good[k.name]:
			v.FieldByIndex(at).Set(defaults.FieldByIndex(at))
		}
	}
}

// networkDefaults are the defaults of the further keys, by type.
func networkDefaults(kind string) Network {
	switch kind {
	case TypePingPong:
		return Network{Invocations: 50, Repetitions: 1000, Threads: 1, FirstPort: 12000}
	case TypeOverhead:
		return Network{Repetitions: 5, FirstPort: 12000, OverheadType: "code", N: 20, MaxRetries: 10,
			CodePackageBegin: 1048576, CodePackageEnd: 261619712, CodePackagePoints: 20,
			PayloadBegin: 1024, PayloadEnd: 6251000, PayloadPoints: 20}
	case TypeEviction:
		return Network{EvictionSeconds: []float64{1, 10, 30, 60, 120, 300, 600, 900, 1200}, Copies: 1}
	case TypePerfCost:
		return Network{Repetitions: 50, MemorySizesMB: []int{128, 256}, Concurrency: 50}
	}
	return Network{}
}
