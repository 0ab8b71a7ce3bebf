package study

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/vhive-serverless/STeLLAR/src/probe"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// LatenciesFile is the name of the file of rows in a sub-experiment's folder.
const LatenciesFile = "latencies.csv"

// Table is a file in which every request has a row.
type Table interface {
	AppendRow(row *sample.Sample)
	Flush() error
	Close() error
}

func (e *Env) streams() (Table, error) {
	return sample.CreateStreams(filepath.Join(e.Dir, sample.StreamsFile))
}

func (e *Env) chunks() (Table, error) {
	return sample.CreateChunks(filepath.Join(e.Dir, sample.ChunksFile))
}

// Measure sends the load and writes the rows of each burst into latencies.csv and into further tables, durable after
// every burst. It returns the probe's error, an ErrorRatio where too many requests failed and the context's cause where
// it was stopped; the rows so far are kept in both cases, and Env.Measured gets their number. A file that is there
// already is an error of bad input.
func (e *Env) Measure(ctx context.Context, cfg probe.Config, further ...func() (Table, error)) error {
	var result Result
	err := e.measure(ctx, cfg, further, &result)
	if e.Measured != nil {
		e.Measured(result)
	}
	return err
}

func (e *Env) measure(ctx context.Context, cfg probe.Config, further []func() (Table, error),
	result *Result) (err error) {
	if err := os.MkdirAll(e.Dir, 0o755); err != nil {
		return fmt.Errorf("sub-experiment %d: make its folder: %w", e.Index, err)
	}
	var tables []Table
	defer func() {
		for _, t := range tables {
			// A sink that failed makes Close answer the same again.
			if closing := t.Close(); err == nil {
				err = closing
			}
		}
	}()
	latencies := func() (Table, error) { return sample.Create(filepath.Join(e.Dir, LatenciesFile)) }
	if e.Sub.Streamed() {
		further = append(further, e.streams, e.chunks)
	}
	for _, create := range append([]func() (Table, error){latencies}, further...) {
		t, err := create()
		if err != nil {
			return fmt.Errorf("sub-experiment %d: %w", e.Index, err)
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
	send := e.Probe
	if send == nil {
		send = probe.Run
	}
	if result.Outcome, err = send(ctx, cfg); err != nil {
		return fmt.Errorf("sub-experiment %d (%s): %w", e.Index, e.Sub.Title, err)
	}
	return nil
}
