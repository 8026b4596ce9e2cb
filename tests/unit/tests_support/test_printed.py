"""What the Collector's debug exporter prints is read as spans and log lines."""

from tests_support.compose.observability.printed import Line, Span, parse

PRINTED = """\
2026-11-30T16:11:53.213Z	info	service@v0.150.0/service.go:264	Everything is ready.
Traces	{"resource spans": 1, "spans": 2}
ResourceSpans #0
Resource SchemaURL:
Resource attributes:
     -> service.name: Str(tally-consumer)
ScopeSpans #0
ScopeSpans SchemaURL:
InstrumentationScope tally
Span #0
    Trace ID       : 859c37e1075311b5816594918641b1a8
    Parent ID      :
    ID             : 30017ee97a89772f
    Name           : process tally.sums.v1
    Kind           : Consumer
    Start time     : 2026-11-30 16:11:56.117845452 +0000 UTC
    Status code    : Unset
Attributes:
     -> messaging.destination.name: Str(tally.sums.v1)
     -> partition: Int(3)
Links:
SpanLink #0
     -> Trace ID: 2a3feda27566f7af2a3feda27566f7af
     -> ID: 1a3feda27566f7af
     -> Attributes::
          -> partition: Int(9)
Span #1
    Trace ID       : 859c37e1075311b5816594918641b1a8
    Parent ID      : 30017ee97a89772f
    ID             : 40017ee97a89772f
    Name           : fsync
    Kind           : Internal

Logs	{"resource logs": 1, "log records": 1}
ResourceLog #0
Resource SchemaURL:
Resource attributes:
     -> service.name: Str(tally-producer)
LogRecord #0
Timestamp: 2026-11-30 16:11:56.335901247 +0000 UTC
SeverityText: WARNING
SeverityNumber: Warn(13)
Body: Str(not ready: (kafka))
Attributes:
     -> code.function.name: Str(f)
Trace ID:
Span ID:
"""


def test_spans_and_lines_have_their_resource_and_their_own_attributes():
    """Spans and log lines are read with their service and their own attributes, and not those of links."""
    trace = "859c37e1075311b5816594918641b1a8"
    block = Span("tally-consumer", trace, "", "30017ee97a89772f", "process tally.sums.v1", "consumer")
    block.attributes = {"messaging.destination.name": "tally.sums.v1", "partition": "3"}
    fsync = Span("tally-consumer", trace, "30017ee97a89772f", "40017ee97a89772f", "fsync", "internal")
    line = Line("tally-producer", "WARNING", "not ready: (kafka)", {"code.function.name": "f"})
    assert parse(PRINTED) == ([block, fsync], [line])


def test_nothing_printed_is_nothing():
    """The collector's own log lines are read as neither spans nor log records."""
    assert parse(PRINTED.splitlines()[0]) == ([], [])
