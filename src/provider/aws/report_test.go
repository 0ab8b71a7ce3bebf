package aws

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
)

func TestReadReport(t *testing.T) {
	ms := time.Millisecond
	for _, c := range []struct {
		name, message string
		want          provider.Report
	}{
		{"text, cold", "REPORT RequestId: a\tDuration: 12.34 ms\tBilled Duration: 94 ms\tMemory Size: 128 MB\t" +
			"Max Memory Used: 31 MB\tInit Duration: 81.50 ms\t\n", provider.Report{RequestID: "a",
			Duration: 12340 * time.Microsecond, Billed: 94 * ms, Init: 81500 * time.Microsecond, Restore: -1,
			MemoryMB: 128, MaxMemoryMB: 31, Cold: true, ColdKnown: true}},
		{"text, warm, traced", "REPORT RequestId: b\tDuration: 2.00 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\t" +
			"Max Memory Used: 31 MB\t\nXRAY TraceId: 1-2\tSegmentId: 3\tSampled: true\t\n", provider.Report{
			RequestID: "b", Duration: 2 * ms, Billed: 2 * ms, Init: -1, Restore: -1, MemoryMB: 128, MaxMemoryMB: 31,
			ColdKnown: true}},
		{"text, restored", "REPORT RequestId: c\tDuration: 9.00 ms\tBilled Duration: 50 ms\tMemory Size: 512 MB\t" +
			"Max Memory Used: 99 MB\tRestore Duration: 310.00 ms\tBilled Restore Duration: 41 ms\t\n",
			provider.Report{RequestID: "c", Duration: 9 * ms, Billed: 50 * ms, Init: -1, Restore: 310 * ms,
				MemoryMB: 512, MaxMemoryMB: 99, Cold: true, ColdKnown: true}},
		{"JSON, cold", `{"time":"2026-11-28T09:00:00.000Z","type":"platform.report","record":{"requestId":"d",` +
			`"metrics":{"durationMs":12.34,"billedDurationMs":94,"memorySizeMB":128,"maxMemoryUsedMB":31,` +
			`"initDurationMs":81.5},"status":"success"}}`, provider.Report{RequestID: "d",
			Duration: 12340 * time.Microsecond, Billed: 94 * ms, Init: 81500 * time.Microsecond, Restore: -1,
			MemoryMB: 128, MaxMemoryMB: 31, Cold: true, ColdKnown: true}},
		{"JSON, warm", `{"type":"platform.report","record":{"requestId":"e","metrics":{"durationMs":2,` +
			`"billedDurationMs":2,"memorySizeMB":128,"maxMemoryUsedMB":31}}}`, provider.Report{RequestID: "e",
			Duration: 2 * ms, Billed: 2 * ms, Init: -1, Restore: -1, MemoryMB: 128, MaxMemoryMB: 31, ColdKnown: true}},
		{"JSON, restored", `{"type":"platform.report","record":{"requestId":"f","metrics":{"durationMs":2,` +
			`"restoreDurationMs":310}}}`, provider.Report{RequestID: "f", Duration: 2 * ms, Billed: -1, Init: -1,
			Restore: 310 * ms, Cold: true, ColdKnown: true}},
		{"JSON that makes no sense", `{"type":"platform.report","record":{"requestId":"g","metrics":{"durationMs":-2,` +
			`"billedDurationMs":1e300,"maxMemoryUsedMB":-1}}}`, provider.Report{RequestID: "g", Duration: -1, Billed: -1,
			Init: -1, Restore: -1, ColdKnown: true}},
	} {
		if got, ok := readReport(c.message); !ok || got != c.want {
			t.Errorf("%s\ngot  %+v, %v\nwant %+v", c.name, got, ok, c.want)
		}
	}
	for _, message := range []string{"", "START RequestId: a", `{"type":"platform.start","record":{"requestId":"a"}}`,
		`{"message":"REPORT RequestId: a"}`, `{"type":"platform.report"}`, "{", "the word platform.report"} {
		if got, ok := readReport(message); ok {
			t.Errorf("%q is read as %+v", message, got)
		}
	}
}

// logs stands in for CloudWatch Logs: a log group's pages, some of them empty, as FilterLogEvents gives them.
type logs struct {
	pages  []string          // a page's events, as JSON, of every log group but
	others map[string]string // these, which have one page
	errors map[string]string // by log group: the code of the error that it answers
	asked  []map[string]any
}

func (l *logs) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in map[string]any
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil ||
		r.Header.Get("X-Amz-Target") != "Logs_20140328.FilterLogEvents" {
		http.Error(w, "{}", http.StatusBadRequest)
		return
	}
	l.asked = append(l.asked, in)
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if code := l.errors[in["logGroupName"].(string)]; code != "" {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"__type":%q,"message":"no"}`, code)
		return
	}
	if events, other := l.others[in["logGroupName"].(string)]; other {
		fmt.Fprintf(w, `{"events":[%s]}`, events)
		return
	}
	page := 0
	if token, ok := in["nextToken"].(string); ok {
		_, _ = fmt.Sscan(token, &page)
	}
	next := ""
	if page+1 < len(l.pages) {
		next = fmt.Sprintf(`,"nextToken":"%d"`, page+1)
	}
	fmt.Fprintf(w, `{"events":[%s]%s}`, l.pages[page], next)
}

func event(stream, message string) string {
	text, _ := json.Marshal(map[string]any{"logStreamName": stream, "message": message, "timestamp": 1})
	return string(text)
}

// openLogs gives a connection to the stand-in.
func openLogs(t *testing.T, l *logs) *connection {
	t.Helper()
	server := httptest.NewServer(l)
	t.Cleanup(server.Close)
	a := &connection{}
	a.once.Do(func() {})
	a.session = &session{logs: cloudwatchlogs.New(cloudwatchlogs.Options{Region: "eu-north-1",
		BaseEndpoint: aws.String(server.URL), RetryMaxAttempts: 1})}
	return a
}

func TestReports(t *testing.T) {
	const stream = "2026/11/28/[$LATEST]0123456789abcdef0123456789abcdef"
	l := &logs{pages: []string{
		event(stream, "REPORT RequestId: a\tDuration: 1.00 ms\t") + "," + event(stream, "REPORT of a function's own"),
		"", // a page without events is not the last one
		event("odd", `{"type":"platform.report","record":{"requestId":"b","metrics":{"durationMs":2}}}`),
	}, errors: map[string]string{"/aws/lambda/new": "ResourceNotFoundException"}}
	w := provider.ReportWindow{From: time.Unix(1000, 0), To: time.Unix(2000, 0)}
	for _, name := range []string{"stellar-f", "new"} {
		w.Functions = append(w.Functions, provider.Endpoint{Detail: map[string]string{provider.DetailName: name}})
	}
	var got []string
	a := openLogs(t, l)
	err := a.Reports(t.Context(), w, func(r provider.Report) { got = append(got, r.RequestID+" "+r.Instance) })
	if want := []string{"a 0123456789abcdef0123456789abcdef", "b odd"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	if len(l.asked) != 4 {
		t.Fatalf("asked %d times: %v", len(l.asked), l.asked)
	}
	first := l.asked[0]
	if first["logGroupName"] != "/aws/lambda/stellar-f" || first["filterPattern"] != reportPattern ||
		first["startTime"] != 940_000.0 || first["endTime"] != 2_060_000.0 {
		t.Errorf("asked for %v", first)
	}
}

func TestReportsFail(t *testing.T) {
	l := &logs{errors: map[string]string{"/aws/lambda/f": "AccessDeniedException"}}
	a := openLogs(t, l)
	w := provider.ReportWindow{Functions: []provider.Endpoint{{Detail: map[string]string{provider.DetailName: "f"}}}}
	err := a.Reports(t.Context(), w, nil)
	if err == nil || !strings.Contains(err.Error(), "/aws/lambda/f (logs:FilterLogEvents): AccessDeniedException") {
		t.Errorf("error %v", err)
	}
	w.Functions = []provider.Endpoint{{Function: "theirs", URL: "https://example.com"}}
	if err := a.Reports(t.Context(), w, nil); fail.Code(err) != fail.CodeInput ||
		!strings.Contains(err.Error(), "theirs") {
		t.Errorf("error %v", err)
	}
}

// TestReportsOfGatewayIDs: a row that has the id of the HTTP API gets the report that Lambda gave under its own.
func TestReportsOfGatewayIDs(t *testing.T) {
	const first, second = "8b6f3c1e-0000-4000-8000-00000000000a", "8b6f3c1e-0000-4000-8000-00000000000b"
	access := event("s", "JKJaXmPLvHcESHA= "+first) + "," + event("s", "no-integration= -") + "," +
		event("s", "a line of another format")
	for name, c := range map[string]struct {
		ids         []string
		group, code string
		want        []string // ids of reports
		warns       string
	}{
		"the API's": {[]string{second, "JKJaXmPLvHcESHA="}, access, "",
			[]string{first, "JKJaXmPLvHcESHA=", second}, ""},
		"Lambda's": {[]string{first, second}, access, "", []string{first, second}, ""},
		"without an access log": {[]string{"JKJaXmPLvHcESHA="}, "", "ResourceNotFoundException",
			[]string{first, second}, "service stellar-s was deployed without ProviderReport"},
		"one that may not be read": {[]string{"JKJaXmPLvHcESHA="}, "", "AccessDeniedException",
			[]string{first, second}, "/aws/http-api/stellar-s cannot be read (logs:FilterLogEvents)"},
	} {
		t.Run(name, func(t *testing.T) {
			l := &logs{pages: []string{event("s", "REPORT RequestId: "+first+"\tDuration: 1.00 ms\t") + "," +
				event("s", "REPORT RequestId: "+second+"\tDuration: 1.00 ms\t")},
				others: map[string]string{"/aws/http-api/stellar-s": c.group},
				errors: map[string]string{"/aws/http-api/stellar-s": c.code}}
			a := openLogs(t, l)
			var said warnings
			a.Log = &said
			at := provider.Endpoint{Detail: map[string]string{provider.DetailName: "f",
				provider.DetailUnit: "stellar-s"}}
			w := provider.ReportWindow{From: time.Unix(1000, 0), To: time.Unix(2000, 0), IDs: slices.Values(c.ids),
				Functions: []provider.Endpoint{at}}
			var got []string
			for range 2 { // the second time nothing is said anew
				got = nil
				err := a.Reports(t.Context(), w, func(r provider.Report) { got = append(got, r.RequestID) })
				if err != nil {
					t.Fatal(err)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("reports of %q, want %q", got, c.want)
			}
			if text := strings.Join(said, "\n"); !strings.Contains(text, c.warns) ||
				len(said) != min(len(c.warns), 1) {
				t.Errorf("it warns %q", said)
			}
			if asked := len(l.asked) > 2; asked != (name != "Lambda's") {
				t.Errorf("asked %v", l.asked)
			}
		})
	}
}

// warnings are those that were written.
type warnings []string

func (*warnings) Debugf(string, ...any)              {}
func (*warnings) Infof(string, ...any)               {}
func (w *warnings) Warnf(format string, args ...any) { *w = append(*w, fmt.Sprintf(format, args...)) }

// TestReportsOfAnotherLogGroup: a function that others have deployed may write its logs to a group of another name.
func TestReportsOfAnotherLogGroup(t *testing.T) {
	l := &logs{errors: map[string]string{"/shop/logs": "AccessDeniedException"}}
	w := provider.ReportWindow{Functions: []provider.Endpoint{{Detail: map[string]string{provider.DetailName: "f",
		detailLogGroup: "/shop/logs"}}}}
	err := openLogs(t, l).Reports(t.Context(), w, func(provider.Report) {})
	if err == nil || !strings.Contains(err.Error(), "/shop/logs (logs:FilterLogEvents): AccessDeniedException") {
		t.Errorf("%v", err)
	}
}
