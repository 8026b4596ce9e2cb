"""Which calls are traced: the caller decides, else chance."""

from collections.abc import Callable, Iterator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from observability.metrics import Metrics
from observability.outbox import Bound, SpanOutbox
from observability.tracing import Tracing

TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture
def with_ratio() -> Iterator[Callable[[float], Tracing]]:
    made: list[Tracing] = []

    def make(ratio: float) -> Tracing:
        outbox = SpanOutbox(InMemorySpanExporter(), Bound("traces", Metrics("producer").dropped))
        made.append(Tracing("producer", Resource({}), outbox, ratio))
        return made[-1]

    yield make
    for each in made:
        each.close(5)


def header(flags: str, version: str = "00") -> dict[str, str]:
    return {"traceparent": f"{version}-{TRACE_ID}-{SPAN_ID}-{flags}"}


@pytest.mark.parametrize("flags", ["01", "03", "ff"])
def test_a_sampled_caller_is_traced_below_its_span_whatever_the_ratio(
    with_ratio: Callable[[float], Tracing], flags: str
) -> None:
    """A call whose caller samples is traced below the caller's span, even at a ratio of 0."""
    parent = with_ratio(0.0).chosen(header(flags))
    assert parent is not None
    context = trace.get_current_span(parent).get_span_context()
    assert (f"{context.trace_id:032x}", f"{context.span_id:016x}") == (TRACE_ID, SPAN_ID)


@pytest.mark.parametrize(
    "headers",
    [header("00"), header("02"), {"traceparent": "00-junk"}, {"traceparent": ""}, header("zz"), header("01", "ff")],
)
def test_a_caller_that_does_not_sample_or_cannot_be_read_is_not_traced(
    with_ratio: Callable[[float], Tracing], headers: dict[str, str]
) -> None:
    """A call whose caller does not sample, or sends an unreadable parent, is not traced though others are."""
    assert with_ratio(1.0).chosen(headers) is None


@pytest.mark.parametrize(("drawn", "is_traced"), [(0.0, True), (0.0499, True), (0.05, False), (0.99, False)])
def test_of_calls_without_a_traceparent_a_share_is_traced(
    with_ratio: Callable[[float], Tracing], monkeypatch: pytest.MonkeyPatch, drawn: float, is_traced: bool
) -> None:
    """Calls without a traceparent begin a trace of their own in the share that the ratio sets."""
    monkeypatch.setattr("observability.tracing.random.random", lambda: drawn)
    parent = with_ratio(0.05).chosen({})
    assert (parent is not None) == is_traced
    assert parent is None or not trace.get_current_span(parent).get_span_context().is_valid
