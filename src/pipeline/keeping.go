package pipeline

import (
	"sync"

	"github.com/vhive-serverless/STeLLAR/src/run"
)

// unfinished enters a result for each sub-experiment that has not ended yet, and returns their places in r.Results.
func unfinished(r *run.Run, subs []int) (place map[int]int) {
	place = map[int]int{}
	for at, sub := range subs {
		r.Results[at], place[sub] = run.Result{Sub: sub, Dir: Folder(r, sub), Stopped: run.ErrUnfinished}, at
	}
	return place
}

// keeper returns the function that enters results and writes the run's record, so that a run that dies keeps what was
// complete.
func (s probeStage) keeper(r *run.Run, place map[int]int, mu *sync.Mutex) func(...run.Result) {
	return func(results ...run.Result) {
		mu.Lock()
		defer mu.Unlock()
		for _, res := range results {
			r.Results[place[res.Sub]] = res
			if res.Note != "" {
				r.Record.Notes = append(r.Record.Notes, r.Experiment.SubExperiments[res.Sub].Title+": "+res.Note)
			}
		}
		if err := r.WriteResults(); err != nil {
			s.Log.Warnf("%v", err)
		}
	}
}
