package app_test

import (
	"bytes"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/app"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider/vendors"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// spanServer is what is measured and what receives the spans.
type spanServer struct {
	mu      sync.Mutex
	carried map[string]bool // trace ids of measured requests
	spans   []*tracepb.Span
	down    bool
}

func (s *spanServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.URL.Path != "/v1/traces" {
		if parts := strings.Split(r.Header.Get("Traceparent"), "-"); len(parts) == 4 {
			s.carried[parts[1]] = true
		}
		return
	}
	if s.down {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	text, _ := io.ReadAll(r.Body)
	var data tracepb.TracesData
	if err := proto.Unmarshal(text, &data); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	for _, of := range data.ResourceSpans {
		for _, scope := range of.ScopeSpans {
			s.spans = append(s.spans, scope.Spans...)
		}
	}
}

// runWithSpans runs a small experiment of two sub-experiments, one of which sends traces.
func runWithSpans(t *testing.T, environment map[string]string) (*spanServer, app.App, *app.Outcome, *lab.Log, error) {
	t.Helper()
	s := &spanServer{carried: map[string]bool{}, down: environment["down"] != ""}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	home, log := t.TempDir(), &lab.Log{}
	environment["HOME"], environment["DOCKER_HOST"] = home, "unix://"+home+"/none.sock"
	if environment["OTEL_EXPORTER_OTLP_ENDPOINT"] == "" {
		environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = server.URL
	}
	w := lab.App(home, environment, nil, log)
	loaded, err := experiment.Parse("x.json", []byte(`{"Provider":"`+server.URL+`/measured","SubExperiments":[
		{"Title":"plain","Bursts":2,"BurstSizes":[3]},
		{"Title":"traced","Bursts":2,"BurstSizes":[2],"TraceContext":true}]}`), vendors.Known())
	must(t, err)
	out, err := w.Run(t.Context(), loaded.Experiment, home)
	return s, w, out, log, err
}

// rowsOf are the rows of a run's sub-experiments.
func rowsOf(t *testing.T, out *app.Outcome) (all [][]sample.Sample) {
	t.Helper()
	for _, res := range out.Results {
		rows, _, err := sample.ReadFile(filepath.Join(res.Dir, "latencies.csv"))
		must(t, err)
		all = append(all, rows)
	}
	return all
}

// TestSpansOfARun: the receiver has a span of every request, with the row's instants, and in the trace that the request
// carried where it carried one. Sent again, the spans are the same.
func TestSpansOfARun(t *testing.T) {
	s, w, out, log, err := runWithSpans(t, map[string]string{})
	must(t, err)
	roots := map[string]*tracepb.Span{}
	for _, span := range s.spans {
		if len(span.ParentSpanId) == 0 {
			roots[hex.EncodeToString(span.TraceId)] = span
		}
	}
	rows := rowsOf(t, out)
	if len(roots) != 10 || len(rows[0]) != 6 || len(rows[1]) != 4 || len(s.carried) != 4 ||
		!strings.Contains(log.String(), "sent 10 requests as") {
		t.Fatalf("%d requests have spans, %d carried a trace\n%s", len(roots), len(s.carried), log)
	}
	for _, row := range rows[1] {
		span := roots[row.TraceID]
		if span == nil || !s.carried[row.TraceID] || row.TraceID[16:] != hex.EncodeToString(span.SpanId) ||
			int64(span.StartTimeUnixNano) != row.SentAt.UnixNano() ||
			int64(span.EndTimeUnixNano) != row.ReceivedAt.UnixNano() {
			t.Errorf("row %+v has the span %v", row, span)
		}
	}
	for _, row := range rows[0] {
		if row.TraceID != "" {
			t.Errorf("a row without TraceContext has the trace %q", row.TraceID)
		}
	}

	first := len(s.spans)
	var text bytes.Buffer
	must(t, w.Export(t.Context(), out.Dir, app.Export{Format: app.ExportOTLP}, &text))
	if len(s.spans) != 2*first || !strings.HasPrefix(text.String(), "sent 10 requests as ") {
		t.Fatalf("%d spans, then %d; %s", first, len(s.spans)-first, text.String())
	}
	for i, span := range s.spans[:first] {
		if !proto.Equal(span, s.spans[first+i]) {
			t.Errorf("span %d was %v, and is %v", i, span, s.spans[first+i])
		}
	}
}

// TestSpansCostNoRun: a receiver that fails is a warning; a protocol that is not spoken is refused before anything is
// sent.
func TestSpansCostNoRun(t *testing.T) {
	_, _, out, log, err := runWithSpans(t, map[string]string{"down": "yes"})
	must(t, err)
	rows := rowsOf(t, out)
	if len(rows[0])+len(rows[1]) != 10 || !strings.Contains(log.String(), "answered 500") ||
		!strings.Contains(log.String(), "stellar export --format otlp "+out.Dir) {
		t.Errorf("%d rows\n%s", len(rows[0])+len(rows[1]), log)
	}
	_, w, out, _, err := runWithSpans(t, map[string]string{"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})
	if out != nil || fail.Code(err) != fail.CodeInput || !strings.Contains(err.Error(), "grpc") {
		t.Errorf("over gRPC: %v", err)
	}
	if made, _ := filepath.Glob(filepath.Join(w.Output, "2*")); len(made) > 0 {
		t.Errorf("%q were made", made)
	}
	home := t.TempDir()
	rowsFile := filepath.Join(home, "latencies.csv")
	must(t, os.WriteFile(rowsFile, []byte(original), 0o600))
	err = lab.App(home, map[string]string{"HOME": home}, nil, log).Export(t.Context(), rowsFile,
		app.Export{Format: app.ExportOTLP}, io.Discard)
	if fail.Code(err) != fail.CodeInput || !strings.Contains(fail.Hint(err), "OTEL_EXPORTER_OTLP_ENDPOINT") {
		t.Errorf("without a receiver: %v", err)
	}
}
