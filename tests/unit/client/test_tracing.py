"""The client library's spans: there when the program has a tracer, absent otherwise."""

from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from observability import catalogue
from tally.client import Client, Committed, RetryPolicy
from tally.client.tracing import SERVICE
from tests_support.client.fake_tally import FakeTally, refusal, serving

QUICK = RetryPolicy(deadline_s=60, attempt_timeout_s=20, backoff_base_s=0.001, backoff_cap_s=0.01)


class Noting(FakeTally):
    """Keeps each call's traceparent."""

    def __init__(self) -> None:
        super().__init__()
        self.traceparents: list[str | None] = []

    async def Add(self, request: Any, context: Any) -> Any:  # noqa: N802 - the contract's name
        self.traceparents.append(dict(context.invocation_metadata()).get("traceparent"))
        return await super().Add(request, context)


def ids_of(span: ReadableSpan) -> tuple[str, str]:
    """Return the trace's id and the span's, as W3C writes them."""
    context = span.get_span_context()
    assert context is not None
    return f"{context.trace_id:032x}", f"{context.span_id:016x}"


async def test_each_attempt_has_a_span_that_the_service_can_go_on_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each attempt has a span of its own whose context it sends, and only a refused attempt is an error."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr("tally.client.tracing.trace.get_tracer", provider.get_tracer)
    fake = Noting()
    fake.script = lambda seen, request: refusal("UNAVAILABLE") if seen < 1 else None
    async with serving(fake) as target, Client(target, policy=QUICK) as client:
        assert isinstance(await client.add("1", "2"), Committed)
    spans = exporter.get_finished_spans()
    headers = [each.split("-") for each in fake.traceparents if each is not None]
    assert [(trace_id, span_id) for _, trace_id, span_id, _ in headers] == [ids_of(span) for span in spans]
    assert all(int(flags, 16) & 1 for *_, flags in headers), "sampled"
    assert [(span.name, span.kind) for span in spans] == [(f"{SERVICE}/Add", SpanKind.CLIENT)] * 2
    assert [span.status.status_code for span in spans] == [StatusCode.ERROR, StatusCode.UNSET]
    listed = set(catalogue.load().spans["client_call"].attributes)
    assert {name for span in spans for name in span.attributes or {}} == listed


async def test_without_a_tracer_nothing_is_sent_along() -> None:
    """A client without a tracer sends no traceparent with its calls."""
    fake = Noting()
    async with serving(fake) as target, Client(target) as client:
        assert isinstance(await client.add("1", "2"), Committed)
    assert fake.traceparents == [None]
