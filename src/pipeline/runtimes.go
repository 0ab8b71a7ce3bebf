package pipeline

import (
	"fmt"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/study"
)

// noteRuntimes logs and records where a function runs on another version than its runtime names, and where the CPU
// share of its memory makes its service time longer. Each note is made once.
func (p *localPlatform) noteRuntimes(r *run.Run) {
	noted := map[string]bool{}
	note := func(format string, args ...any) {
		text := fmt.Sprintf(format, args...)
		if !noted[text] {
			noted[text] = true
			r.Record.Notes = append(r.Record.Notes, text)
			p.config.Log.Warnf("%s", text)
		}
	}
	for _, f := range r.Functions {
		if text := runtimeNote(p.config.Replaced, f); text != "" {
			note("%s", text)
		}
		s := &r.Experiment.SubExperiments[f.Sub]
		for round := range s.DesiredServiceTimes {
			if want := s.ServiceTime(round); want > 0 && f.MemoryMB < fullCPU && p.cpuLimited {
				takes := (want * fullCPU / time.Duration(f.MemoryMB)).Round(time.Millisecond)
				note("at %d MB a function has %.0f %% of a CPU, as on Lambda: %s of computing takes about %s",
					f.MemoryMB, 100*float64(f.MemoryMB)/fullCPU, want, takes)
			}
		}
	}
}

// fullCPU is the memory in MB that buys one CPU on Lambda.
const fullCPU = 1769

// runtimeNote says in one note that a function's runtime stands for another id in the file, and that it runs on another
// version; empty: neither is so.
func runtimeNote(notes map[string]string, f *run.Function) string {
	replaced, real := notes[f.Runtime], study.RealRuntime(f.Runtime, f.Endpoint)
	switch {
	case real == "":
		return replaced
	case replaced == "":
		return fmt.Sprintf("%s runs on this machine's %s", f.Runtime, real)
	}
	return fmt.Sprintf("%s, and runs on this machine's %s", replaced, real)
}
