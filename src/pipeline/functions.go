package pipeline

import (
	"cmp"
	"fmt"
	"maps"
	"strconv"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/provider/vendors"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/study"
	"github.com/vhive-serverless/STeLLAR/src/study/catalog"
)

// Functions lists what an experiment needs deployed: the functions that the studies of the selected sub-experiments ask
// for.
func Functions(exp *experiment.Experiment, subs []int, tokenHash string) ([]*run.Function, error) {
	row, err := vendors.Find(exp.ProviderKind())
	if err != nil {
		return nil, err
	}
	var out []*run.Function
	for _, i := range subs {
		s := &exp.SubExperiments[i]
		var rt experiment.Runtime // empty: the runtime of functions that are deployed already is not known
		if s.Runtime != "" {
			if rt, _, err = experiment.ResolveRuntime(s.Runtime); err != nil {
				return nil, err
			}
		}
		for _, spec := range catalog.Functions(s) {
			rt := rt
			if spec.Runtime != "" {
				if rt, _, err = experiment.ResolveRuntime(spec.Runtime); err != nil {
					return nil, err
				}
			}
			out = append(out, &run.Function{
				Existing: existingName(s), Name: functionName(i, spec), Sub: i, Replica: spec.Replica, Hop: spec.Hop,
				Language: cmp.Or(row.Language, rt.Language), Runtime: rt.ID, Handler: s.Handler,
				Architecture: s.Architecture,
				PackageType:  s.PackageType, Pattern: s.PackagePattern, ImageSizeMB: spec.ImageSizeMB,
				MemoryMB:       spec.MemoryMB,
				TimeoutSeconds: s.FunctionTimeoutSeconds, Platform: s.Platform, ColdPull: s.ColdPull,
				SnapStart: s.SnapStartEnabled,
				Entry:     s.Entry, EntryAuth: s.EntryAuth, InvokeMode: s.InvokeMode,
				Method: s.RequestMethod(), PathsBelow: s.PathBelow() != "",
				CPUBoost: s.CPUBoostEnabled, Env: environment(s, spec, tokenHash),
			})
		}
	}
	return out, nil
}

// existingName is how a sub-experiment names its function where that exists already, else empty.
func existingName(s *experiment.SubExperiment) string {
	if experiment.IsExisting(s.Function) {
		return s.Function
	}
	return ""
}

// functionName is unique in the run's service.
func functionName(sub int, spec study.FunctionSpec) string {
	if spec.ChainLength == 1 {
		return fmt.Sprintf("f%d-%d", sub, spec.Replica)
	}
	return fmt.Sprintf("f%d-%d-%d", sub, spec.Replica, spec.Hop)
}

// environment is a function's environment: the study's variables and those of all functions. Of the run's token it has
// only the hash, so that neither serverless.yml nor the provider's console shows it.
func environment(s *experiment.SubExperiment, spec study.FunctionSpec, tokenHash string) map[string]string {
	if experiment.IsExisting(s.Function) {
		return maps.Clone(s.Environment) // what is changed of its own
	}
	env := map[string]string{"STELLAR_TIMEOUT_SECONDS": strconv.Itoa(s.FunctionTimeoutSeconds)}
	if !s.Public {
		env["STELLAR_TOKEN_SHA256"] = tokenHash
	}
	if s.Entry != experiment.EntryHTTP {
		env[provider.EntryVariable] = s.Entry
	}
	maps.Copy(env, spec.Env)
	return env
}

// onThisMachine reports whether functions of a kind of provider run on this machine, on the local platform.
func onThisMachine(kind string) bool {
	row, err := vendors.Find(kind)
	return err == nil && row.Local
}

// Deploys reports whether the run deploys functions, rather than probing functions that are deployed already.
func (c Config) Deploys(exp *experiment.Experiment) bool {
	row, err := vendors.Find(exp.ProviderKind())
	return err == nil && c.Serverless && !row.Standing
}
