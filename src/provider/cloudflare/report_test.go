package cloudflare

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// telemetry answers as the API of Workers Logs does: the first page is full, the second one has what is odd. It keeps
// the questions.
func telemetry(t *testing.T, asked *[]string) *httptest.Server {
	event := func(n int, id string) string {
		return fmt.Sprintf(`{"$metadata":{"id":"m%d","type":"cf-worker-event"},"$workers":{"requestId":%q,`+
			`"cpuTimeMs":%d,"wallTimeMs":12}}`, n, id, n%5)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q telemetryRequest
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil || r.Method != http.MethodPost {
			t.Errorf("%s: %v", r.Method, err)
		}
		*asked = append(*asked, fmt.Sprintf("%s %s %v %d-%d after %q", r.URL.Path, q.View, q.Parameters.Filters,
			q.Timeframe.From, q.Timeframe.To, q.Offset))
		if r.Header.Get("Authorization") != "Bearer s3cret" {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"success":false,"errors":[{"code":10000,"message":"Authentication error"}]}`)
			return
		}
		var events []string
		if q.Offset == "" {
			for n := range q.Limit {
				events = append(events, event(n, fmt.Sprintf("ray%d", n)))
			}
		} else {
			events = []string{
				`{"$metadata":{"id":"x1","type":"cf-worker-event"},"$workers":{"requestId":"other","wallTimeMs":3.5,` +
					`"event":{"rayId":"ray-of-it"}}}`,
				`{"$metadata":{"id":"x2","type":"cf-worker-event"},"$workers":{"requestId":"odd","cpuTimeMs":-1}}`,
				`{"$metadata":{"id":"x3","type":"cf-worker"},"$workers":{"requestId":"a line of a log"}}`,
				`{"$metadata":{"id":"x4","type":"cf-worker-event"},"$workers":{}}`,
			}
		}
		fmt.Fprintf(w, `{"success":true,"errors":[],"result":{"events":{"events":[%s]}}}`, strings.Join(events, ","))
	}))
	t.Cleanup(server.Close)
	return server
}

func workerWindow() provider.ReportWindow {
	return provider.ReportWindow{From: time.UnixMilli(1_000_000), To: time.UnixMilli(2_000_000),
		Functions: []provider.Endpoint{{Detail: map[string]string{provider.DetailUnit: "stellar-x-f0-0"}}}}
}

func TestReports(t *testing.T) {
	var asked []string
	c := newFakeWrangler(t, nil).openAt(telemetry(t, &asked).URL)
	var got []provider.Report
	err := c.Reports(t.Context(), workerWindow(), func(r provider.Report) { got = append(got, r) })
	if err != nil || len(got) != eventsAtOnce+2 {
		t.Fatalf("%d reports, error %v", len(got), err)
	}
	first, ray, odd := provider.EmptyReport("ray3"), provider.EmptyReport("ray-of-it"), provider.EmptyReport("odd")
	first.Duration, first.Billed = 12*time.Millisecond, 3*time.Millisecond
	ray.Duration = 3500 * time.Microsecond
	if want := []provider.Report{first, ray, odd}; !slices.Equal(want,
		[]provider.Report{got[3], got[eventsAtOnce], got[eventsAtOnce+1]}) {
		t.Errorf("reports %+v, %+v", got[3], got[eventsAtOnce:])
	}
	const question = "/accounts/acc1/workers/observability/telemetry/query events " +
		"[{$workers.scriptName eq string stellar-x-f0-0} {$metadata.type eq string cf-worker-event}] " +
		"940000-2060000 after "
	if want := []string{question + `""`, question + `"m1999"`}; !slices.Equal(asked, want) {
		t.Errorf("asked\n%s", strings.Join(asked, "\n"))
	}
	if id := c.ReportID("230b030023ae2822-SJC"); id != "230b030023ae2822" {
		t.Errorf("id %q", id)
	}
}

func TestReportsFail(t *testing.T) {
	var asked []string
	f := newFakeWrangler(t, nil)
	f.env["CLOUDFLARE_API_TOKEN"] = "wrong"
	c := f.openAt(telemetry(t, &asked).URL)
	if err := c.Reports(t.Context(), workerWindow(), nil); err == nil ||
		!strings.Contains(err.Error(), "permission Workers Observability") ||
		!strings.Contains(err.Error(), "Authentication error [code: 10000]") {
		t.Errorf("error %v", err)
	}
	theirs := provider.ReportWindow{Functions: []provider.Endpoint{{URL: "https://theirs.example"}}}
	if err := c.Reports(t.Context(), theirs, nil); err == nil || !strings.Contains(err.Error(), "theirs.example") {
		t.Errorf("error %v", err)
	}
}

// TestLogsAreAskedFor: a Worker keeps events of its requests only where the experiment wants the platform's report.
func TestLogsAreAskedFor(t *testing.T) {
	for _, wanted := range []bool{false, true} {
		fn := &run.Function{}
		r := &run.Run{Experiment: &experiment.Experiment{SubExperiments: []experiment.SubExperiment{
			{ProviderReport: wanted}}}}
		files, err := (&connection{}).Files(r, provider.Unit{Name: "w", Functions: []*run.Function{fn}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		const logs = `"observability": {
    "enabled": true,
    "head_sampling_rate": 1
  }`
		if strings.Contains(string(files[0].Text), logs) != wanted ||
			strings.Contains(string(files[0].Text), "observability") != wanted {
			t.Errorf("wanted %t:\n%s", wanted, files[0].Text)
		}
	}
}
