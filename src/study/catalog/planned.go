package catalog

import "stellar/src/experiment"

// planned is the number of functions that a type without a study asks for: for growing packages one for each size, once
// for each replica.
func planned(s *experiment.SubExperiment) int {
	n := max(s.Parallelism, 1)
	if s.Type == experiment.TypeOverhead && s.OverheadType == "code" {
		return n * s.CodePackagePoints
	}
	return n
}
