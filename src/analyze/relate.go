package analyze

// Baseline gives the index of the run's baseline among its sub-experiments: the first of which more than half of the
// successful rows are warm by the function's own word, else the first with any successful row. It is -1 where none has.
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

// Relate sets MR and TR of every summary: its median and its p99 over the median of the run's baseline. It gives the
// baseline's index, or -1 where no sub-experiment has data and the ratios stay empty.
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
