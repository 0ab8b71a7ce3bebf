package experiment

// MaxChain is how many functions a chain has at most, with all functions of a Fan.
const MaxChain = 1000

// ChainFunctions is how many functions a chain of the sub-experiment has: with a Fan over 1, each function but those of
// the last level calls as many of its own. It is over MaxChain where there are more than that.
func (s *SubExperiment) ChainFunctions() int {
	total, level := 1, 1
	for k := 1; k < s.DataTransferChainLength && total <= MaxChain; k++ {
		level *= max(s.Fan, 1)
		total += level
	}
	return total
}

// ChainLevels are the levels of a chain's functions, from 0, in the order of a walk through the tree: a function comes
// before those that it calls.
func (s *SubExperiment) ChainLevels() []int {
	var walk func(level int) []int
	walk = func(level int) []int {
		all := []int{level}
		if level+1 < s.DataTransferChainLength {
			for range max(s.Fan, 1) {
				all = append(all, walk(level+1)...)
			}
		}
		return all
	}
	return walk(0)
}

// RuntimeAt is the runtime of the functions of a level of a chain.
func (s *SubExperiment) RuntimeAt(level int) string {
	if len(s.ChainRuntimes) == 0 {
		return s.Runtime
	}
	return s.ChainRuntimes[level%len(s.ChainRuntimes)]
}

// Runtimes are those of the sub-experiment's functions, each once.
func (s *SubExperiment) Runtimes() (all []string) {
	seen := map[string]bool{}
	for level := range max(s.DataTransferChainLength, 1) {
		if rt := s.RuntimeAt(level); !seen[rt] {
			seen[rt] = true
			all = append(all, rt)
		}
	}
	return all
}

// chain refuses chains that cannot be.
func (c combination) chain() {
	s := c.s
	long := s.DataTransferChainLength > 1
	switch {
	case long && s.Type != TypeTransfer:
		c.refuse([]string{"Type", "DataTransferChainLength"}, "%s has no chain, but DataTransferChainLength is %d; "+
			"want Type data-transfer",
			s.Type, s.DataTransferChainLength)
	case !long && s.Type == TypeTransfer:
		c.refuse([]string{"DataTransferChainLength", "Type"}, "data-transfer wants a DataTransferChainLength >= 2; "+
			"it is 1")
	}
	if s.StorageTransfer && !long {
		c.refuse([]string{"StorageTransfer", "DataTransferChainLength"},
			"StorageTransfer wants a DataTransferChainLength >= 2; it is 1")
	}
	if s.Type != TypeTransfer {
		return
	}
	if n := s.ChainFunctions(); n > MaxChain {
		c.refuse([]string{"Fan", "DataTransferChainLength"}, "a Fan of %d over %d levels makes more than %d "+
			"functions; want fewer", s.Fan, s.DataTransferChainLength, MaxChain)
	}
	if s.Protocol == protocolGRPC && (s.Fan > 1 || len(s.ChainRuntimes) > 0) {
		c.refuse([]string{"Protocol", "Fan", "ChainRuntimes"}, "chains over grpc have a Fan of 1 and one Runtime; "+
			"want Protocol http1")
	}
	if s.Protocol != protocolGRPC && s.Signed() {
		c.refuse([]string{"Entry", "EntryAuth"}, "the functions of a chain call each other by URLs without a "+
			"signature; want Entry http-api")
	}
	if all := s.Runtimes(); !c.still() && (len(all) > 1 || all[0] != s.Runtime) {
		c.refuse([]string{"DesiredServiceTimes", "ChainRuntimes"}, "the functions of a chain get the same increments, "+
			"which last differently in other runtimes; want DesiredServiceTimes [\"0ms\"], or no ChainRuntimes")
	}
}

// protocolGRPC is the value of Protocol for gRPC.
const protocolGRPC = "grpc"

// still reports whether no service time is asked for.
func (c combination) still() bool {
	for _, t := range c.s.DesiredServiceTimes {
		if !zeroTime(t) {
			return false
		}
	}
	return true
}
