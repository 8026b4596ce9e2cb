// Package trace gives each iteration a root span and sends the sampled ones by OTLP over HTTP.
package trace

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	api "go.opentelemetry.io/otel/trace"
)

// ServiceName is how the load shows beside the services.
const ServiceName = "tally-load"

const exportWait = 5 * time.Second

// Tracer makes root spans, safe for goroutines. What waits to be sent is bounded: 2,048 spans, then new ones are dropped.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   api.Tracer
	failed   *atomic.Uint64
}

// Span is one iteration's root span. Traceparent goes into the headers, or the metadata, of the iteration's calls.
type Span struct {
	Traceparent string `js:"traceparent"`
	TraceID     string `js:"traceId"`
	Sampled     bool   `js:"sampled"`

	span api.Span
}

// New returns a tracer that samples a share of the iterations, from 0 to 1. The endpoint is a URL with its path, such as
// http://127.0.0.1:4318/v1/traces; with "" nothing is sent, and the services take the trace ids on all the same.
func New(ctx context.Context, endpoint string, share float64) (*Tracer, error) {
	if share < 0 || share > 1 {
		return nil, fmt.Errorf("the traced share %v: it must be from 0 to 1", share)
	}
	failed := &atomic.Uint64{}
	options := []sdk.TracerProviderOption{
		sdk.WithSampler(sdk.TraceIDRatioBased(share)), // root spans alone: there is no parent to follow
		sdk.WithResource(resource.NewSchemaless(attribute.String("service.name", ServiceName))),
	}
	if endpoint != "" {
		exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(endpoint), otlptracehttp.WithTimeout(exportWait),
			otlptracehttp.WithRetry(otlptracehttp.RetryConfig{Enabled: true, InitialInterval: time.Second,
				MaxInterval: exportWait, MaxElapsedTime: exportWait}))
		if err != nil {
			return nil, fmt.Errorf("traces %q: %w", endpoint, err)
		}
		options = append(options, sdk.WithBatcher(&counting{exporter, failed}))
	}
	provider := sdk.NewTracerProvider(options...)
	return &Tracer{provider: provider, tracer: provider.Tracer("k6/x/tally"), failed: failed}, nil
}

// Start begins an iteration's span.
func (t *Tracer) Start(name string) *Span {
	_, span := t.tracer.Start(context.Background(), name, api.WithNewRoot(), api.WithSpanKind(api.SpanKindClient))
	ids := span.SpanContext()
	return &Span{
		Traceparent: fmt.Sprintf("00-%s-%s-%s", ids.TraceID(), ids.SpanID(), ids.TraceFlags()),
		TraceID:     ids.TraceID().String(),
		Sampled:     ids.IsSampled(),
		span:        span,
	}
}

// End ends the span; a text that is not empty makes it one of an error. A second call changes nothing.
func (s *Span) End(wrong string) {
	if wrong != "" {
		s.span.SetStatus(codes.Error, wrong)
	}
	s.span.End()
}

// Close sends what waits. It tells how many spans could not be sent.
func (t *Tracer) Close(ctx context.Context) (lost uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*exportWait)
	defer cancel()
	err = errors.Join(t.provider.ForceFlush(ctx), t.provider.Shutdown(ctx))
	return t.failed.Load(), err
}

// counting counts the spans that could not be sent: the SDK tells such errors to the whole process's handler only,
// which is k6's.
type counting struct {
	sdk.SpanExporter
	failed *atomic.Uint64
}

func (c *counting) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	err := c.SpanExporter.ExportSpans(ctx, spans)
	if err != nil {
		c.failed.Add(uint64(len(spans)))
	}
	return err
}
