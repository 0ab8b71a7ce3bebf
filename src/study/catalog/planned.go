package catalog

import "stellar/src/experiment"

// planned is the number of functions that a type without a study asks for: of perf-cost one for each memory size, for
// growing packages one for each size; all of that once for each replica.
func planned(s *experiment.SubExperiment) int {
	n := max(s.Parallelism, 1)
	switch s.Type {
	case experiment.TypePerfCost:
		return n * len(s.MemorySizesMB)
	case experiment.TypeOverhead:
		if s.OverheadType == "code" {
			return n * s.CodePackagePoints
		}
	}
	return n
}
