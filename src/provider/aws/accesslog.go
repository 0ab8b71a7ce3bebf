package aws

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"github.com/vhive-serverless/STeLLAR/src/provider"
)

// A function of the user's own answers through an HTTP API, whose answer has an id of the API's own (apigw-requestid)
// and not Lambda's. The API's access log says which is which: a line for each request, with both ids
// (docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html).
const accessLogFormat = "$context.requestId $context.integration.requestId"

// accessLogGroup is the log group that the Serverless CLI makes for a service's access log.
func accessLogGroup(unit string) string { return "/aws/http-api/" + unit }

// lambdaID is how Lambda names a request, a UUID. An HTTP API's ids are of base64.
var lambdaID = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// onlyLambdas says whether all requests of a window are named by Lambda's ids, so that no access log is needed.
func onlyLambdas(w provider.ReportWindow) bool {
	if w.IDs == nil {
		return true
	}
	for id := range w.IDs {
		if !lambdaID.MatchString(id) {
			return false
		}
	}
	return true
}

// gatewayIDs reads the access logs of the services to which a window's functions belong, and gives the id that the HTTP
// API gave to a request by the one of Lambda. A service without an access log, and one that may not be read, are said
// once and are no error: requests that Lambda's own id names can do without.
func (a *connection) gatewayIDs(ctx context.Context, s *session, w provider.ReportWindow) (map[string]string, error) {
	ids, read := map[string]string{}, map[string]bool{}
	if onlyLambdas(w) {
		return ids, nil
	}
	for _, at := range w.Functions {
		unit := at.Detail[provider.DetailUnit]
		if unit == "" || read[unit] {
			continue
		}
		read[unit] = true
		group := accessLogGroup(unit)
		err := readEvents(ctx, s.logs, group, "", w, func(message, _ string, _ time.Time) {
			if gateway, lambda, ok := readAccess(message); ok {
				ids[lambda] = gateway
			}
		})
		switch {
		case hasCode(err, "ResourceNotFoundException", ""):
			a.warnOnce("aws: service %s was deployed without ProviderReport and has no access log: requests whose "+
				"answers do not name Lambda's request id get no report", unit)
		case hasCode(err, "AccessDeniedException", ""):
			a.warnOnce("aws: log group %s cannot be read (logs:FilterLogEvents): requests whose answers do not name "+
				"Lambda's request id get no report: %s", group, shortError(err))
		case err != nil:
			return nil, fmt.Errorf("read log group %s (logs:FilterLogEvents): %s", group, shortError(err))
		}
	}
	return ids, nil
}

// readAccess reads a line of the access log; false where the request did not reach Lambda.
func readAccess(message string) (gateway, lambda string, ok bool) {
	gateway, lambda, _ = strings.Cut(strings.TrimSpace(message), " ")
	return gateway, lambda, gateway != "" && lambdaID.MatchString(lambda)
}

// warnOnce writes a warning that was not written before.
func (a *connection) warnOnce(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if _, was := a.warned.LoadOrStore(text, true); !was && a.Log != nil {
		a.Log.Warnf("%s", text)
	}
}

// readEvents gives the messages of a log group's events in a window, page by page, with the streams that they are of
// and their instants. An empty pattern finds all. The error is the SDK's own.
func readEvents(ctx context.Context, logs *cloudwatchlogs.Client, group, pattern string, w provider.ReportWindow,
	found func(message, stream string, at time.Time)) error {
	in := &cloudwatchlogs.FilterLogEventsInput{LogGroupName: &group,
		StartTime: aws.Int64(w.From.Add(-clockSlack).UnixMilli()),
		EndTime:   aws.Int64(w.To.Add(clockSlack).UnixMilli())}
	if pattern != "" {
		in.FilterPattern = &pattern
	}
	for pages := cloudwatchlogs.NewFilterLogEventsPaginator(logs, in); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, e := range page.Events {
			at := time.Time{}
			if e.Timestamp != nil {
				at = time.UnixMilli(*e.Timestamp).UTC()
			}
			found(aws.ToString(e.Message), aws.ToString(e.LogStreamName), at)
		}
	}
	return nil
}
