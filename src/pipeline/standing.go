package pipeline

import (
	"fmt"
	"io"

	"stellar/src/run"
)

// StandingFunction is a function of a run that was kept, or that did not end well.
type StandingFunction struct {
	Run      string `json:"run"` // its folder
	Status   string `json:"status"`
	Function string `json:"function"`
	Runtime  string `json:"runtime"`
	MemoryMB int    `json:"memoryMB"`
	URL      string `json:"url"`
}

// Standing lists the functions of runs that the index of unfinished runs holds.
func (w World) Standing() ([]StandingFunction, error) {
	dirs, err := run.Unfinished(w.Getenv)
	if err != nil {
		return nil, err
	}
	out := []StandingFunction{}
	for _, dir := range dirs {
		rec, err := run.ReadRecord(dir)
		if err != nil {
			w.Log.Warnf("%v", err)
			continue
		}
		if rec.Status == statusRunning && !run.Live(dir) {
			rec.Status = "died" // `stellar clean` removes what is left of it
		}
		for _, f := range rec.Functions {
			if f.Endpoint != nil {
				out = append(out, StandingFunction{dir, rec.Status, f.Name, f.Runtime, f.MemoryMB, f.Endpoint.URL})
			}
		}
	}
	return out, nil
}

// PrintStanding writes the list as lines.
func PrintStanding(w io.Writer, list []StandingFunction) {
	if len(list) == 0 {
		fmt.Fprintln(w, "no functions stand")
	}
	for _, f := range list {
		fmt.Fprintf(w, "%-8s %-12s %5d MB  %-8s %s  (%s)\n", f.Function, f.Runtime, f.MemoryMB, f.Status, f.URL, f.Run)
	}
}
