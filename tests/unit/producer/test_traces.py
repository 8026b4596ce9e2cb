"""The producer's spans: their parents and links, within bounds, and what of a call's end is an error."""

import asyncio
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from observability.metrics import Metrics
from observability.outbox import Bound, SpanOutbox
from observability.telemetry import Telemetry
from observability.tracing import LINKS_MAX, Tracing
from producer.core.ports import Incoming, Method
from producer.core.refusals import Code, Outcome, Reason, Refusal
from producer.shell.methods import TallyMethods
from producer.shell.telemetry import observed
from producer.shell.traces import Traces
from tally.generated.tally.v1 import tally_pb2
from tally.kafka.transaction_port import Outgoing

ERRORS = {"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"}
"""What semantic conventions call errors of a server."""


@dataclass
class Traced:
    """Traces whose spans are kept: ``ended`` returns them."""

    metrics: Metrics
    tracing: Tracing
    traces: Traces
    kept: InMemorySpanExporter

    def ended(self) -> list[ReadableSpan]:
        self.tracing.close(10)
        return list(self.kept.get_finished_spans())


@pytest.fixture
def traced() -> Iterator[Traced]:
    """Every call is traced."""
    metrics, kept = Metrics("producer"), InMemorySpanExporter()
    tracing = Tracing("producer", Resource({}), SpanOutbox(kept, Bound("traces", metrics.dropped)), 1.0)
    yield Traced(metrics, tracing, Traces(cast("Telemetry", SimpleNamespace(tracing=tracing)), "a.topic"), kept)
    tracing.close(10)


ROWS = {row.name: row for row in TallyMethods(cast("Any", None), "a.topic", 12, 10_000).rpcs()}


def incoming(request: Any) -> Incoming[Any]:
    return Incoming(request, None, dict)


async def add_by(method: Method[Any, Any], traced: Traced) -> Any:
    """Call Add, observed, when this is its method."""
    (row,) = observed([replace(ROWS["Add"], method=method)], traced.metrics, traced.traces)
    return await row.method(incoming(addition()))


def addition() -> tally_pb2.AddRequest:
    return tally_pb2.AddRequest(request_id=str(uuid.uuid4()), a="1", b="2")


def test_a_transaction_has_no_more_links_than_a_span_may_have(traced: Traced) -> None:
    """Of a transaction's traced records at most 1,024 get spans, so that no link of its span is dropped."""
    batches = [tally_pb2.AddBatchRequest(additions=[addition() for _ in range(100)]) for _ in range(12)]
    calls = [traced.traces.begin(ROWS["AddBatch"], incoming(batch)) for batch in batches]
    ids = [uuid.UUID(each.request_id).bytes for batch in batches for each in batch.additions]
    transaction = traced.traces.transaction(0, [Outgoing(each, b"", 0) for each in ids])
    assert transaction is not None
    assert len(transaction.headers) == LINKS_MAX == 1_024
    transaction.delivered(None)
    transaction.ended(None)
    for call in calls:
        assert call is not None
        traced.traces.end(call, "OK", None)
    spans = traced.ended()
    (send,) = [span for span in spans if span.name.startswith("send")]
    creates = {span.context.span_id: span for span in spans if span.name.startswith("create")}
    assert len(creates) == LINKS_MAX
    assert {link.context.span_id for link in send.links} == creates.keys()
    assert send.dropped_links == 0
    assert all([link.context for link in create.links] == [send.context] for create in creates.values())


def test_of_a_large_batch_the_first_hundred_get_spans(traced: Traced) -> None:
    """Only the first hundred records of a batch get spans, as a trace with thousands helps nobody."""
    batch = tally_pb2.AddBatchRequest(additions=[addition() for _ in range(150)])
    traced.traces.begin(ROWS["AddBatch"], incoming(batch))
    ids = [uuid.UUID(each.request_id).bytes for each in batch.additions]
    transaction = traced.traces.transaction(0, [Outgoing(each, b"", 0) for each in ids])
    assert transaction is not None
    assert [*transaction.headers] == ids[:100]


@pytest.mark.parametrize("code", [None, *Code], ids=lambda code: "OK" if code is None else code.name)
def test_a_call_is_an_error_only_where_the_service_is_at_fault(traced: Traced, code: Code | None) -> None:
    """A span is an error only for a status that is the service's fault; other statuses are attributes."""

    async def answer(_: object) -> Any:
        if code is None:
            return tally_pb2.AddResponse(sum="3")
        return Refusal(code, Reason.INVALID_FIELD, Outcome.NOT_COMMITTED, "a message")

    asyncio.run(add_by(answer, traced))
    (span,) = traced.ended()
    name = "OK" if code is None else code.name
    assert span.attributes is not None
    assert span.attributes["rpc.response.status_code"] == name
    assert span.status.status_code is (StatusCode.ERROR if name in ERRORS else StatusCode.UNSET)
    assert ("error.type" in span.attributes) == (name in ERRORS)


def test_a_defect_is_an_error(traced: Traced) -> None:
    """An exception in a method makes its span an INTERNAL error with the exception's type."""

    async def broken(_: object) -> Any:
        raise KeyError("x")

    with pytest.raises(KeyError):
        asyncio.run(add_by(broken, traced))
    (span,) = traced.ended()
    assert span.attributes is not None
    assert (span.attributes["rpc.response.status_code"], span.attributes["error.type"]) == ("INTERNAL", "KeyError")
    assert span.status.status_code is StatusCode.ERROR
