package cloudflare

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
)

// Workers Logs keep an event of each request, with its processor time, where the Worker's configuration asks for them
// (developers.cloudflare.com/workers/observability/logs/workers-logs). They are read with a query of the API
// (developers.cloudflare.com/api/resources/workers/subresources/observability).

const (
	telemetryQuery = "workers/observability/telemetry/query"
	// reportDelay is how long an event is waited for. Cloudflare names no bound; events are there within seconds, as a
	// rule.
	reportDelay = 2 * time.Minute
	clockSlack  = time.Minute
	// eventsAtOnce is the most that one answer may hold.
	eventsAtOnce = 2000
	// invocationEvent is the type of the event of a request as a whole; others are lines that the Worker has logged.
	invocationEvent = "cf-worker-event"
)

// ReportDelay is how long after a request its event can take.
func (c *connection) ReportDelay() time.Duration { return reportDelay }

// ReportID is the Ray ID of a request. Rows have the field CF-Ray: the Ray ID, a hyphen, and the location.
func (c *connection) ReportID(requestID string) string {
	id, _, _ := strings.Cut(requestID, "-")
	return id
}

// Reports reads the events of Workers. What is billed of a request is its processor time, in whole ms. The duration is
// from the start of the Worker's code to its end. Neither instance nor memory is reported.
func (c *connection) Reports(ctx context.Context, w provider.ReportWindow, found func(provider.Report)) error {
	for _, e := range w.Functions {
		name := e.Detail[provider.DetailUnit]
		if name == "" {
			return fail.Unsupported("the Worker behind %s is not known", e.URL)
		}
		if err := c.eventsOf(ctx, name, w, found); err != nil {
			return fmt.Errorf("read the events of the Worker %s (permission Workers Observability): %w", name, err)
		}
	}
	return nil
}

// telemetryRequest is a query for single events.
type telemetryRequest struct {
	QueryID    string              `json:"queryId"` // of a query that is not saved: any name
	View       string              `json:"view"`
	Limit      int                 `json:"limit"`
	Offset     string              `json:"offset,omitempty"` // id of the event after which to go on
	Timeframe  telemetryTimes      `json:"timeframe"`
	Parameters telemetryParameters `json:"parameters"`
}

type telemetryTimes struct {
	From int64 `json:"from"` // ms since 1970
	To   int64 `json:"to"`
}

type telemetryParameters struct {
	Datasets          []string          `json:"datasets"`
	FilterCombination string            `json:"filterCombination"`
	Filters           []telemetryFilter `json:"filters"`
}

type telemetryFilter struct {
	Key       string `json:"key"`
	Operation string `json:"operation"`
	Type      string `json:"type"`
	Value     string `json:"value"`
}

// telemetryEvent is an event, as far as it is used.
type telemetryEvent struct {
	Metadata struct{ ID, Type string } `json:"$metadata"`
	Workers  struct {
		RequestID  string
		CPUTimeMs  *float64
		WallTimeMs *float64
		Event      struct{ RayID string }
	} `json:"$workers"`
}

// eventsOf goes through the pages of a Worker's events.
func (c *connection) eventsOf(ctx context.Context, name string, w provider.ReportWindow,
	found func(provider.Report),
) error {
	q := telemetryRequest{QueryID: "stellar", View: "events", Limit: eventsAtOnce,
		Timeframe: telemetryTimes{w.From.Add(-clockSlack).UnixMilli(), w.To.Add(clockSlack).UnixMilli()},
		Parameters: telemetryParameters{Datasets: []string{"cloudflare-workers"}, FilterCombination: "and",
			Filters: []telemetryFilter{{"$workers.scriptName", "eq", "string", name},
				{"$metadata.type", "eq", "string", invocationEvent}}}}
	seen := map[string]bool{}
	for {
		var answer struct {
			Events struct{ Events []telemetryEvent }
		}
		if err := c.post(ctx, telemetryQuery, q, &answer); err != nil {
			return err
		}
		events := answer.Events.Events
		for i := range events {
			if r, ok := events[i].report(); ok {
				found(r)
			}
		}
		if len(events) < eventsAtOnce {
			return nil
		}
		last := events[len(events)-1].Metadata.ID
		if last == "" || seen[last] {
			return fail.Unsupported("the answer names no further page")
		}
		seen[last], q.Offset = true, last
	}
}

// report is what an event says of its request; false where it is not that of a request.
func (e *telemetryEvent) report() (provider.Report, bool) {
	id := e.Workers.Event.RayID
	if id == "" {
		id = e.Workers.RequestID
	}
	if id == "" || e.Metadata.Type != invocationEvent {
		return provider.Report{}, false
	}
	r := provider.EmptyReport(id)
	r.Duration, r.Billed = milliseconds(e.Workers.WallTimeMs), milliseconds(e.Workers.CPUTimeMs)
	return r, true
}

// milliseconds is a duration of an event; NotReported where there is none, or it makes no sense.
func milliseconds(ms *float64) time.Duration {
	const most = float64(24 * time.Hour / time.Millisecond)
	if ms == nil || !(*ms >= 0 && *ms < most) {
		return provider.NotReported
	}
	return time.Duration(*ms * float64(time.Millisecond))
}
