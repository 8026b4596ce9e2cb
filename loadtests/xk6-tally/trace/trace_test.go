package trace

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"compress/gzip"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

var form = regexp.MustCompile(`^00-([0-9a-f]{32})-([0-9a-f]{16})-0([01])$`)

// A sampled span is sent by OTLP as a root span with the ids that its traceparent had; one that is not says so.
func TestSent(t *testing.T) {
	var requests atomic.Int64
	bodies := make(chan *collector.ExportTraceServiceRequest, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		reader := io.Reader(r.Body)
		if r.Header.Get("Content-Encoding") == "gzip" {
			reader, _ = gzip.NewReader(r.Body)
		}
		raw, _ := io.ReadAll(reader)
		body := &collector.ExportTraceServiceRequest{}
		if err := proto.Unmarshal(raw, body); err != nil || r.URL.Path != "/v1/traces" {
			t.Error(err, r.URL.Path)
		}
		bodies <- body
	}))
	defer server.Close()
	tracer, err := New(t.Context(), server.URL+"/v1/traces", 1)
	if err != nil {
		t.Fatal(err)
	}
	span := tracer.Start("add")
	parts := form.FindStringSubmatch(span.Traceparent)
	if parts == nil || parts[1] != span.TraceID || parts[3] != "1" || !span.Sampled {
		t.Fatalf("%+v", span)
	}
	span.End("UNAVAILABLE")
	if lost, err := tracer.Close(t.Context()); lost != 0 || err != nil {
		t.Fatal(lost, err)
	}
	sent := (<-bodies).ResourceSpans[0]
	one := sent.ScopeSpans[0].Spans[0]
	if one.Name != "add" || len(one.ParentSpanId) != 0 || one.Status.Message != "UNAVAILABLE" ||
		sent.Resource.Attributes[0].Value.GetStringValue() != ServiceName {
		t.Fatalf("%v", sent)
	}
	none, err := New(t.Context(), server.URL+"/v1/traces", 0)
	if err != nil {
		t.Fatal(err)
	}
	quiet := none.Start("add")
	quiet.End("")
	if parts := form.FindStringSubmatch(quiet.Traceparent); parts == nil || parts[3] != "0" || quiet.Sampled {
		t.Fatalf("%+v", quiet)
	}
	if _, err := none.Close(t.Context()); err != nil || requests.Load() != 1 {
		t.Fatal(err, requests.Load())
	}
}

// Spans that nobody takes are counted, and end nothing.
func TestLost(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no", http.StatusBadRequest)
	}))
	defer server.Close()
	tracer, err := New(t.Context(), server.URL+"/v1/traces", 1)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		tracer.Start("add").End("")
	}
	if lost, _ := tracer.Close(t.Context()); lost != 3 {
		t.Fatalf("%d spans are told as lost", lost)
	}
}

// Without an endpoint nothing is sent, and ids are given all the same; a share outside 0 to 1 is refused.
func TestNoEndpoint(t *testing.T) {
	tracer, err := New(t.Context(), "", 1)
	if err != nil {
		t.Fatal(err)
	}
	if span := tracer.Start("add"); !form.MatchString(span.Traceparent) {
		t.Fatal(span.Traceparent)
	}
	if lost, err := tracer.Close(t.Context()); lost != 0 || err != nil {
		t.Fatal(lost, err)
	}
	if _, err := New(t.Context(), "", 1.5); err == nil || !strings.Contains(err.Error(), "from 0 to 1") {
		t.Fatal(err)
	}
}
