package aws

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/reportline"
)

const (
	// reportDelay is how long CloudWatch Logs can take until a line can be found
	// (docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-view.html: "It may take 5 to 10 minutes for logs
	// to show up after a function invocation"); seconds are usual.
	reportDelay = 10 * time.Minute
	// Events have the time at which an instance wrote them, by the clock there.
	clockSlack = time.Minute
	// reportPattern finds the reports of both log formats. Terms with a question mark are alternatives
	// (docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html).
	reportPattern = `?"REPORT RequestId" ?"platform.report"`
)

// ReportDelay is what Lambda's documentation allows for.
func (a *connection) ReportDelay() time.Duration { return reportDelay }

// ReportID is the row's own: Lambda's id, or the HTTP API's, for which Reports gives the report too.
func (a *connection) ReportID(requestID string) string { return requestID }

// Reports reads the functions' log groups, page by page, and the access logs of their HTTP APIs where a request has no
// other id than the API's. It needs logs:FilterLogEvents.
func (a *connection) Reports(ctx context.Context, w provider.ReportWindow, found func(provider.Report)) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	gateway, err := a.gatewayIDs(ctx, s, w)
	if err != nil {
		return err
	}
	for _, at := range w.Functions {
		name := at.Detail[provider.DetailName]
		if name == "" {
			return fail.Unsupported("function %s at %s has no name in the account: only the logs of functions that "+
				"stellar deployed can be read", at.Function, at.URL)
		}
		group := cmp.Or(at.Detail[detailLogGroup], logGroup(name))
		if err := readReports(ctx, s.logs, group, w, func(r provider.Report) {
			found(r)
			if id, ok := gateway[r.RequestID]; ok {
				r.RequestID = id
				found(r)
			}
		}); err != nil {
			return err
		}
	}
	return nil
}

// readReports reads those of one log group. A group that does not exist yet has none.
func readReports(ctx context.Context, logs *cloudwatchlogs.Client, group string, w provider.ReportWindow,
	found func(provider.Report)) error {
	err := readEvents(ctx, logs, group, reportPattern, w, func(message, stream string, at time.Time) {
		if r, ok := readReport(message); ok {
			r.Instance, r.EndedAt = instanceOf(stream), at
			found(r)
		}
	})
	if err != nil && !hasCode(err, "ResourceNotFoundException", "") {
		return fmt.Errorf("read log group %s (logs:FilterLogEvents): %s", group, shortError(err))
	}
	return nil
}

// instanceOf names an instance by its log stream, 2026/11/28/[$LATEST]0123…: each instance writes to its own.
func instanceOf(stream string) string {
	if _, id, ok := strings.Cut(stream, "]"); ok && id != "" {
		return id
	}
	return stream
}

// platformReport is a report in the log format JSON, as far as rows have it
// (docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html, platform.report).
type platformReport struct {
	Type   string
	Record struct {
		RequestID string
		Metrics   struct {
			DurationMs, BilledDurationMs, InitDurationMs, RestoreDurationMs *float64
			MemorySizeMB, MaxMemoryUsedMB                                   int
		}
	}
}

// readReport reads a report of either log format; false for any other line.
func readReport(message string) (provider.Report, bool) {
	if line, ok := reportline.Parse(message); ok {
		r := provider.EmptyReport(line.RequestID)
		r.Duration, r.Billed, r.MemoryMB, r.MaxMemoryMB = line.Duration, line.Billed, line.MemoryMB, line.MaxMemory
		r.Cold, r.ColdKnown = line.Cold, true
		if line.Cold && line.Restore == 0 {
			r.Init = line.Init
		}
		if line.Restore > 0 {
			r.Restore = line.Restore
		}
		return r, true
	}
	var event platformReport
	if !strings.HasPrefix(message, "{") || json.Unmarshal([]byte(message), &event) != nil ||
		event.Type != "platform.report" || event.Record.RequestID == "" {
		return provider.Report{}, false
	}
	m := &event.Record.Metrics
	r := provider.EmptyReport(event.Record.RequestID)
	r.Duration, r.Billed = milliseconds(m.DurationMs), milliseconds(m.BilledDurationMs)
	r.Init, r.Restore = milliseconds(m.InitDurationMs), milliseconds(m.RestoreDurationMs)
	r.MemoryMB, r.MaxMemoryMB = max(m.MemorySizeMB, 0), max(m.MaxMemoryUsedMB, 0)
	r.Cold, r.ColdKnown = m.InitDurationMs != nil || m.RestoreDurationMs != nil, true
	return r, true
}

// milliseconds is a duration of a report; one that is not there, or makes no sense, is not reported.
func milliseconds(ms *float64) time.Duration {
	if ms == nil || *ms < 0 || *ms > float64((24*time.Hour).Milliseconds()) {
		return provider.NotReported
	}
	return time.Duration(math.Round(*ms * 1e6))
}
