// Package study holds the experiment types, one file each: what is sent to a sub-experiment's endpoints, and what is
// written of it.
package study

import (
	"context"
	"crypto/tls"
	"time"

	"stellar/src/fail"
	"stellar/src/probe"
	"stellar/src/probe/schedule"
	"stellar/src/provider"
)

// The names of the experiment types, as experiment files have them.
const (
	TypeBurst        = "burst"
	TypeDataTransfer = "data-transfer"
	TypePingPong     = "network-ping-pong"
	TypeOverhead     = "invocation-overhead"
	TypeEviction     = "eviction"
	TypePerfCost     = "perf-cost"
)

// Study is one experiment type.
type Study interface {
	// Run measures one sub-experiment. Whatever error ends it, the Result says what has been measured and is on disk.
	Run(ctx context.Context, s Settings) (Result, error)
}

// Logger is what a study logs through.
type Logger interface {
	Warnf(format string, args ...any)
}

// Settings is what a study is told of its sub-experiment: the file's keys in the units that are used here.
type Settings struct {
	Index     int                 // of the sub-experiment: its random draws are its own
	Title     string              // for messages
	Endpoints []provider.Endpoint // in the order in which a round visits them; of chains one function after the other, the head first
	Chain     int                 // functions of a chain; 0 and 1: there are no chains
	Dir       string              // the sub-experiment's folder; made if it is not there
	Seed      int64               // of the run
	Token     string              // the run's token; empty: the functions are public
	UserAgent string              // stellar/<version>
	TLS       *tls.Config         // nil: the system's roots

	Load          *Load           // a sustained load in place of bursts; nil: bursts
	Bursts        int             // in all, over all endpoints
	BurstSizes    []int           // cycle, one element a round
	ServiceTimes  []time.Duration // cycle likewise; empty: 0
	Increments    []int64         // spin increments, calibrated or as the file says; cycle likewise; empty: none
	PayloadBytes  int64
	IATType       string
	IAT           time.Duration
	Jitter        time.Duration
	Step          time.Duration
	Schedule      string
	Connections   string
	Protocol      string // http1, h2, h2c or grpc; empty: http1
	Warmup        int    // bursts of each endpoint whose rows are marked
	Timeout       time.Duration
	MaxErrorRatio float64

	Progress func(probe.Progress) // nil: nobody is told
	Log      Logger               // nil: nothing is logged
}

// Load is a sustained load: when its requests leave. With one trace, or none, the endpoints take turns; with as many traces
// as endpoints each endpoint has its own.
type Load struct {
	Arrivals       string        // schedule.Constant, schedule.Poisson or schedule.Traced
	Rate           float64       // per second, over all endpoints; not of a trace
	Length         time.Duration // 0: as long as the trace
	Traces         []schedule.Trace
	Even           bool // the requests of a trace's slot are spread evenly, else at random
	MaxConnections int  // open at once, over all endpoints
}

// Result is what a study measured.
type Result struct {
	File    string // the rows, absolute or as Dir is
	Rows    int    // durable in File
	Outcome probe.Outcome
}

// For returns the study of an experiment type; fail.Unsupported says that this version has none for it.
func For(name string) (Study, error) {
	switch name {
	case TypeBurst, "":
		return Burst{}, nil
	case TypeDataTransfer:
		return DataTransfer{}, nil
	}
	return nil, fail.Unsupported("experiment type %q: this version measures %q and %q only", name, TypeBurst, TypeDataTransfer)
}

// Supported says whether there is a study for an experiment type.
func Supported(name string) bool {
	_, err := For(name)
	return err == nil
}
