package pipeline

import (
	"cmp"
	"fmt"
	"strconv"

	"stellar/src/experiment"
	"stellar/src/provider"
	"stellar/src/run"
)

// Functions lists what an experiment needs deployed: one function per selected sub-experiment, replica
// and hop of its chain.
func Functions(exp *experiment.Experiment, subs []int, tokenHash string) ([]*run.Function, error) {
	row, err := provider.Find(exp.ProviderKind())
	if err != nil {
		return nil, err
	}
	var out []*run.Function
	for _, i := range subs {
		s := &exp.SubExperiments[i]
		var rt experiment.Runtime // empty: what stands there does not say
		if s.Runtime != "" {
			if rt, _, err = experiment.ResolveRuntime(s.Runtime); err != nil {
				return nil, err
			}
		}
		for replica := range s.Parallelism {
			for hop := range s.DataTransferChainLength {
				out = append(out, &run.Function{
					Name: functionName(i, replica, hop, s.DataTransferChainLength), Sub: i, Replica: replica, Hop: hop,
					Language: cmp.Or(row.Language, rt.Language), Runtime: rt.ID, Handler: s.Handler, Architecture: s.Architecture,
					PackageType: s.PackageType, Pattern: s.PackagePattern, MemoryMB: s.FunctionMemoryMB,
					TimeoutSeconds: s.FunctionTimeoutSeconds, Platform: s.Platform, ColdPull: s.ColdPull, SnapStart: s.SnapStartEnabled,
					CPUBoost: s.CPUBoostEnabled, Env: environment(s, tokenHash),
				})
			}
		}
	}
	return out, nil
}

// functionName is unique in the run's service.
func functionName(sub, replica, hop, length int) string {
	if length == 1 {
		return fmt.Sprintf("f%d-%d", sub, replica)
	}
	return fmt.Sprintf("f%d-%d-%d", sub, replica, hop)
}

// environment is what a function finds there. Of the run's token it sees only the hash, so that neither serverless.yml
// nor the provider's console lets anybody in.
func environment(s *experiment.SubExperiment, tokenHash string) map[string]string {
	env := map[string]string{"STELLAR_TIMEOUT_SECONDS": strconv.Itoa(s.FunctionTimeoutSeconds)}
	if !s.Public {
		env["STELLAR_TOKEN_SHA256"] = tokenHash
	}
	if s.FillerRead {
		env["STELLAR_FILLER_READ"] = "1"
	}
	return env
}

// Deploys reports whether the run makes functions, or probes what stands.
func (w Config) Deploys(exp *experiment.Experiment) bool {
	row, err := provider.Find(exp.ProviderKind())
	return err == nil && w.Serverless && !row.Standing
}
