package analyze

// Baseline returns the index of the run's baseline among its sub-experiments: the first one with more than half of its
// successful rows warm, as the functions report, else the first with any successful row. It is -1 if there is none.
func Baseline(all []Summary) int {
	first := -1
	for i, s := range all {
		if s.Count == 0 {
			continue
		}
		if 2*s.Warm.Count > s.Count {
			return i
		}
		if first < 0 {
			first = i
		}
	}
	return first
}

// Relate sets MR and TR of every summary: its median and its p99 over the median of the run's baseline. It returns the
// baseline's index, or -1 if no sub-experiment has data and the ratios stay empty.
func Relate(all []Summary) int {
	base := Baseline(all)
	if base < 0 {
		return base
	}
	median := all[base].P50
	for i := range all {
		all[i].MR = Ratio(all[i].P50, median)
		all[i].TR = Ratio(all[i].P99, median)
	}
	return base
}
