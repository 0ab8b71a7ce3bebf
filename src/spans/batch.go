package spans

import (
	"context"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// batch collects ended spans. The SDK's own batches are sent by a goroutine, which drops spans that come too fast.
type batch struct {
	exporter *otlptrace.Exporter
	spans    []sdk.ReadOnlySpan
}

var _ sdk.SpanProcessor = (*batch)(nil)

// OnStart does nothing.
func (*batch) OnStart(context.Context, sdk.ReadWriteSpan) {}

// OnEnd collects a span.
func (b *batch) OnEnd(s sdk.ReadOnlySpan) { b.spans = append(b.spans, s) }

// Shutdown does nothing: Sender.Close sends the rest.
func (*batch) Shutdown(context.Context) error { return nil }

// ForceFlush does nothing either.
func (*batch) ForceFlush(context.Context) error { return nil }

// idsKey is the key under which a context holds the ids of the span that is about to begin.
type idsKey struct{}

type spanIDs struct {
	trace trace.TraceID
	span  trace.SpanID
}

// ids gives spans the ids that their context holds.
type ids struct{}

var _ sdk.IDGenerator = ids{}

// NewIDs are those of a trace's first span.
func (ids) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	all, _ := ctx.Value(idsKey{}).(spanIDs)
	return all.trace, all.span
}

// NewSpanID is that of a further span.
func (ids) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	all, _ := ctx.Value(idsKey{}).(spanIDs)
	return all.span
}
