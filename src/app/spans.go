package app

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/sample"
	"github.com/vhive-serverless/STeLLAR/src/spans"
)

// stoppedPatience is how long spans of an interrupted run may take.
const stoppedPatience = 20 * time.Second

// sendSpans sends the requests of a run as spans, where the environment names a receiver. It comes last, when what the
// run made is removed and its record is complete. A receiver that does not answer is a warning and no failure.
func (j *job) sendSpans(ctx context.Context, r *run.Run, interrupted bool) {
	config, err := spans.FromEnvironment(j.Getenv)
	if config == nil || err != nil || len(r.Results) == 0 { // the error has been reported before the run
		return
	}
	if interrupted {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), stoppedPatience)
		defer cancel()
	}
	j.Observer.StageStart("sending spans")
	started := time.Now()
	result, err := j.spansOf(ctx, r.Dir, config)
	j.Observer.StageEnd("sending spans", time.Since(started), nil)
	for _, note := range spanNotes(result, err) {
		j.Log.Warnf("%s", note)
	}
	if err != nil {
		j.Log.Warnf("`stellar export --format otlp %s` sends them again", r.Dir)
		return
	}
	j.Log.Infof("sent %d requests as %d spans", result.Requests, result.Spans)
}

func (j *job) spansOf(ctx context.Context, dir string, config *spans.Config) (result spans.Result, err error) {
	err = fail.Try(func() error {
		rec, err := run.ReadRecord(dir)
		if err != nil {
			return err
		}
		x, err := exportedOf(dir, rec)
		if err != nil {
			return err
		}
		x.log = j.Log
		result, err = x.send(ctx, config, j.Version)
		return err
	})
	return result, err
}

// spanNotes are what a user should know of spans that a receiver does not have.
func spanNotes(result spans.Result, err error) (notes []string) {
	if err != nil {
		notes = append(notes, fmt.Sprintf("spans: %v; %d requests have been sent before", err, result.Requests))
	}
	if result.Rejected > 0 {
		notes = append(notes, fmt.Sprintf("spans: the receiver did not take %d of %d spans (%.200q)", result.Rejected,
			result.Spans, result.Why))
	}
	if result.Unsent > 0 {
		notes = append(notes, fmt.Sprintf("spans: %d rows do not say when their request was sent, and have none",
			result.Unsent))
	}
	return notes
}

// exportSpans sends the spans of a run, again or for the first time, and writes how many there were.
func (a App) exportSpans(ctx context.Context, x *exported, w io.Writer) error {
	config, err := spans.FromEnvironment(a.Getenv)
	if err != nil {
		return err
	}
	if config == nil {
		return fail.Input("no receiver of spans").
			WithHint("set OTEL_EXPORTER_OTLP_ENDPOINT, such as http://localhost:4318")
	}
	result, err := x.send(ctx, config, a.Version)
	if err != nil {
		return err
	}
	for _, note := range spanNotes(result, nil) {
		a.Log.Warnf("%s", note)
	}
	_, err = fmt.Fprintf(w, "sent %d requests as %d spans\n", result.Requests, result.Spans)
	return err
}

// send sends the rows of all sub-experiments.
func (x *exported) send(ctx context.Context, config *spans.Config, version string) (spans.Result, error) {
	sender := spans.NewSender(config, version)
	for _, sub := range x.subs {
		source := &spans.Source{Run: x.id, Index: sub.as.Index, Title: sub.as.Title, Provider: sub.as.Provider,
			Method: cmp.Or(sub.method, http.MethodGet)}
		if x.rec != nil {
			source.Region = x.rec.Experiment.Region
		}
		if err := x.each(ctx, sub, func(_ *sample.Typed, row *sample.Sample) error {
			return sender.Add(ctx, source, row)
		}); err != nil {
			result, _ := sender.Close(ctx)
			return result, err
		}
	}
	return sender.Close(ctx)
}
