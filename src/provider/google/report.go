package google

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
)

const (
	// reportDelay is how long Cloud Logging may take until an entry can be found: it promises nothing, seconds are
	// usual.
	reportDelay = time.Minute
	// Entries have Google's time, the window has this machine's.
	clockSlack = time.Minute
)

// ReportDelay is longer than entries usually take.
func (g gcloud) ReportDelay() time.Duration { return reportDelay }

// ReportID is the trace of a request. Rows have the field X-Cloud-Trace-Context, TRACE/SPAN;o=OPTIONS
// (cloud.google.com/trace/docs/trace-context).
func (g gcloud) ReportID(requestID string) string {
	trace, _, _ := strings.Cut(requestID, ";")
	trace, _, _ = strings.Cut(trace, "/")
	return trace
}

// logEntry is an entry of Cloud Run's log of requests, as far as rows have it
// (cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry).
type logEntry struct {
	Trace       string
	HTTPRequest struct{ Latency string }
	Labels      struct{ InstanceID string }
}

// Reports reads Cloud Run's log of requests, on which Cloud Functions run too. Its latency is from the request's
// arrival to the answer's end, the start of an instance included; init, memory and what is billed are not in it. It
// needs logging.logEntries.list. gcloud asks entries:list for page after page.
func (g gcloud) Reports(ctx context.Context, w provider.ReportWindow, found func(provider.Report)) error {
	at, err := g.locate(ctx)
	if err != nil {
		return err
	}
	var services []string
	for _, e := range w.Functions {
		name := e.Detail[provider.DetailUnit]
		if name == "" {
			return fail.Unsupported("function %s at %s has no service of its own: only the logs of functions that "+
				"stellar deployed can be read", e.Function, e.URL)
		}
		services = append(services, fmt.Sprintf("%q", name))
	}
	slices.Sort(services)
	c := g.command(location{project: at.project}, "logging", "read", reportFilter(at, services, w),
		"--format", "json(trace,httpRequest.latency,labels.instanceId)")
	c.Timeout, c.Line = g.Patience.Command, func(string) {}
	res, err := g.run(ctx, c)
	if err != nil {
		return fmt.Errorf("read Cloud Logging (logging.logEntries.list): %w", err)
	}
	var entries []logEntry
	if err := answerOf(res, &entries); err != nil {
		return provider.OutputError(res.Stdout, "what `gcloud logging read` printed: %w", err)
	}
	for i := range entries {
		if r, ok := entries[i].report(); ok {
			found(r)
		}
	}
	return nil
}

// reportFilter is in the language of cloud.google.com/logging/docs/view/logging-query-language.
func reportFilter(at location, services []string, w provider.ReportWindow) string {
	stamp := func(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
	return strings.Join([]string{`log_id("run.googleapis.com/requests")`, `resource.type="cloud_run_revision"`,
		fmt.Sprintf("resource.labels.location=%q", at.region),
		"resource.labels.service_name=(" + strings.Join(services, " OR ") + ")",
		fmt.Sprintf("timestamp>=%q", stamp(w.From.Add(-clockSlack))),
		fmt.Sprintf("timestamp<=%q", stamp(w.To.Add(clockSlack)))}, " AND ")
}

// report is an entry as every platform reports it; false where it has no trace.
func (e *logEntry) report() (provider.Report, bool) {
	_, trace, ok := strings.Cut(e.Trace, "/traces/")
	if !ok || trace == "" {
		return provider.Report{}, false
	}
	r := provider.EmptyReport(trace)
	r.Instance = e.Labels.InstanceID
	if d, err := time.ParseDuration(e.HTTPRequest.Latency); err == nil && d >= 0 {
		r.Duration = d
	}
	return r, true
}
