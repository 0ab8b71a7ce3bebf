package google

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
)

const entries = `Notice: a newer version is available.
[{"httpRequest": {"latency": "0.123456s"}, "labels": {"instanceId": "00f4"},
  "trace": "projects/p/traces/0123456789abcdef0123456789abcdef"},
 {"httpRequest": {"latency": "soon"}, "trace": "projects/p/traces/fedcba"},
 {"httpRequest": {"latency": "1s"}}]`

func TestReports(t *testing.T) {
	w := provider.ReportWindow{From: time.Date(2026, 11, 28, 9, 1, 0, 0, time.UTC),
		To: time.Date(2026, 11, 28, 9, 2, 0, 5, time.UTC)}
	for _, unit := range []string{"stellar-r-f1-0", "stellar-r-f0-0"} {
		w.Functions = append(w.Functions, provider.Endpoint{Detail: map[string]string{provider.DetailUnit: unit}})
	}
	for _, kind := range []string{"gcr", "google"} {
		g := newFakeGcloud(t, map[string]string{"logging-read.out": entries})
		from := g.open(kind, here()).(provider.Reporter)
		var got []provider.Report
		err := from.Reports(t.Context(), w, func(r provider.Report) { got = append(got, r) })
		first := provider.EmptyReport("0123456789abcdef0123456789abcdef")
		first.Duration, first.Instance = 123456*time.Microsecond, "00f4"
		if want := []provider.Report{first, provider.EmptyReport("fedcba")}; err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %+v, %v; want %+v", kind, got, err, want)
		}
		want := []string{`logging read log_id("run.googleapis.com/requests") AND resource.type="cloud_run_revision"` +
			` AND resource.labels.location="europe-west1"` +
			` AND resource.labels.service_name=("stellar-r-f0-0" OR "stellar-r-f1-0")` +
			` AND timestamp>="2026-11-28T09:00:00Z" AND timestamp<="2026-11-28T09:03:00.000000005Z"` +
			` --format json(trace,httpRequest.latency,labels.instanceId) --project p --quiet`}
		if calls := g.calls(); !slices.Equal(calls, want) {
			t.Errorf("%s ran\n%s\nwant\n%s", kind, strings.Join(calls, "\n"), strings.Join(want, "\n"))
		}
		for row, want := range map[string]string{"abc/123;o=1": "abc", "abc;o=1": "abc", "abc": "abc"} {
			if got := from.ReportID(row); got != want {
				t.Errorf("%s is joined by %s, want %s", row, got, want)
			}
		}
	}
}

func TestReportsFail(t *testing.T) {
	g := newFakeGcloud(t, map[string]string{"logging-read.err": "ERROR: PERMISSION_DENIED: Permission denied\n",
		"logging-read.code": "1"})
	from := g.open("gcr", here()).(provider.Reporter)
	w := provider.ReportWindow{Functions: []provider.Endpoint{{Detail: map[string]string{provider.DetailUnit: "u"}}}}
	err := from.Reports(t.Context(), w, nil)
	if err == nil || !strings.Contains(err.Error(), "logging.logEntries.list") {
		t.Errorf("error %v", err)
	}
	w.Functions = []provider.Endpoint{{Function: "theirs"}}
	if err := from.Reports(t.Context(), w, nil); fail.Code(err) != fail.CodeInput {
		t.Errorf("error %v", err)
	}
	none := newFakeGcloud(t, map[string]string{"logging-read.out": "[]"}).open("gcr", here()).(provider.Reporter)
	w.Functions = []provider.Endpoint{{Detail: map[string]string{provider.DetailUnit: "u"}}}
	if err := none.Reports(t.Context(), w, nil); err != nil {
		t.Errorf("error %v", err)
	}
}
