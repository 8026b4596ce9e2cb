"""Traced records cost the consumer no more than was decided, whatever comes."""

from types import SimpleNamespace
from typing import Any, cast

from opentelemetry import trace
from opentelemetry.trace import Span

from consumer.shell.kafka_source import Fetch
from consumer.shell.traces import RECORDS_A_SECOND, LoopTraces
from observability.telemetry import Telemetry

SECOND_NS = 1_000_000_000


class Spans:
    """Notes what is started, and how many links each has."""

    def __init__(self) -> None:
        self.links: list[int] = []

    def start(self, _key: str, _attributes: Any, *, links: Any = (), **_: Any) -> Span:
        self.links.append(len(links))
        return trace.INVALID_SPAN


def fetch_of(count: int) -> Fetch:
    return Fetch(traceparents={(0, at): f"00-{at + 1:032x}-{at + 1:016x}-01" for at in range(count)})


def test_of_the_traced_records_of_one_second_only_the_first_get_spans() -> None:
    """A topic that is read again at full speed has thousands; the next second has room again."""
    spans, now = Spans(), [5 * SECOND_NS]
    telemetry = cast("Telemetry", SimpleNamespace(tracing=spans))
    traces = LoopTraces(telemetry, "a.topic", lambda: now[0])
    for count in (RECORDS_A_SECOND - 50, 70, 10):
        traces.fetched(fetch_of(count))
        traces.written([])
    assert spans.links == [RECORDS_A_SECOND - 50, 50]
    now[0] += SECOND_NS
    traces.fetched(fetch_of(10))
    assert spans.links[2:] == [10]
