package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

type step func(ctx context.Context, r *run.Run) error

// around is the middleware of a stage: skipping, the journal, timing, the record, the observer, panics, and the stage's
// name on its errors. Stages do none of that themselves.
func (j *Job) around(s Stage) step {
	return func(ctx context.Context, r *run.Run) (err error) {
		if err := ctx.Err(); err != nil {
			return err
		}
		entry := run.StageRecord{Name: s.String()}
		if sk, ok := s.(Skipper); ok {
			if entry.Skipped = sk.Skip(r); entry.Skipped != "" {
				r.Record.Stages = append(r.Record.Stages, entry)
				r.Log.Debugf("skipped %s: %s", s, entry.Skipped)
				return nil
			}
		}
		if err := r.Journal.Note(run.EventStage, s.String()); err != nil {
			return err
		}
		j.Observer.StageStart(s.String())
		started := time.Now()
		err = guarded(ctx, s, r)
		took := time.Since(started)
		var skip fail.Skip
		if errors.As(err, &skip) {
			entry.Skipped, err = skip.Reason, nil
		}
		entry.Seconds = took.Seconds()
		if err != nil {
			entry.Error = err.Error()
		}
		r.Record.Stages = append(r.Record.Stages, entry)
		j.Observer.StageEnd(s.String(), took, err)
		if werr := r.WriteRecord(); werr != nil {
			err = errors.Join(err, werr)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
		return nil
	}
}

// guarded turns a panic of a stage into an error, so that what was deployed is removed all the same.
func guarded(ctx context.Context, s Stage, r *run.Run) error {
	return fail.Try(func() error { return s.Run(ctx, r) })
}
