package pipeline

import (
	"context"
	"net/netip"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/machine"
	"github.com/vhive-serverless/STeLLAR/src/probe"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/shell"
)

// Config is what the work on a run takes from its process and from the user.
type Config struct {
	run.Deps
	Options
	Executable string       // this binary: the local platform is a child process of it
	Runner     shell.Runner // how other programs are run; nil: shell.Run
	Observer   Observer
	Replaced   map[string]string // as experiment.Loaded has it: notes on runtimes
	Fresh      Freshness         // when tags of functions in use are renewed; zero: the defaults
	Patience   provider.Patience // with vendors' CLIs; zero: the defaults
	// Route is the address that packets to a host, or to the Internet, leave from; nil: netprobe.Route
	Route func(ctx context.Context, host string) (netip.Addr, error)
}

// Options are what the command line says beside the experiment file.
type Options struct {
	Output     string // folder that runs go to
	Endpoints  string // endpoints file or folder
	Serverless bool   // deploy; false: probe functions that exist
	Only       int    // index of the one sub-experiment to run, -1 for all
	Keep       bool   // keep the functions deployed
	Rebuild    bool   // build anew, and replace what the cache has
	AWSAccount string // account that must be the one in use
	Prices     string // file of prices; empty: those that come with stellar
	Draw       Drawn
	// MaxDuration is after how long probing ends; what was measured by then is kept. 0: it takes as long as it takes.
	MaxDuration time.Duration
	// ClientCores are those that the client runs on while it measures, and that the run's own local platform and
	// object store do not run on; nil: all share all.
	ClientCores machine.Cores
}

// Observer receives how far a run is.
type Observer interface {
	StageStart(name string)
	StageEnd(name string, took time.Duration, err error)
	Burst(p Progress)
}

// Progress is how far a sub-experiment is.
type Progress struct {
	Sub        int // index of the sub-experiment
	Title      string
	Done       int // bursts done; seconds of a sustained load
	Of         int // bursts in all
	Requests   int
	Errors     int           // failed requests so far
	Left       time.Duration // planned
	Median     time.Duration // of the latencies so far, about; 0: not known
	Rate       float64       // requests a second of a sustained load; 0: bursts
	Waiting    *probe.Waiting
	Place      int           // among the sub-experiments that the run probes, from 0
	Places     int           // how many those are
	RunBursts  int           // bursts of all of them
	Afterwards time.Duration // planned for sub-experiments that wait for this one
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
