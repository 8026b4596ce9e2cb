"""Traced records cost the consumer no more than was decided, whatever comes."""

from types import SimpleNamespace
from typing import Any, cast

from confluent_kafka import Message
from opentelemetry import trace
from opentelemetry.trace import Span

from consumer.shell.ingest.traces import RECORDS_A_SECOND, LoopTraces
from consumer.shell.kafka.ports import Fetch
from observability.telemetry import Telemetry
from tally.kafka.columns import traceparents_of

Headers = list[tuple[str, str | bytes | None]]
SECOND_NS = 1_000_000_000


class Spans:
    """Notes what is started, and how many links each has."""

    def __init__(self) -> None:
        self.links: list[int] = []

    def start(self, _key: str, _attributes: Any, *, links: Any = (), **_: Any) -> Span:
        self.links.append(len(links))
        return trace.INVALID_SPAN


def fetch_of(count: int, asked: list[int]) -> Fetch:
    """So many traced records; ``asked`` notes how many are looked for."""

    def first(most: int) -> dict[tuple[int, int], str]:
        asked.append(most)
        return {(0, at): f"00-{at + 1:032x}-{at + 1:016x}-01" for at in range(min(most, count))}

    return Fetch(traceparents=first)


def test_of_the_traced_records_of_one_second_only_the_first_get_spans() -> None:
    """Of the traced records of one second only a bounded number get spans, and headers beyond it are not looked at."""
    spans, now, asked = Spans(), [5 * SECOND_NS], list[int]()
    telemetry = cast("Telemetry", SimpleNamespace(tracing=spans))
    traces = LoopTraces(telemetry, "a.topic", lambda: now[0])
    for count in (RECORDS_A_SECOND - 20, 70, 10):
        traces.fetched(fetch_of(count, asked))
        traces.written([])
    assert spans.links == [RECORDS_A_SECOND - 20, 20]
    assert asked == [RECORDS_A_SECOND, 20]
    now[0] += SECOND_NS
    traces.fetched(fetch_of(10, asked))
    assert spans.links[2:] == [10]


def test_traceparents_are_looked_for_in_order_until_there_are_enough() -> None:
    """Traceparents are taken in the order of the records until there are enough; records without one are skipped."""
    other: Headers = [("other", b"x")]
    header: Headers = [*other, ("traceparent", b"00-1-2-01")]
    given: list[Headers | None] = [None, header, other, header, header]
    messages = [Message(topic="t", partition=3, offset=at, headers=each) for at, each in enumerate(given)]
    assert traceparents_of(messages, 2) == {(3, 1): "00-1-2-01", (3, 3): "00-1-2-01"}
    assert [*traceparents_of(messages, 10)] == [(3, 1), (3, 3), (3, 4)]
    assert traceparents_of(messages, 0) == {}
