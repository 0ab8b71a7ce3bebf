package azure

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
)

// insights stands in for Application Insights: the answer has a request for each second that is asked for, and what
// makes no sense.
func (f *fakeAzure) insights(w http.ResponseWriter, r *http.Request) {
	var in struct{ Query string }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || r.Header.Get("Authorization") != "Bearer tok" {
		f.t.Errorf("%s %s with %v: %v", r.Method, r.URL, r.Header, err)
	}
	f.calls = append(f.calls, in.Query)
	if len(f.refusal) > 0 {
		w.WriteHeader(f.refusal[0])
		fmt.Fprintf(w, `{"error":{"code":%q,"message":"it says why"}}`, f.code)
		return
	}
	fmt.Fprint(w, `{"tables":[{"name":"PrimaryResult","rows":[["inv-1",12.3456,"instance-a"],["inv-2",null,null],`+
		`["",3,"b"],[null,3,"b"],["inv-3"]]}]}`)
}

func reportWindow() provider.ReportWindow {
	return provider.ReportWindow{From: time.Date(2026, 11, 28, 9, 1, 0, 0, time.UTC),
		To:        time.Date(2026, 11, 28, 9, 2, 0, 5000, time.UTC),
		Functions: []provider.Endpoint{{Detail: map[string]string{provider.DetailUnit: "stellar-x-f0-0"}}}}
}

func TestReports(t *testing.T) {
	f := newFakeAzure(t)
	f.settings = map[string]string{connectionSetting: "InstrumentationKey=k;IngestionEndpoint=https://i/;" +
		"applicationid=0f1e;"}
	var got []provider.Report
	err := f.open(t.TempDir()).Reports(t.Context(), reportWindow(), func(r provider.Report) { got = append(got, r) })
	first := provider.EmptyReport("inv-1")
	first.Duration, first.Instance = 12345600*time.Nanosecond, "instance-a"
	if want := []provider.Report{first, provider.EmptyReport("inv-2")}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	const want = "requests | where timestamp between (datetime(2026-11-28T09:00:00.0000000Z) .. " +
		"datetime(2026-11-28T09:03:00.0000050Z)) | project tostring(customDimensions.InvocationId), duration, " +
		"cloud_RoleInstance"
	if n := len(f.calls); n != 3 || f.calls[1] != "POST /v1/apps/0f1e/query" || f.calls[2] != want {
		t.Errorf("asked\n%s", strings.Join(f.calls, "\n"))
	}
}

func TestReportsFail(t *testing.T) {
	f := newFakeAzure(t)
	a := f.open(t.TempDir())
	f.settings = map[string]string{"OTHER": "x"}
	if err := a.Reports(t.Context(), reportWindow(), nil); fail.Code(err) != fail.CodeInput ||
		!strings.Contains(err.Error(), "has no Application Insights") {
		t.Errorf("error %v", err)
	}
	f.settings[connectionSetting] = "ApplicationId=0f1e"
	f.code = "InsufficientAccessError"
	f.refusal = []int{http.StatusForbidden} // of the settings
	err := a.Reports(t.Context(), reportWindow(), nil)
	if err == nil || !strings.Contains(err.Error(), "Microsoft.Web/sites/config/list/action") {
		t.Errorf("error %v", err)
	}
	without := provider.ReportWindow{Functions: []provider.Endpoint{{Function: "theirs"}}}
	if err := a.Reports(t.Context(), without, nil); err == nil {
		t.Error("no error for a function that is not ours")
	}
}
