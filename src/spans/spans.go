package spans

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// Source is what the rows of one sub-experiment are of.
type Source struct {
	Run      string // its id
	Provider string
	Region   string // empty: the provider's default, or there is none
	Index    int    // of the sub-experiment
	Title    string
	Method   string // of the requests
}

// Result is what became of the spans.
type Result struct {
	Requests int // whose spans were sent
	Spans    int
	Unsent   int    // requests whose rows do not say when they were sent: they have no span
	Rejected int64  // spans that the receiver did not take
	Why      string // what the receiver says of them
}

// Sender makes spans of rows and sends them, a batch at a time. It is not safe for concurrent use.
type Sender struct {
	client   *client
	provider *sdk.TracerProvider
	tracer   trace.Tracer
	batch    batch
	pending  int // requests in the batch
	rows     int // given to Add so far
	result   Result
}

// batchSpans is the number of spans that are sent at once.
const batchSpans = 2048

// NewSender prepares sending. The version is that of stellar.
func NewSender(c *Config, version string) *Sender {
	name := c.serviceName
	attributes := []attribute.KeyValue{semconv.ServiceVersion(version)}
	for _, key := range slices.Sorted(maps.Keys(c.attributes)) {
		if key == string(semconv.ServiceNameKey) && name == "" {
			name = c.attributes[key]
		}
		attributes = append(attributes, attribute.String(key, c.attributes[key]))
	}
	if name == "" {
		name = "stellar"
	}
	attributes = append(attributes, semconv.ServiceName(name)) // the last of equal keys counts
	s := &Sender{client: newClient(c)}
	s.batch.exporter = otlptrace.NewUnstarted(s.client)
	s.provider = sdk.NewTracerProvider(sdk.WithSpanProcessor(&s.batch), sdk.WithIDGenerator(ids{}),
		sdk.WithResource(resource.NewWithAttributes(semconv.SchemaURL, attributes...)))
	s.tracer = s.provider.Tracer("github.com/vhive-serverless/STeLLAR", trace.WithInstrumentationVersion(version),
		trace.WithSchemaURL(semconv.SchemaURL))
	return s
}

// Add makes the spans of a row, and sends what has been collected if that is enough. After an error nothing more can be
// sent.
func (s *Sender) Add(ctx context.Context, of *Source, row *sample.Sample) error {
	s.rows++
	if row.SentAt.IsZero() {
		s.result.Unsent++
		return nil
	}
	if s.request(of, row) {
		s.pending++
	}
	if len(s.batch.spans) < batchSpans {
		return nil
	}
	return s.send(ctx)
}

// Close sends the rest, and says what became of all.
func (s *Sender) Close(ctx context.Context) (Result, error) {
	err := s.send(ctx)
	s.result.Rejected, s.result.Why = s.client.rejected, s.client.why
	s.client.http.CloseIdleConnections()
	return s.result, err
}

func (s *Sender) send(ctx context.Context) error {
	spans := s.batch.spans
	if len(spans) == 0 {
		return nil
	}
	s.batch.spans = nil
	if err := s.batch.exporter.ExportSpans(ctx, spans); err != nil {
		return err
	}
	s.result.Spans += len(spans)
	s.result.Requests += s.pending
	s.pending = 0
	return nil
}

// request makes the span of a request, and one for each part of it that took place. Where no response came, the span
// ends with the last instant that is known. It reports whether there is a span: a sampler that the environment names
// may leave it out.
func (s *Sender) request(of *Source, row *sample.Sample) bool {
	id := TraceID(of.Run, of.Index, s.rows, row)
	ctx := context.WithValue(context.Background(), idsKey{}, spanIDs{id, rootID(id)})
	ctx, span := s.tracer.Start(ctx, of.Method, trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindClient),
		trace.WithTimestamp(row.SentAt), trace.WithAttributes(attributes(of, row)...))
	end := row.SentAt
	for n, p := range parts(row) {
		end = later(end, p.end)
		child := context.WithValue(ctx, idsKey{}, spanIDs{id, childID(id, n)})
		_, of := s.tracer.Start(child, p.name, trace.WithTimestamp(p.begin))
		of.End(trace.WithTimestamp(p.end))
	}
	if row.Err != sample.OK {
		span.SetStatus(codes.Error, string(row.Err))
	}
	if !row.ReceivedAt.IsZero() {
		end = row.ReceivedAt
	}
	span.End(trace.WithTimestamp(end))
	return span.SpanContext().IsSampled()
}

// part is a part of a request.
type part struct {
	name       string
	begin, end time.Time
}

// parts are those that took place, in their order.
func parts(row *sample.Sample) []part {
	var all []part
	add := func(name string, begin, end time.Duration) time.Duration {
		if begin < 0 || end < begin {
			return begin
		}
		all = append(all, part{name, row.SentAt.Add(begin), row.SentAt.Add(end)})
		return end
	}
	at := time.Duration(0)
	for _, p := range []struct {
		name string
		took time.Duration
	}{{"dns", row.DNS}, {"connect", row.Connect}, {"tls", row.TLS}} {
		if p.took >= 0 { // none of a kept connection
			at = add(p.name, at, at+p.took)
		}
	}
	add("send", row.WriteBegan, row.Written)
	add("wait", row.Written, row.FirstByte)
	if !row.ReceivedAt.IsZero() {
		add("receive", row.FirstByte, row.ReceivedAt.Sub(row.SentAt))
	}
	return all
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// attributes are by OpenTelemetry's semantic conventions where these have one, else with the prefix stellar. What is
// not known is left out.
func attributes(of *Source, row *sample.Sample) []attribute.KeyValue {
	all := []attribute.KeyValue{
		semconv.HTTPRequestMethodKey.String(of.Method),
		attribute.String("stellar.run", of.Run), attribute.String("stellar.provider", of.Provider),
		attribute.Int("stellar.sub_experiment", of.Index), attribute.String("stellar.title", of.Title),
		attribute.String("stellar.request_id", row.RequestID), attribute.String("stellar.endpoint", row.Endpoint),
		attribute.Int("stellar.burst", row.Burst), attribute.Int("stellar.slot", row.Slot),
		attribute.Bool("stellar.warmup", row.Warmup), attribute.Bool("stellar.new_connection", row.NewConn),
		attribute.Bool("stellar.answered", !row.ReceivedAt.IsZero()),
	}
	if host, port, err := net.SplitHostPort(row.Host); err == nil {
		all = append(all, semconv.ServerAddress(host))
		if n, err := strconv.Atoi(port); err == nil {
			all = append(all, semconv.ServerPort(n))
		}
	} else if row.Host != "" {
		all = append(all, semconv.ServerAddress(row.Host))
	}
	if row.Status != 0 {
		all = append(all, semconv.HTTPResponseStatusCode(row.Status), semconv.HTTPResponseBodySize(int(row.Bytes)))
	}
	if row.Err != sample.OK {
		all = append(all, semconv.ErrorTypeKey.String(string(row.Err)))
	}
	if row.Lateness >= 0 {
		all = append(all, attribute.Float64("stellar.lateness_ms", milliseconds(row.Lateness)))
	}
	if row.Suspect != "" {
		all = append(all, attribute.String("stellar.suspect", row.Suspect))
	}
	return append(all, functionAttributes(of, row)...)
}

// functionAttributes are what the function and the platform say.
func functionAttributes(of *Source, row *sample.Sample) (all []attribute.KeyValue) {
	if row.InstanceID != "" {
		all = append(all, semconv.FaaSInvokedName(row.Endpoint), semconv.FaaSInstance(row.InstanceID))
		if of.Region != "" {
			all = append(all, semconv.FaaSInvokedRegion(of.Region))
		}
	}
	if row.Cold != sample.Unknown {
		all = append(all, semconv.FaaSColdstart(row.Cold == sample.Yes))
	}
	if row.ColdStart != "" {
		all = append(all, attribute.String("stellar.cold_start", row.ColdStart))
	}
	for _, v := range []struct {
		name string
		took time.Duration
	}{{"init", row.Init}, {"service_time", row.Service}, {"provider_duration", row.ProviderDuration},
		{"billed_duration", row.Billed}, {"provider_init", row.ProviderInit}, {"restore", row.Restore}} {
		if v.took >= 0 {
			all = append(all, attribute.Float64("stellar."+v.name+"_ms", milliseconds(v.took)))
		}
	}
	return all
}

func milliseconds(d time.Duration) float64 { return sample.MillisValue(d).Number }

// TraceID is the trace of a row: the one that its request carried, else one that follows from the run, the
// sub-experiment and the row's number, so that a row always has the same.
func TraceID(run string, sub, row int, s *sample.Sample) trace.TraceID {
	if id, err := trace.TraceIDFromHex(s.TraceID); err == nil && rootID(id).IsValid() {
		return id
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%d/%d/%s", run, sub, row, s.RequestID))
	return trace.TraceID(sum[:16])
}

// rootID is the id of a request's span: the second half of its trace's.
func rootID(id trace.TraceID) (span trace.SpanID) { return trace.SpanID(id[8:]) }

// childID is the id of the n-th part of a request.
func childID(id trace.TraceID, n int) trace.SpanID {
	sum := sha256.Sum256(binary.BigEndian.AppendUint32(id[:], uint32(n)))
	return trace.SpanID(sum[:8])
}
