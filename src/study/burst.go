package study

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"stellar/src/fail"
	"stellar/src/probe"
	"stellar/src/probe/schedule"
	"stellar/src/provider"
	"stellar/src/sample"
)

// LatenciesFile is the name of the file of rows in a sub-experiment's folder.
const LatenciesFile = "latencies.csv"

// tokenField is the header field in which a deployed function expects the run's token.
const tokenField = "X-Stellar-Token"

// Burst is the experiment type burst: every round one burst to each endpoint, of the round's size and service time; or a
// sustained load in place of the bursts.
type Burst struct{}

var _ Study = Burst{}

// Run probes the endpoints and writes latencies.csv, durable after every burst. It returns probe's ErrorRatio when too
// many requests failed and the context's cause when it was stopped; the rows so far are kept in both cases. A file that
// is there already is an error of bad input.
func (Burst) Run(ctx context.Context, s Settings) (Result, error) {
	if err := s.check(); err != nil {
		return Result{}, err
	}
	cfg := s.probe()
	for _, e := range s.Endpoints {
		cfg.Targets = append(cfg.Targets, s.target(e))
	}
	return s.measure(ctx, cfg)
}

// table is a file that every request has a row in.
type table interface {
	AppendRow(row *sample.Sample)
	Flush() error
	Close() error
}

// measure probes the targets and writes the rows of each burst into latencies.csv and the further tables.
func (s *Settings) measure(ctx context.Context, cfg probe.Config, further ...func() (table, error)) (result Result, err error) {
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return result, fmt.Errorf("sub-experiment %d: make its folder: %w", s.Index, err)
	}
	result.File = filepath.Join(s.Dir, LatenciesFile)
	var tables []table
	defer func() {
		for _, t := range tables {
			// A sink that failed makes Close answer the same again.
			if closing := t.Close(); err == nil {
				err = closing
			}
		}
	}()
	latencies := func() (table, error) { return sample.Create(result.File) }
	for _, create := range append([]func() (table, error){latencies}, further...) {
		t, err := create()
		if err != nil {
			return result, fmt.Errorf("sub-experiment %d: %w", s.Index, err)
		}
		tables = append(tables, t)
	}
	cfg.Sink = func(burst []sample.Sample) error {
		for _, t := range tables {
			for i := range burst {
				t.AppendRow(&burst[i])
			}
			if err := t.Flush(); err != nil {
				return err
			}
		}
		result.Rows += len(burst)
		return nil
	}
	if result.Outcome, err = probe.Run(ctx, cfg); err != nil {
		return result, fmt.Errorf("sub-experiment %d (%s): %w", s.Index, s.Title, err)
	}
	return result, nil
}

func (s *Settings) check() error {
	if len(s.Endpoints) == 0 {
		return fail.Input("sub-experiment %d (%s) has no endpoint", s.Index, s.Title)
	}
	if s.Dir == "" {
		return fail.Input("sub-experiment %d (%s) has no folder to write to", s.Index, s.Title)
	}
	return nil
}

// probe says in the probe's terms what the settings ask for, without targets and sink.
func (s *Settings) probe() probe.Config {
	cfg := probe.Config{
		Client:    probe.Client{UserAgent: s.UserAgent, Timeout: s.Timeout, TLS: s.TLS},
		Bursts:    s.Bursts,
		BurstSize: func(round int) int { return cycle(s.BurstSizes, round, 1) },
		Desired:   func(round int) time.Duration { return cycle(s.ServiceTimes, round, 0) },
		Query:     s.query,
		Arrivals: schedule.Arrivals{
			Type: s.IATType, IAT: s.IAT, Jitter: s.Jitter, Step: s.Step, Seed: s.Seed, Sub: s.Index,
		},
		Schedule: s.Schedule, Connections: s.Connections, Protocol: s.Protocol, Warmup: s.Warmup, MaxErrorRatio: s.MaxErrorRatio,
		Watch: true, Progress: s.Progress,
	}
	if s.Load != nil {
		cfg.Load = s.sustained()
	}
	if s.Log != nil {
		cfg.Note = s.Log.Warnf
	}
	return cfg
}

func (s *Settings) target(e provider.Endpoint) probe.Target {
	t := probe.Target{Name: e.Function, URL: e.URL, Header: http.Header{}}
	if token := cmp.Or(e.Token, s.Token); s.Token != "" {
		t.Header.Set(tokenField, token)
	}
	return t
}

// query makes a round's parameters; what is 0 is left out, as the measurement function has it.
func (s *Settings) query(round int) url.Values {
	q := url.Values{}
	if n := cycle(s.Increments, round, 0); n > 0 {
		q.Set("IncrementLimit", strconv.FormatInt(n, 10))
	}
	if s.PayloadBytes > 0 {
		q.Set("PayloadLengthBytes", strconv.FormatInt(s.PayloadBytes, 10))
	}
	return q
}

// cycle is the element of a round in a list that starts again at its end.
func cycle[T any](list []T, round int, without T) T {
	if len(list) == 0 {
		return without
	}
	return list[round%len(list)]
}
