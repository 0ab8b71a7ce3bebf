package probe

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/probe/schedule"
	"github.com/vhive-serverless/STeLLAR/src/probe/selfwatch"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// How connections are used.
const (
	New    = "new"    // every request opens its own, within its latency
	Reuse  = "reuse"  // one warmed connection per slot and target is kept from burst to burst
	Shared = "shared" // HTTP/2: warmed connections carry up to 200 requests at once each
)

// The two schedules.
const (
	Closed = "closed" // the IAT starts when the burst's last response is in
	Open   = "open"   // bursts leave at instants planned beforehand, whatever the responses do
)

// Client says how requests are sent; its zero value has the defaults.
type Client struct {
	UserAgent string        // default stellar; the tool sends stellar/<version>
	Timeout   time.Duration // per request, from slot opened to last byte; default 900 s
	MaxBody   int64         // a longer response body is too-large; default 8 MiB
	KeepBody  int64         // bytes of a response body that Answer and Once get; default 1 MiB
	// ChunkBytes makes the probe stamp the chunks of a streamed response, parts of its body of so many bytes, and read
	// what the function reports in the body's first line; 0: it does not. Chunks is how many are expected.
	ChunkBytes int64
	Chunks     int
	TLS        *tls.Config // base of every TLS configuration; nil: the system's roots

	// Lookup resolves a host name; nil: the system's resolver.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
}

// Target is an endpoint to probe.
type Target struct {
	Name   string      // the row's Endpoint; empty: the URL's path
	URL    string      // http or https; its own query is sent before the parameters
	Header http.Header // sent with every request, e.g. X-Stellar-Token
	Query  url.Values  // parameters of every request to this target, beside those of the round
	// Invoke says that the URL is the operation Invoke of the Lambda API: a request is a POST whose body is the
	// function's event, with the parameters and Header as its members, and the answer is what the function returned.
	Invoke bool
	// Sign adds the header fields of a signature to a request. It is called for each burst shortly before it leaves,
	// and every two minutes of a sustained load; nil: requests are not signed.
	Sign func(r *http.Request, body []byte, at time.Time) error
	// Log is the file in which more is said of this target's failures; empty: there is none.
	Log string
}

// Body is what a request carries.
type Body struct {
	Name  string // in the row's Body
	Type  string // value of Content-Type; empty: none is sent, or the target's Header has it
	Bytes []byte
}

// Config is the bursts of one sub-experiment. Rounds count from 0; a round is one burst to each target in turn.
type Config struct {
	Client
	Targets     []Target
	Bursts      int                           // in all, over all targets
	BurstSize   func(round int) int           // nil: 1
	Query       func(round int) url.Values    // parameters of the round's requests; nil: none
	Desired     func(round int) time.Duration // the service time asked for, for the rows; nil: none
	Method      string                        // default GET
	Body        func(round int) []byte        // nil: none
	Bodies      []Body                        // in place of Body; nil: none
	Arrivals    schedule.Arrivals
	Schedule    string // default Closed
	Protocol    string // default HTTP1; all targets speak the same
	Connections string // default New
	Warmup      int    // the first rounds whose rows are marked so
	Load        *Load  // a sustained load in place of Bursts, BurstSize, Arrivals and Schedule; nil: bursts
	Watch       bool   // mark rows whose latency the client may have made (Suspect)
	Processors  int    // that the client may use; default GOMAXPROCS. See ReserveProcessors
	// Turns decides when rounds begin, and whether Bursts are sent again, of a closed schedule; nil: as planned, once
	Turns Turns
	// Repetitions is how often Turns is expected to have Bursts sent, for Progress; default 1
	Repetitions int
	Cold        *Cold // makes the targets cold before each burst, of a closed schedule; nil: no cold start is forced

	// Pick gives the index in Bodies of the body of a row's request, by the row's Burst and Slot. It must give the same
	// whenever it is asked, and is asked by several goroutines at once. nil: the first one.
	Pick func(burst, slot int) int
	// Each gives each request of a burst a body of its own, in place of Body and Bodies. It is asked while the burst
	// is prepared. A sustained load has none. nil: it is Body, or Bodies.
	Each func(burst, slot int) (Body, error)
	// Expect says why a complete answer is not what was expected, whatever its status: its row then has the class
	// Unexpected, or the one that the error's method Class gives. nil: statuses from 400 on are failures, nothing else.
	// It gets as much of the body as KeepBody allows.
	Expect func(status int, body []byte) error
	// TraceContext gives each request a trace of its own, by the header field traceparent.
	TraceContext bool
	// HideAnswers keeps the text of answers out of notes: they may hold a secret of the request.
	HideAnswers bool

	// MaxErrorRatio from 0 to 1: once 10 requests are in and more than this part has failed, Run stops.
	MaxErrorRatio float64
	// Grace is how long requests in flight may still take after a cancellation before they are cut off; default 1 s.
	Grace time.Duration

	// Answer is given each complete response, whatever its status, before the row goes to Sink; the body is its own
	// only until it returns. Calls do not overlap. May be nil.
	Answer func(row *sample.Sample, body []byte)
	// Sink gets the rows of a burst once all its responses are in, and makes them durable; they are its own only until
	// it returns. Calls do not overlap. In an open schedule bursts come in the order in which they end. Its error stops
	// Run.
	Sink func([]sample.Sample) error
	// Progress is called after every burst, and every few seconds while one waits for answers; may be nil. Calls do
	// not overlap.
	Progress func(Progress)
	// Note takes what a user should see: the first failure of each class, the first redirect.
	Note func(format string, args ...any)
	// Detail takes what a log should hold beside it: what Note has had already, of other targets, and what the watch
	// suspects; nil: it is left out.
	Detail func(format string, args ...any)

	resignEvery time.Duration // of a sustained load; default resignEvery
	beatEvery   time.Duration // of a burst that waits; default beatEvery
}

// Progress is how far Run has come.
type Progress struct {
	Burst    int           // bursts done
	Bursts   int           // bursts planned
	Requests int           // requests done
	Errors   int           // failed ones among them
	Left     time.Duration // planned: the IATs to come, and as many bursts of the mean length so far
	Median   time.Duration // of the latencies so far, to within 2 %; 0: there is none yet
	Rate     float64       // requests a second of a sustained load so far; 0: bursts

	Waiting *Waiting // of a burst that waits for answers; nil: none does
}

// Waiting is how far a burst is that has waited for answers for some seconds.
type Waiting struct {
	Burst    int
	Answered int // requests of it that have ended, failed ones too
	Size     int
	For      time.Duration // since its release
}

// Outcome is what Run did, also if it stopped early.
type Outcome struct {
	Bursts      int // bursts of which at least one request was sent
	Requests    int // rows given to Sink
	Errors      int // failed rows
	Cut         int // rows of requests that were cut off by a cancellation, class timeout
	Classes     map[sample.Class]int
	MaxLateness time.Duration
	Late        int // rows sent more than 1 ms after their instant
	NewConns    int // rows of requests that opened a connection although kept ones were asked for
	// connections that the server closed and that were opened again before a release, outside any latency
	Reopened int
	// the shortest time without use after which the server closed a connection; 0: it closed none
	IdleClose time.Duration
	Unsent    int64  // requests of a sustained load that could not be sent in its time
	Suspect   int    // rows whose latency the client may have made
	Resent    int    // rows of requests that were sent twice, because a connection of HTTP/2 did not take them
	Missed    int    // rows of forced cold starts that an instance of before has answered
	Repeated  int    // bursts that were sent again because of such rows; Bursts counts them, too
	NotCold   int    // bursts that had such rows at the last attempt, too
	Watched   string // what the watch saw in all, in a sentence; empty: there was no watch
}

// ErrorRatio is the error of a Run that stopped because too many requests failed.
type ErrorRatio struct {
	Requests, Errors int
	Limit            float64
	Classes          map[sample.Class]int
}

func (e *ErrorRatio) Error() string {
	return fmt.Sprintf("%d of %d requests failed (%s), more than MaxErrorRatio %g allows",
		e.Errors, e.Requests, ClassWords(e.Classes), e.Limit)
}

// ClassWords are the numbers of failed requests by class, in words.
func ClassWords(of map[sample.Class]int) string {
	var classes []string
	for _, c := range slices.Sorted(maps.Keys(of)) {
		classes = append(classes, fmt.Sprintf("%s: %d", c, of[c]))
	}
	return strings.Join(classes, ", ")
}

// errorsFrom is the number of requests from which on the error ratio is checked.
const errorsFrom = 10

// Run sends every burst of the configuration. It returns an ErrorRatio (exit code 3) if too many requests fail, Sink's
// error, or the context's cause. In any case, the rows of all requests that were sent have gone to Sink and the Outcome
// counts them. A configuration that is not valid is an error of bad input and nothing is sent.
func Run(ctx context.Context, cfg Config) (Outcome, error) {
	e, err := newEngine(cfg)
	if err != nil {
		return Outcome{}, err
	}
	return e.run(ctx)
}

// run sends every burst, and closes the engine.
func (e *engine) run(ctx context.Context) (Outcome, error) {
	defer e.close()
	cfg, outer := e.cfg, ctx
	ctx, stop := context.WithCancelCause(outer)
	defer stop(nil)
	e.stopWith(stop)
	if cfg.Watch {
		e.watch = selfwatch.Start(e.cfg.Processors, e.defect)
	}
	complete := false
	switch {
	case cfg.Load != nil:
		complete = e.runLoad(ctx)
	case e.cfg.Schedule == Open:
		e.runOpen(ctx)
	default:
		e.runClosed(ctx)
	}
	out := e.rec.out
	out.Classes = maps.Clone(out.Classes)
	for _, t := range e.targets {
		out.Reopened += int(t.reopened.Load())
		if idle := time.Duration(t.idleClose.Load()); idle > 0 && (out.IdleClose == 0 || idle < out.IdleClose) {
			out.IdleClose = idle
		}
	}
	if e.watch != nil {
		out.Watched = e.watch.Summary()
	}
	planned := cfg.Bursts * (e.repetition + 1)
	complete = complete || cfg.Load == nil && !e.undecided && out.Bursts-out.Repeated == planned
	why := e.cause(ctx)
	switch {
	case why == nil || complete && out.Cut == 0 && why == context.Cause(outer):
		return out, nil
	case cfg.Load != nil:
		return out, fmt.Errorf("probe stopped early, with %d requests sent: %w", out.Requests, why)
	}
	return out, fmt.Errorf("probe stopped after %d of %d bursts: %w", out.Bursts, max(planned, e.rec.planned()), why)
}

// Reply is the answer to a single request.
type Reply struct {
	Sample sample.Sample
	Body   []byte // the first Client.KeepBody bytes of it
}

// Once sends one request over a connection of its own, for readiness checks and calibration. A request that fails is an
// error that says why, and its Sample has the class; an answer with a status of 400 or more is such a failure.
func Once(ctx context.Context, c Client, t Target, query url.Values) (Reply, error) {
	e, err := newEngine(Config{
		Client: c, Targets: []Target{t}, Bursts: 1, Grace: time.Nanosecond, MaxErrorRatio: 1,
		Query: func(int) url.Values { return query },
		Sink:  func([]sample.Sample) error { return nil },
	})
	if err != nil {
		return Reply{}, err
	}
	defer e.close()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	e.stopWith(stop)
	b := e.newBurst(0)
	b.start()
	if !b.hold(ctx, time.Time{}, time.Time{}) {
		return Reply{Sample: sample.Empty()}, fmt.Errorf("request to %s: %w", e.targets[0].label, e.cause(ctx))
	}
	if !b.await(ctx, e.cfg.Grace) {
		return Reply{Sample: sample.Empty()}, fmt.Errorf("request to %s: %w", e.targets[0].label, e.cause(ctx))
	}
	s := b.slots[0]
	var row sample.Sample
	s.sample(&row)
	reply := Reply{Sample: row, Body: s.resp.body}
	switch {
	case s.err != nil && ctx.Err() != nil:
		err = fmt.Errorf("request to %s: %w", e.targets[0].label, e.cause(ctx))
	case s.err != nil:
		err = fmt.Errorf("request to %s: %s: %w", e.targets[0].label, s.class, s.err)
	case row.Err != sample.OK:
		err = fmt.Errorf("request to %s: answered status %d%s", e.targets[0].label, row.Status,
			e.targets[0].excerpt(s.resp.body))
	}
	return reply, err
}

// withDefaults fills in missing settings and refuses settings that are not valid.
func (cfg Config) withDefaults() (Config, error) {
	cfg.UserAgent = cmp.Or(cfg.UserAgent, "stellar")
	cfg.Timeout = cmp.Or(cfg.Timeout, 900*time.Second)
	cfg.MaxBody = cmp.Or(cfg.MaxBody, 8<<20)
	cfg.KeepBody = cmp.Or(cfg.KeepBody, keptBody)
	cfg.Grace = cmp.Or(cfg.Grace, time.Second)
	cfg.Method = cmp.Or(cfg.Method, http.MethodGet)
	cfg.Schedule = cmp.Or(cfg.Schedule, Closed)
	cfg.Connections = cmp.Or(cfg.Connections, New)
	cfg.Protocol = cmp.Or(cfg.Protocol, HTTP1)
	cfg.Processors = cmp.Or(cfg.Processors, runtime.GOMAXPROCS(0))
	cfg.resignEvery = cmp.Or(cfg.resignEvery, resignEvery)
	cfg.beatEvery = cmp.Or(cfg.beatEvery, beatEvery)
	if cfg.BurstSize == nil {
		cfg.BurstSize = func(int) int { return 1 }
	}
	if cfg.Query == nil {
		cfg.Query = func(int) url.Values { return nil }
	}
	if cfg.Desired == nil {
		cfg.Desired = func(int) time.Duration { return sample.None }
	}
	if cfg.Body == nil {
		cfg.Body = func(int) []byte { return nil }
	}
	if cfg.Note == nil {
		cfg.Note = func(string, ...any) {}
	}
	if cfg.Detail == nil {
		cfg.Detail = func(string, ...any) {}
	}
	if cfg.Load != nil {
		load := *cfg.Load
		load.MaxConnections = cmp.Or(load.MaxConnections, 1000)
		load.Cycle = cmp.Or(load.Cycle, 1)
		cfg.Load = &load
		cfg.Bursts = 0
	}
	return cfg, cfg.check()
}

func (cfg Config) check() error {
	switch {
	case len(cfg.Targets) == 0:
		return fail.Input("nothing to probe: there is no endpoint")
	case cfg.Load == nil && cfg.Bursts < 1:
		return fail.Input("Bursts is %d; at least 1 is needed", cfg.Bursts)
	case cfg.Sink == nil:
		return fail.Input("no sink to record to")
	case cfg.Schedule != Closed && cfg.Schedule != Open:
		return fail.Input("Schedule %q is neither %s nor %s", cfg.Schedule, Closed, Open)
	case cfg.Connections != New && cfg.Connections != Reuse && cfg.Connections != Shared:
		return fail.Input("Connections %q is none of %s, %s and %s", cfg.Connections, New, Reuse, Shared)
	case cfg.Connections == Shared && cfg.Protocol == HTTP1:
		return fail.Input("Connections %s: HTTP/1.1 carries one request at a time", Shared).
			WithHint("use %s, or Protocol %s, %s or %s", Reuse, H2, H2C, GRPC)
	case cfg.Method == http.MethodHead || cfg.Method == http.MethodConnect:
		return fail.Input("method %s has no answer of the kind that is measured", cfg.Method)
	case cfg.Timeout < 0:
		return fail.Input("the timeout %s is negative", cfg.Timeout)
	case cfg.MaxErrorRatio < 0 || cfg.MaxErrorRatio > 1 || cfg.MaxErrorRatio != cfg.MaxErrorRatio:
		return fail.Input("MaxErrorRatio %g lies outside 0 to 1", cfg.MaxErrorRatio)
	case cfg.Cold != nil && (cfg.Load != nil || cfg.Schedule == Open):
		return fail.Input("cold starts are forced before the bursts of a closed schedule only: how long they take is " +
			"not known beforehand")
	case cfg.Turns != nil && (cfg.Load != nil || cfg.Schedule == Open):
		return fail.Input("only bursts of a closed schedule take turns or are repeated")
	case cfg.Load != nil:
		return cfg.Load.check()
	case cfg.Schedule == Open && cfg.Arrivals.IAT <= 0 && cfg.Bursts > 1:
		return fail.Input("an open schedule needs an IAT above 0: all its bursts would leave at once")
	}
	for round := range cfg.rounds() {
		if n := cfg.BurstSize(round); n < 1 {
			return fail.Input("the burst size of round %d is %d; at least 1 is needed", round, n)
		}
	}
	return nil
}
