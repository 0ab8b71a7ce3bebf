package spans

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// receiver is a receiver of spans that checks what every request must have.
type receiver struct {
	t      *testing.T
	answer func(n int, w http.ResponseWriter) // of the n-th request, from 1; nil: 200
	n      atomic.Int64
	header http.Header
	path   string
	all    []*tracepb.ResourceSpans
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body := io.Reader(q.Body)
	if q.Header.Get("Content-Encoding") == "gzip" {
		var err error
		if body, err = gzip.NewReader(body); err != nil {
			r.t.Error(err)
			return
		}
	}
	text, err := io.ReadAll(body)
	var data tracepb.TracesData
	if err == nil {
		err = proto.Unmarshal(text, &data)
	}
	if err != nil || q.Method != http.MethodPost || q.Header.Get("Content-Type") != "application/x-protobuf" {
		r.t.Errorf("%s with %v: %v", q.Method, q.Header, err)
	}
	r.header, r.path = q.Header, q.URL.Path
	n := int(r.n.Add(1))
	if r.answer != nil {
		r.answer(n, w)
		return
	}
	r.all = append(r.all, data.ResourceSpans...)
}

func (r *receiver) spans() (all []*tracepb.Span) {
	for _, of := range r.all {
		for _, scope := range of.ScopeSpans {
			all = append(all, scope.Spans...)
		}
	}
	return all
}

// open makes a sender to a receiver, with the variables of an environment.
func open(t *testing.T, r *receiver, environment map[string]string) *Sender {
	t.Helper()
	r.t = t
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	c, err := FromEnvironment(func(name string) string {
		if name == "OTEL_EXPORTER_OTLP_ENDPOINT" {
			return server.URL
		}
		return environment[name]
	})
	if err != nil {
		t.Fatal(err)
	}
	return NewSender(c, "1.2.3")
}

var at = time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)

// answered is a cold request over a new connection, with a trace id.
func answered() sample.Sample {
	s := sample.Empty()
	s.RequestID, s.Host, s.Endpoint, s.SentAt, s.TraceID = "r1", "127.0.0.1:8080", "f0-0", at,
		"0af7651916cd43dd8448eb211c80319c"
	s.Latency, s.ReceivedAt, s.FirstByte = 10*time.Millisecond, at.Add(10*time.Millisecond), 9*time.Millisecond
	s.NewConn, s.DNS, s.Connect, s.TLS = true, time.Millisecond, 2*time.Millisecond, 3*time.Millisecond
	s.WriteBegan, s.Written, s.Status, s.Bytes = 6*time.Millisecond, 6100*time.Microsecond, 200, 42
	s.Cold, s.InstanceID, s.ColdStart, s.Burst, s.Slot, s.Lateness = sample.Yes, "i-1", sample.Idle, 3, 1, 1500
	return s
}

// hanging is a request over a kept connection that got no answer.
func hanging() sample.Sample {
	s := sample.Empty()
	s.RequestID, s.Host, s.SentAt, s.Err, s.WriteBegan, s.Written = "r2", "h", at, sample.Timeout, 0, time.Millisecond
	return s
}

func attributeOf(s *tracepb.Span, key string) string {
	for _, a := range s.Attributes {
		if a.Key == key {
			return strings.Trim(strings.TrimSpace(a.Value.String()[strings.Index(a.Value.String(), ":")+1:]), `"`)
		}
	}
	return ""
}

// Every request is a span with the row's instants, and every part that took place is a span below it.
func TestEverySpanArrives(t *testing.T) {
	r := &receiver{}
	s := open(t, r, map[string]string{"OTEL_EXPORTER_OTLP_HEADERS": "api-key=a%2Cb, x=y",
		"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip", "OTEL_RESOURCE_ATTRIBUTES": "service.name=mine,team=a%20b"})
	source := &Source{Run: "run", Provider: "local", Region: "eu-central-1", Index: 1, Title: "cold", Method: "GET"}
	first, second, third := answered(), hanging(), sample.Empty()
	for _, row := range []*sample.Sample{&first, &second, &third} {
		if err := s.Add(t.Context(), source, row); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Close(t.Context())
	if want := (Result{Requests: 2, Spans: 9, Unsent: 1}); err != nil || got != want {
		t.Fatalf("%+v, %v, want %+v", got, err, want)
	}
	if r.path != "/v1/traces" || r.header.Get("Api-Key") != "a,b" || r.header.Get("X") != "y" {
		t.Errorf("sent to %s with %v", r.path, r.header)
	}
	if res := r.all[0].Resource.String(); len(r.all) != 1 || !strings.Contains(res, "mine") ||
		!strings.Contains(res, "a b") || !strings.Contains(res, "1.2.3") {
		t.Errorf("the resource is %s", res)
	}
	var tree []string
	ids := map[string]bool{}
	all := r.spans()
	for _, span := range all {
		ids[string(span.SpanId)] = true
		begin, end := time.Unix(0, int64(span.StartTimeUnixNano)), time.Unix(0, int64(span.EndTimeUnixNano))
		tree = append(tree, span.Name+" "+begin.Sub(at).String()+" "+end.Sub(at).String())
	}
	want := "dns 0s 1ms; connect 1ms 3ms; tls 3ms 6ms; send 6ms 6.1ms; wait 6.1ms 9ms; receive 9ms 10ms; GET 0s 10ms; " +
		"send 0s 1ms; GET 0s 1ms"
	if got := strings.Join(tree, "; "); got != want || len(ids) != len(all) {
		t.Errorf("spans %s\nwant %s; %d different ids", got, want, len(ids))
	}
	root, failed := all[6], all[8]
	for i, span := range all[:6] {
		if !bytes.Equal(span.TraceId, root.TraceId) || !bytes.Equal(span.ParentSpanId, root.SpanId) {
			t.Errorf("span %d is not below the request's", i)
		}
	}
	checkRequests(t, root, failed)
}

func checkRequests(t *testing.T, root, failed *tracepb.Span) {
	t.Helper()
	if id := proto.Clone(root).(*tracepb.Span); string(id.TraceId[8:]) != string(id.SpanId) ||
		string(id.TraceId) != "\x0a\xf7\x65\x19\x16\xcd\x43\xdd\x84\x48\xeb\x21\x1c\x80\x31\x9c" ||
		root.Kind != tracepb.Span_SPAN_KIND_CLIENT || len(root.ParentSpanId) != 0 {
		t.Errorf("the request's span is %v", root)
	}
	for key, want := range map[string]string{"http.request.method": "GET", "http.response.status_code": "200",
		"http.response.body.size": "42", "server.address": "127.0.0.1", "server.port": "8080",
		"faas.invoked_name": "f0-0", "faas.invoked_region": "eu-central-1", "faas.instance": "i-1",
		"faas.coldstart": "true", "stellar.run": "run", "stellar.title": "cold", "stellar.burst": "3",
		"stellar.slot": "1", "stellar.cold_start": "idle", "stellar.request_id": "r1", "error.type": "",
		"stellar.answered": "true", "stellar.init_ms": ""} {
		if got := attributeOf(root, key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if failed.Status.GetCode() != tracepb.Status_STATUS_CODE_ERROR || attributeOf(failed, "error.type") != "timeout" ||
		attributeOf(failed, "stellar.answered") != "false" || attributeOf(failed, "faas.coldstart") != "" ||
		attributeOf(failed, "server.address") != "h" || root.Status.GetCode() != tracepb.Status_STATUS_CODE_UNSET {
		t.Errorf("the failed request's span is %v", failed)
	}
}

// A sampler of the environment leaves requests out, and they do not count as sent.
func TestSampler(t *testing.T) {
	t.Setenv("OTEL_TRACES_SAMPLER", "traceidratio")
	t.Setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")
	r := &receiver{}
	s := open(t, r, nil)
	const rows = 200
	for range rows {
		row := hanging()
		if err := s.Add(t.Context(), &Source{Method: "GET"}, &row); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Close(t.Context())
	if err != nil || got.Requests < rows/4 || got.Requests > 3*rows/4 || len(r.spans()) != 2*got.Requests {
		t.Errorf("%+v, %v, %d spans", got, err, len(r.spans()))
	}
}

// Over TLS the receiver's certificate is checked against the authorities that the environment names.
func TestOverTLS(t *testing.T) {
	r := &receiver{t: t}
	server := httptest.NewTLSServer(r)
	t.Cleanup(server.Close)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(ca, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{ca, ""} {
		set := map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": server.URL, "OTEL_EXPORTER_OTLP_CERTIFICATE": path}
		c, err := FromEnvironment(func(name string) string { return set[name] })
		if err != nil {
			t.Fatal(err)
		}
		s, row := NewSender(c, ""), hanging()
		_ = s.Add(t.Context(), &Source{Method: "GET"}, &row)
		if got, err := s.Close(t.Context()); (err == nil) != (path == ca) || err == nil && got.Requests != 1 {
			t.Errorf("with authorities %q: %+v, %v", path, got, err)
		}
	}
}

// A row has the same trace whenever its spans are made, and another one than other rows.
func TestTracesOfRows(t *testing.T) {
	row := hanging()
	first := TraceID("run", 0, 1, &row)
	if first != TraceID("run", 0, 1, &row) || first == TraceID("run", 0, 2, &row) || !first.IsValid() {
		t.Errorf("trace %s", first)
	}
	for _, bad := range []string{"0af7", strings.Repeat("0", 32), strings.Repeat("x", 32), strings.Repeat("a", 40),
		"0af7651916cd43dd0000000000000000"} {
		if row.TraceID = bad; TraceID("run", 0, 1, &row) != first {
			t.Errorf("%q is taken for a trace", bad)
		}
	}
}

// Many rows go in several messages, and none is lost.
func TestManyRows(t *testing.T) {
	r := &receiver{}
	s := open(t, r, nil)
	const rows = 2 * batchSpans
	for range rows {
		row := hanging()
		if err := s.Add(t.Context(), &Source{Method: "GET"}, &row); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Close(t.Context())
	if err != nil || got.Requests != rows || len(r.spans()) != 2*rows || r.n.Load() != 4 {
		t.Errorf("%+v, %v, %d spans in %d messages", got, err, len(r.spans()), r.n.Load())
	}
}

// What receivers answer that do not take spans now, do not take them at all, or take a part of them.
func TestAnswersOfReceivers(t *testing.T) {
	partial := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 2)
	partial = protowire.AppendString(protowire.AppendTag(partial, 2, protowire.BytesType), "too old")
	for name, c := range map[string]struct {
		answer   func(n int, w http.ResponseWriter)
		requests int
		fails    string
		rejected int64
	}{
		"busy, then not": {requests: 3, answer: func(n int, w http.ResponseWriter) {
			w.WriteHeader(map[int]int{1: http.StatusServiceUnavailable, 2: http.StatusTooManyRequests, 3: 200}[n])
		}},
		"busy for long": {requests: 1, fails: "answered 503", answer: func(_ int, w http.ResponseWriter) {
			w.Header().Set("Retry-After", "120")
			w.WriteHeader(http.StatusServiceUnavailable)
		}},
		"refuses": {requests: 1, fails: `answered 401 ("no\x1b[31m key")`, answer: func(_ int, w http.ResponseWriter) {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, "no\x1b[31m key")
		}},
		"sends elsewhere": {requests: 1, fails: "answered 307", answer: func(_ int, w http.ResponseWriter) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(http.StatusTemporaryRedirect)
		}},
		"takes a part": {requests: 1, rejected: 2, answer: func(_ int, w http.ResponseWriter) {
			_, _ = w.Write(protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), partial))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			r := &receiver{answer: c.answer}
			s := open(t, r, nil)
			s.client.pause = time.Millisecond
			row := hanging()
			_ = s.Add(t.Context(), &Source{Method: "GET"}, &row)
			got, err := s.Close(t.Context())
			if int(r.n.Load()) != c.requests || got.Rejected != c.rejected || (err == nil) != (c.fails == "") ||
				err != nil && !strings.Contains(err.Error(), c.fails) {
				t.Errorf("%+v, %v after %d requests", got, err, r.n.Load())
			}
		})
	}
}

// A receiver that is not there, or does not answer, costs no more than the timeout, and no secret is told of it.
func TestNoReceiver(t *testing.T) {
	hangs := &receiver{answer: func(int, http.ResponseWriter) { <-t.Context().Done() }}
	s := open(t, hangs, map[string]string{"OTEL_EXPORTER_OTLP_TIMEOUT": "50"})
	row := hanging()
	_ = s.Add(context.Background(), &Source{Method: "GET"}, &row)
	if _, err := s.Close(context.Background()); err == nil {
		t.Error("no error of a receiver that does not answer")
	}
	c, err := FromEnvironment(func(name string) string {
		return map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://user:secret@127.0.0.1:9/secret"}[name]
	})
	if err != nil {
		t.Fatal(err)
	}
	s = NewSender(c, "")
	_ = s.Add(context.Background(), &Source{Method: "GET"}, &row)
	if _, err := s.Close(context.Background()); err == nil || strings.Contains(err.Error(), "secret") ||
		!strings.Contains(err.Error(), "http://127.0.0.1:9") {
		t.Errorf("of a receiver that is not there: %v", err)
	}
}
