// Package study is what the experiment types have in common: the interface of a study, which owns one type from the
// functions that it needs to the summary of its results, and helpers that types share. Each type is a package below
// this one; package catalog lists them.
package study

import (
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/netprobe"
	"github.com/vhive-serverless/STeLLAR/src/objectstore"
	"github.com/vhive-serverless/STeLLAR/src/probe"
	"github.com/vhive-serverless/STeLLAR/src/probe/schedule"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// Study is one experiment type.
type Study interface {
	// Functions lists what is deployed for a sub-experiment. Env has the endpoints in the same order.
	Functions(sub *experiment.SubExperiment) []FunctionSpec
	// Needs lists what the sub-experiment needs of the provider, of this machine and of this version. A need that
	// is not met is refused while the run is planned.
	Needs(sub *experiment.SubExperiment) []Need
	// Run measures one sub-experiment and writes its tables. Whatever error ends it, Env.Measured gets what is on
	// disk, once and before Run returns. Invalid settings are an error of bad input, and nothing is written then.
	Run(ctx context.Context, env Env) error
	// Summarize reads back what Run wrote. It needs nothing but the files of a run's folder, in which dir is the folder
	// of the sub-experiment. One without rows has an empty summary.
	Summarize(dir string) (Summary, error)
}

// Summarizer is a study that summarizes many folders of one run without reading the run's record for each.
type Summarizer interface {
	SummarizeWith(rec *run.Record, dir string) (Summary, error)
}

// Summarize is the study's summary of a sub-experiment of the run whose record was read from the folder above dir.
func Summarize(s Study, rec *run.Record, dir string) (Summary, error) {
	if with, ok := s.(Summarizer); ok {
		return with.SummarizeWith(rec, dir)
	}
	return s.Summarize(dir)
}

// FunctionSpec is a function that a study needs.
type FunctionSpec struct {
	Replica     int               // number among the sub-experiment's functions, or chains, from 0
	Hop         int               // position in its chain, from 0; 0 where there is none
	ChainLength int               // functions of its chain; 1: there is none
	Runtime     string            // empty: the sub-experiment's
	MemoryMB    int               // MiB
	ImageSizeMB float64           // size of its package in MiB; 0: as built
	Env         map[string]string // its environment, beside the variables that all functions have
}

// Settings are what a study measures. They are plain data: in JSON they can be sent to another machine.
type Settings struct {
	Index int                      // of the sub-experiment: its random draws are its own
	Sub   experiment.SubExperiment // the keys of the file
	Seed  int64                    // of the run
	// spin increments, calibrated or as the file says; cycle, one element a round; empty: none
	Increments []int64
	Traces     []schedule.Trace // that Sub.Arrivals names: one for all endpoints in turn, or one for each
	UserAgent  string           // stellar/<version>
	// after which the functions' gateway gives a request up; 0: not known
	AnswerSeconds float64
}

// Endpoint is where a function answers.
type Endpoint struct {
	Function string // its name
	URL      string
	Token    string // sent with every request; empty: the function asks for none
	Event    bool   // an Invoke does not wait for the function
	Invoke   bool   // URL is of the operation Invoke of the Lambda API
	Signed   bool   // requests are signed
	Log      string // file that says more of its failures; empty: there is none
}

// Env is what a study works with.
type Env struct {
	Settings
	Endpoints []Endpoint  // of Functions, in their order
	Dir       string      // the sub-experiment's folder; made where it is missing
	TLS       *tls.Config // nil: the system's roots
	Log       Logger      // nil: nothing is logged

	// Getenv gives the values of variables that the file's requests name; nil: none has one.
	Getenv func(name string) string

	// MakeCold makes functions cold, side by side, and returns when no instance that stood before takes another
	// request, as far as the provider can say; the rows tell whether it is so. nil: the provider cannot
	// (NeedColdStart).
	MakeCold func(ctx context.Context, at ...Endpoint) error

	// Listen gives the listener of one of the ports that the study needs (NeedUDP); nil: none are open.
	Listen func(port int) (*netprobe.Listener, error)

	// Object makes the URLs of an object of the run, which are valid for that long. Its name is unique within the run
	// and has letters, digits and - _ . / only. It sends no request. nil: the run has no object store (NeedStore).
	Object func(name string, valid time.Duration) (objectstore.Object, error)

	// ReadObject gives the content of an object of the run by its name; nil likewise.
	ReadObject func(ctx context.Context, name string) (io.ReadCloser, error)

	// DropObjects deletes objects of the run before its end, when all that is left is deleted; nil likewise.
	DropObjects func(ctx context.Context, names ...string) error

	// Sign signs requests to endpoints that ask for it; nil: none does.
	Sign func(r *http.Request, body []byte, at time.Time) error

	// Probe sends the load; nil: probe.Run.
	Probe func(context.Context, probe.Config) (probe.Outcome, error)
	// Turns decides when rounds of Load's bursts begin, and whether they are sent again; nil: as planned, once.
	Turns probe.Turns
	// Repetitions is how often they are expected to be sent, for Progress; 0 as 1.
	Repetitions int
	// Progress is called after every burst, and after every second of a sustained load; may be nil.
	Progress func(probe.Progress)
	// Measured is called once with what was measured; may be nil.
	Measured func(Result)

	own *requests // of the file, set by Check; nil: those of the measurement function
}

// Logger is what a study logs through. One with a method Debugf also gets what only a log should hold.
type Logger interface {
	Warnf(format string, args ...any)
}

// Result is what a study measured.
type Result struct {
	Rows    int // durable in latencies.csv
	Outcome probe.Outcome
}

// Summary is what the files of a sub-experiment say.
type Summary struct {
	Latencies analyze.Summary // of latencies.csv
}

// seconds converts seconds of the experiment file.
func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
