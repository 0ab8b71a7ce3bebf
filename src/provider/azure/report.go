package azure

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
)

const (
	// insightsURL is the address of Application Insights' queries, and the audience of their tokens
	// (learn.microsoft.com/rest/api/application-insights/query/execute).
	insightsURL = "https://api.applicationinsights.io"
	// connectionSetting is the app setting with the connection string, whose part ApplicationId is the name of the
	// resource there (learn.microsoft.com/azure/azure-monitor/app/connection-strings).
	connectionSetting = "APPLICATIONINSIGHTS_CONNECTION_STRING"
	applicationID     = "ApplicationId"
	// reportDelay is how long telemetry can take until a query finds it
	// (learn.microsoft.com/azure/azure-monitor/logs/data-ingestion-time: usually 20 seconds to 3 minutes).
	reportDelay = 3 * time.Minute
	clockSlack  = time.Minute
)

// ReportDelay is the longest usual time of ingestion.
func (a *connection) ReportDelay() time.Duration { return reportDelay }

// ReportID is the row's own: the function answers with the invocation's id.
func (a *connection) ReportID(requestID string) string { return requestID }

// Reports asks Application Insights, where an app has it: the apps that this package deploys have none, but a policy of
// the subscription can add it. It has the duration of the function and the instance that ran it. It samples: not every
// request need be there.
func (a *connection) Reports(ctx context.Context, w provider.ReportWindow, found func(provider.Report)) error {
	for _, e := range w.Functions {
		arm, names, err := a.appOf(e.Detail)
		if err != nil {
			return err
		}
		settings, err := arm.settings(ctx, names.Group, names.App)
		if err != nil {
			return fmt.Errorf("the settings of app %s (Microsoft.Web/sites/config/list/action): %w", names.App, err)
		}
		id := connectionPart(settings[connectionSetting], applicationID)
		if id == "" {
			return fail.Unsupported("app %s has no Application Insights: its setting %s names no %s", names.App,
				connectionSetting, applicationID)
		}
		insights := newRestClient(a.Options, arm.principal)
		insights.audience = insightsURL
		table, err := insights.query(ctx, id, requestsIn(w))
		if err != nil {
			return fmt.Errorf("ask Application Insights of app %s (role Monitoring Reader): %w", names.App, err)
		}
		for _, row := range table {
			if r, ok := reportOf(row); ok {
				found(r)
			}
		}
	}
	return nil
}

// connectionPart is one part of a connection string, Key=Value;Key=Value.
func connectionPart(text, key string) string {
	for part := range strings.SplitSeq(text, ";") {
		if name, value, ok := strings.Cut(part, "="); ok && strings.EqualFold(strings.TrimSpace(name), key) {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// requestsIn is the question in Kusto: for each request its invocation, duration in ms, and instance
// (learn.microsoft.com/azure/azure-functions/analyze-telemetry-data).
func requestsIn(w provider.ReportWindow) string {
	stamp := func(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.0000000Z") }
	return fmt.Sprintf("requests | where timestamp between (datetime(%s) .. datetime(%s)) | project "+
		"tostring(customDimensions.InvocationId), duration, cloud_RoleInstance", stamp(w.From.Add(-clockSlack)),
		stamp(w.To.Add(clockSlack)))
}

// query asks Application Insights, and gives the rows of the answer.
func (a *restClient) query(ctx context.Context, id, question string) ([][]json.RawMessage, error) {
	body, err := json.Marshal(map[string]string{"query": question})
	if err != nil {
		return nil, err
	}
	base := strings.TrimSuffix(cmp.Or(a.Getenv("STELLAR_AZURE_URL"), insightsURL), "/")
	var answer struct {
		Tables []struct{ Rows [][]json.RawMessage }
	}
	err = a.persist(ctx, func() error {
		token, err := a.bearer(ctx)
		if err != nil {
			return err
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/v1/apps/"+url.PathEscape(id)+"/query",
			bytes.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+token)
		return a.send(req, &answer)
	})
	if err != nil {
		return nil, err
	}
	if len(answer.Tables) == 0 {
		return nil, errors.New("the answer has no table")
	}
	return answer.Tables[0].Rows, nil
}

// reportOf is a row of the answer to requestsIn; false where it names no invocation.
func reportOf(row []json.RawMessage) (provider.Report, bool) {
	if len(row) != 3 {
		return provider.Report{}, false
	}
	var id, instance string
	if json.Unmarshal(row[0], &id) != nil || id == "" {
		return provider.Report{}, false
	}
	r := provider.EmptyReport(id)
	var ms *float64
	if json.Unmarshal(row[1], &ms) == nil && ms != nil && *ms >= 0 && *ms < float64((24*time.Hour).Milliseconds()) {
		r.Duration = time.Duration(*ms * float64(time.Millisecond))
	}
	if json.Unmarshal(row[2], &instance) == nil {
		r.Instance = instance
	}
	return r, true
}
