// Package sebs reads the configuration files of SeBS, the Serverless Benchmark Suite
// (github.com/spcl/serverless-benchmarks), and translates an experiment of theirs into an experiment file.
package sebs

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// The experiments, by SeBS's names.
const (
	PingPong = "network-ping-pong"
	Overhead = "invocation-overhead"
	Eviction = "eviction-model"
	PerfCost = "perf-cost"
)

// Names are those of all experiments.
func Names() []string { return []string{PingPong, Overhead, Eviction, PerfCost} }

// Deployments are the platforms that a deployment can name.
func Deployments() []string { return []string{"aws", "azure", "gcp", "local"} }

// Translation is an experiment of a configuration in stellar's terms.
type Translation struct {
	Name       string // of the experiment
	Kind       string // of an invocation-overhead: code or payload; else empty
	Types      []string
	Experiment []byte   // the experiment file
	Warnings   []string // what has no counterpart, a sentence each
}

// file is the experiment file that a translation writes.
type file struct {
	Provider       string
	Region         string `json:",omitempty"`
	SubExperiments []sub
}

type sub struct {
	Title, Type  string
	Runtime      string `json:",omitempty"`
	Architecture string `json:",omitempty"`
	PackageType  string `json:",omitempty"`
	ColdStart    string `json:",omitempty"`
	experiment.TypeKeys
}

// Translate reads the text of a configuration and translates the experiment of that name. deployment, where it is not
// empty, is used in place of the file's own. machine is the architecture of this machine, which the local platform has.
// Its errors are all of bad input.
func Translate(name, path string, text []byte, deployment, machine string) (*Translation, error) {
	r := &reader{file: path}
	top, err := r.parse(text)
	if err != nil {
		return nil, err
	}
	experiments, deployed := top.child("experiments"), top.child("deployment")
	if experiments.members == nil {
		r.problem("experiments", "missing; want an object with the settings of %s", name)
	}
	t := &Translation{Name: name}
	s := sub{Title: name}
	f := file{}
	f.Provider, f.Region = provider(deployed, deployment)
	settings := experiments.child(name)
	if experiments.members != nil && settings.members == nil {
		r.problem("experiments."+name, "missing; want an object with the settings of the experiment")
	}
	t.translate(settings, &s)
	platform(experiments, &s, f.Provider, machine)
	experiments.skip(append(Names(), "type")...) // the other experiments, and the name of one
	for _, section := range []*section{settings, experiments, top} {
		section.rest()
	}
	if err := r.err(); err != nil {
		return nil, err
	}
	f.SubExperiments = []sub{s}
	if t.Experiment, err = json.MarshalIndent(f, "", "  "); err != nil {
		return nil, fmt.Errorf("write the translated experiment: %w", err)
	}
	t.Experiment, t.Warnings = append(t.Experiment, '\n'), r.warnings
	return t, nil
}

// provider is the provider of a deployment, and the region where the file names one.
func provider(s *section, asked string) (name, region string) {
	chosen := s.text("name")
	if asked != "" {
		chosen = asked
	}
	names := map[string]string{"aws": "aws", "azure": "azure", "gcp": "google", "local": "local"}
	name, ok := names[chosen]
	switch {
	case chosen == "":
		s.r.problem(s.at("name"), "missing; want one of %s, or --deployment", strings.Join(Deployments(), ", "))
	case !ok:
		s.r.problem(s.at("name"), "found %q; want one of %s, or --deployment", chosen,
			strings.Join(Deployments(), ", "))
	}
	cloud := s.child(chosen)
	region = cloud.text("region")
	if name == "local" {
		region = ""
	}
	cloud.rest()
	return name, region
}

// platform takes runtime, architecture and package type.
func platform(s *section, out *sub, provider, machine string) {
	runtime := s.child("runtime")
	language, version := runtime.text("language"), runtime.text("version")
	runtime.rest()
	if out.Runtime = language + version; language != "" {
		rt, _, err := experiment.ResolveRuntime(out.Runtime)
		if err != nil {
			s.r.problem(runtime.path, "found %q %q; %w", language, version, err)
		}
		if out.Exchange == experiment.ExchangeUDP && rt.Language != "python" && rt.Language != "go" {
			out.Exchange = experiment.ExchangeHTTP
			s.r.warn(runtime.at("language"), "functions in %s do not exchange datagrams: Exchange http is used",
				language)
		}
	}
	out.Architecture = map[string]string{"x64": "amd64", "arm64": "arm64"}[s.text("architecture", "x64", "arm64")]
	if provider == "local" && out.Architecture != "" && out.Architecture != machine {
		s.r.warn(s.at("architecture"), "the local platform runs functions on this machine's processor, %s", machine)
		out.Architecture = machine
	}
	variants := map[string]string{"package": "Zip", "default": "Zip", "container": "Image"}
	out.PackageType = variants[s.text("system_variant", "package", "default", "container")]
}

// translate takes the settings of the experiment.
func (t *Translation) translate(s *section, out *sub) {
	k := &out.TypeKeys
	k.Repetitions = int(s.whole(1, "repetitions"))
	switch t.Name {
	case PingPong:
		out.Type, k.Exchange = experiment.TypePingPong, experiment.ExchangeUDP
		k.Invocations, k.Threads = int(s.whole(1, "invocations")), int(s.whole(1, "threads"))
	case Overhead:
		out.Type, k.Exchange = experiment.TypeOverhead, experiment.ExchangeUDP
		t.overhead(s, k)
	case Eviction:
		out.Type = experiment.TypeEviction
		k.Copies = int(s.whole(1, "invocations"))
		if seconds := s.whole(1, "sleep"); seconds > 0 {
			k.EvictionSeconds = []float64{float64(seconds)}
		}
		for _, key := range []string{"function_copy_idx", "client-port"} {
			if _, ok := s.has(key); ok {
				s.r.warn(s.at(key), "is ignored: every copy of the functions is measured, and instances name "+
					"themselves in their answers")
			}
		}
	case PerfCost:
		out.Type, out.ColdStart = experiment.TypePerfCost, experiment.ColdForce
		t.perfCost(s, k)
	}
}

func (t *Translation) overhead(s *section, k *experiment.TypeKeys) {
	t.Kind = s.text("type", experiment.OverheadCode, experiment.OverheadPayload)
	if t.Kind == "" {
		t.Kind = experiment.OverheadCode
		if _, payload := s.members["payload_begin"]; payload && s.members["code_begin"] == nil &&
			s.members["code_package_begin"] == nil {
			t.Kind = experiment.OverheadPayload
		}
	}
	k.OverheadType, k.N = t.Kind, int(s.whole(1, "N"))
	k.CodePackageBegin = s.whole(1, "code_package_begin", "code_begin")
	k.CodePackageEnd = s.whole(1, "code_package_end", "code_end")
	k.CodePackagePoints = int(s.whole(1, "code_package_points", "code_points"))
	k.PayloadBegin, k.PayloadEnd = s.whole(1, "payload_begin"), s.whole(1, "payload_end")
	k.PayloadPoints = int(s.whole(1, "payload_points"))
	if t.Kind == experiment.OverheadPayload { // a configuration has the sizes of both kinds
		k.CodePackageBegin, k.CodePackageEnd, k.CodePackagePoints = 0, 0, 0
	} else {
		k.PayloadBegin, k.PayloadEnd, k.PayloadPoints = 0, 0, 0
	}
}

// perfTypes are SeBS's types of invocations.
func perfTypes() []string { return []string{"cold", "warm", "burst", "sequential"} }

func (t *Translation) perfCost(s *section, k *experiment.TypeKeys) {
	k.Concurrency = int(s.whole(1, "concurrent-invocations"))
	for _, mb := range s.wholes("memory-sizes") {
		k.MemorySizesMB = append(k.MemorySizesMB, int(mb))
	}
	t.Types = s.words("experiments", perfTypes()...)
	if n := len(t.Types); n > 0 && n < len(perfTypes()) {
		s.r.warn(s.at("experiments"), "all of %s are measured; result.csv has those that are asked for",
			strings.Join(perfTypes(), ", "))
	}
	if name := s.text("benchmark"); name != "" {
		s.r.warn(s.at("benchmark"), "the benchmarks of SeBS are not part of stellar: its measurement function is "+
			"deployed in place of %s", name)
	}
}

// CheckName refuses a name that is none of an experiment.
func CheckName(name string) error {
	for _, n := range Names() {
		if n == name {
			return nil
		}
	}
	return fail.Input("there is no experiment %q of SeBS here; want one of %s%s", name, strings.Join(Names(), ", "),
		fail.DidYouMean(name, Names()))
}
