package study

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/netprobe"
	"github.com/vhive-serverless/STeLLAR/src/probe"
	"github.com/vhive-serverless/STeLLAR/src/probe/schedule"
)

// tokenField is the header field in which a deployed function expects the run's token.
const tokenField = "X-Stellar-Token"

// Check refuses an environment without endpoints or without a folder, and reads what the requests of the file are made
// of: files, and variables of the environment.
func (e *Env) Check() error {
	if len(e.Endpoints) == 0 {
		return fail.Input("sub-experiment %d (%s) has no endpoint", e.Index, e.Sub.Title)
	}
	if e.Dir == "" {
		return fail.Input("sub-experiment %d (%s) has no folder to write to", e.Index, e.Sub.Title)
	}
	return e.prepareRequests()
}

// Load is the sub-experiment's bursts, or its sustained load, in the probe's terms. The targets are its caller's to
// add: the load is theirs in turn.
func (e *Env) Load(targets ...probe.Target) probe.Config {
	sub := &e.Sub
	times := e.serviceTimes()
	cfg := probe.Config{
		Client:    probe.Client{UserAgent: e.UserAgent, Timeout: seconds(sub.TimeoutSeconds), TLS: e.TLS},
		Targets:   targets,
		Bursts:    sub.Bursts,
		BurstSize: sub.BurstSize,
		Desired:   func(round int) time.Duration { return cycle(times, round) },
		Query:     e.query,
		Arrivals: schedule.Arrivals{
			Type: sub.IATType, IAT: seconds(sub.IATSeconds), Jitter: seconds(sub.IATJitterSeconds),
			Step: seconds(sub.IATStepSeconds), Seed: e.Seed, Sub: e.Index,
		},
		Schedule: sub.Schedule, Connections: sub.Connections, Protocol: sub.Protocol, Warmup: sub.WarmupBursts,
		MaxErrorRatio: sub.MaxErrorRatio, Watch: true, Progress: e.Progress, TraceContext: sub.TraceContext,
		Turns: e.Turns, Repetitions: e.Repetitions,
	}
	if sub.Streamed() {
		cfg.ChunkBytes, cfg.Chunks = sub.StreamChunkBytes, sub.StreamChunks()
		cfg.MaxBody, cfg.KeepBody = sub.StreamBytes+2*sub.StreamChunkBytes+streamSlack, streamSlack
	}
	if sub.Sustained() {
		cfg.Load = e.sustained(len(targets))
	}
	if e.Log != nil {
		cfg.Note = e.Log.Warnf
	}
	if log, ok := e.Log.(interface {
		Debugf(format string, args ...any)
	}); ok {
		cfg.Detail = log.Debugf
	}
	if e.own != nil {
		e.own.apply(&cfg)
	}
	return cfg
}

// streamSlack is what a streamed response may be longer than it was asked for, and how much of it is kept: enough for
// the answer at its beginning.
const streamSlack = 16 << 10

// Target is an endpoint in the probe's terms.
func (e *Env) Target(at Endpoint) probe.Target {
	t := probe.Target{Name: at.Function, URL: at.URL, Header: http.Header{}, Invoke: at.Invoke, Log: at.Log}
	if e.own != nil {
		t.URL, t.Header = e.own.behind(at.URL), maps.Clone(e.own.header)
	}
	if at.Event {
		t.Header.Set("X-Amz-Invocation-Type", "Event")
	}
	if at.Signed {
		t.Sign = e.Sign
	}
	if at.Token != "" {
		t.Header.Set(tokenField, at.Token)
	}
	return t
}

// Advertised is the address that a function reaches this machine at: the file's, or that from which packets to the
// function leave.
func (e *Env) Advertised(ctx context.Context, at Endpoint) (string, error) {
	if e.Sub.AdvertiseAddress != "" {
		return e.Sub.AdvertiseAddress, nil
	}
	from, err := netprobe.RouteTo(ctx, at.URL)
	if err != nil {
		return "", fail.Input("sub-experiment %d (%s): %w", e.Index, e.Sub.Title, err).
			WithHint("give AdvertiseAddress, the address that functions reach this machine at")
	}
	if from.IsLoopback() {
		return netprobe.Loopback, nil // whichever of them the function's name leads to
	}
	return from.String(), nil
}

// query makes a round's parameters; what is 0 is left out, as the measurement function has it.
func (e *Env) query(round int) url.Values {
	q := url.Values{}
	if n := cycle(e.Increments, round); n > 0 {
		q.Set("IncrementLimit", strconv.FormatInt(n, 10))
	}
	if e.Sub.Streamed() {
		q.Set("StreamBytes", strconv.FormatInt(e.Sub.StreamBytes, 10))
		q.Set("StreamChunkBytes", strconv.FormatInt(e.Sub.StreamChunkBytes, 10))
		q.Set("StreamPauseNs", strconv.FormatInt(int64(seconds(e.Sub.StreamPauseSeconds)), 10))
	}
	if n := e.Sub.PayloadLengthBytes; n > 0 {
		q.Set("PayloadLengthBytes", strconv.FormatInt(n, 10))
	}
	return q
}

// serviceTimes are those of the file; they cycle, one element a round.
func (e *Env) serviceTimes() []time.Duration {
	out := make([]time.Duration, len(e.Sub.DesiredServiceTimes))
	for i := range out {
		out[i] = e.Sub.ServiceTime(i)
	}
	return out
}

// cycle is the element of a round in a list that starts again at its end; of an empty list it is zero.
func cycle[T any](list []T, round int) (element T) {
	if len(list) == 0 {
		return element
	}
	return list[round%len(list)]
}
