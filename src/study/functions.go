package study

import (
	"maps"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
)

// Replicas are n functions as the sub-experiment's keys describe them, all alike.
func Replicas(sub *experiment.SubExperiment, n int) []FunctionSpec { return Chains(sub, n, 1) }

// Chains are the functions of n chains, one chain after the other, each from its head to its last function.
func Chains(sub *experiment.SubExperiment, n, length int) []FunctionSpec {
	out := make([]FunctionSpec, 0, n*length)
	levels := []int{0}
	if length > 1 {
		levels = sub.ChainLevels()
	}
	for replica := range n {
		for hop := range length {
			f := FunctionSpec{Replica: replica, Hop: hop, ChainLength: length, MemoryMB: sub.FunctionMemoryMB,
				ImageSizeMB: sub.FunctionImageSizeMB, Env: maps.Clone(sub.Environment)}
			if len(sub.ChainRuntimes) > 0 {
				f.Runtime = sub.RuntimeAt(levels[hop])
			}
			if f.Env == nil {
				f.Env = map[string]string{}
			}
			if sub.FillerRead {
				f.Env["STELLAR_FILLER_READ"] = "1"
			}
			out = append(out, f)
		}
	}
	return out
}
