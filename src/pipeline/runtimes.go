package pipeline

import (
	"fmt"
	"time"

	"stellar/src/run"
	"stellar/src/study"
)

// tellRuntimes says where a function runs on another version than the one that was asked for, and where the CPU share of
// its memory makes its service time longer.
func (p *localPlatform) tellRuntimes(r *run.Run) {
	told := map[string]bool{}
	tell := func(format string, args ...any) {
		text := fmt.Sprintf(format, args...)
		if !told[text] {
			told[text] = true
			r.Record.Notes = append(r.Record.Notes, text)
			p.config.Log.Warnf("%s", text)
		}
	}
	for _, f := range r.Functions {
		if real := study.RealRuntime(f.Runtime, f.Endpoint); real != "" {
			tell("%s runs on this machine's %s", f.Runtime, real)
		}
		s := &r.Experiment.SubExperiments[f.Sub]
		for round := range s.DesiredServiceTimes {
			if want := s.ServiceTime(round); want > 0 && f.MemoryMB < fullCPU && p.cpuLimited {
				tell("at %d MB a function has %.0f %% of a CPU, as on Lambda: %s of computing takes about %s", f.MemoryMB,
					100*float64(f.MemoryMB)/fullCPU, want, (want * fullCPU / time.Duration(f.MemoryMB)).Round(time.Millisecond))
			}
		}
	}
}

// fullCPU is the memory in MB that buys one CPU on Lambda.
const fullCPU = 1769
