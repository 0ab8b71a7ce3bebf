package pipeline

import (
	"time"

	"stellar/src/experiment"
	"stellar/src/provider"
	"stellar/src/run"
	"stellar/src/shell"
)

// Config is what runs are made in, and how the user wants them.
type Config struct {
	run.Deps
	Options
	Executable string       // this binary: the local platform is a child process of it
	Runner     shell.Runner // how other programs are run; nil: shell.Run
	Observer   Observer
	Fresh      Freshness         // of tags while functions are used; its zero value has the defaults
	Patience   provider.Patience // with vendors' CLIs; its zero value has the defaults
}

// Options are what the command line says beside the experiment file.
type Options struct {
	Output     string // folder that runs go to
	Endpoints  string // endpoints file or folder
	Serverless bool   // deploy; false: probe what stands
	Only       int    // index of the one sub-experiment to run, -1 for all
	Keep       bool   // leave the functions up
	Rebuild    bool   // take no build from the cache, and replace what lies there
	AWSAccount string // account that must be the one in use
}

// Observer sees a run go by.
type Observer interface {
	StageStart(name string)
	StageEnd(name string, took time.Duration, err error)
	Burst(b Burst)
}

// Burst is how far a sub-experiment is.
type Burst struct {
	Sub    int // index of the sub-experiment
	Title  string
	Done   int           // bursts done
	Of     int           // bursts in all
	Errors int           // failed requests so far
	Left   time.Duration // planned
}

// Subs are the indices of the sub-experiments that the options select.
func (o Options) Subs(e *experiment.Experiment) []int {
	if o.Only >= 0 {
		return []int{o.Only}
	}
	all := make([]int, len(e.SubExperiments))
	for i := range all {
		all[i] = i
	}
	return all
}
