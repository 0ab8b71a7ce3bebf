package experiment

// Values of Optimize.
const (
	OptimizeCost     = "cost"
	OptimizeSpeed    = "speed"
	OptimizeBalanced = "balanced"
)

// OptimizedKey is the key from whose sweep Optimize chooses.
const OptimizedKey = "FunctionMemoryMB"

// usualWeight is the default of BalancedWeight: cost and time count the same.
const usualWeight = 0.5

// checkOptimize refuses a recommendation that has nothing to choose from: it needs sub-experiments of two or more
// memory sizes. That is checked over the whole file: its effective form has sub-experiments in place of a sweep.
func (d *decoder) checkOptimize() {
	sizes := map[int]bool{}
	var first *combination
	for i, dr := range d.drafts {
		s := &d.exp.SubExperiments[i]
		if s.Optimize == "" {
			continue
		}
		sizes[s.FunctionMemoryMB] = true
		if first == nil {
			first = &combination{d, dr, s}
		}
	}
	if first != nil && len(sizes) == 1 {
		first.refuse([]string{"Optimize", "FunctionMemoryMB"}, "there is one memory size, %d MB, and nothing to "+
			`choose; want a Sweep such as {"FunctionMemoryMB": [128, 256, 512]}`, first.s.FunctionMemoryMB)
	}
}
