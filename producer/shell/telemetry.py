"""What the producer measures: calls at the port of the methods, transactions at the port of the lanes.

Both are wrapped where they are wired, so no server, lane or method knows of it, and every server is measured alike. A
call that is refused, cancelled or late is counted under the status that its caller sees.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from loguru import logger

from observability.current import CURRENT
from observability.instruments import Counter, Histogram
from observability.metrics import Metrics
from producer.core.lane_events import Found, WasReadBack
from producer.core.ports import Incoming, LaneTransactions, Methods, Place, Request, Response, Rpc
from producer.core.refusals import Code, Refusal
from producer.shell.traces import Traces
from tally.kafka.transaction_port import (
    NO_HEADERS,
    Aborted,
    AbortFailed,
    CommitFailed,
    CommitReturned,
    CommitSuspected,
    CommitTimedOut,
    Delivered,
    Headers,
    NoSigns,
    OffsetsToCommit,
    Outgoing,
    ProduceFailed,
    Renewed,
    RenewFailed,
    Suspected,
)

if TYPE_CHECKING:
    from producer.shell.traced import TracedTransaction

_OUR_FAULT: Final = frozenset({Code.DEADLINE_EXCEEDED, Code.INTERNAL, Code.UNAVAILABLE})
"""Of the codes that Tally answers, those that the semantic conventions count as errors of the server."""


def observed(methods: Methods, metrics: Metrics, traces: Traces) -> Methods:
    """Return the table with each call measured."""
    durations = metrics.histogram("rpc.server.call.duration")
    return [
        replace(
            rpc,
            method=partial(_measured, rpc, rpc.path, durations, traces),
            refused=partial(_measure_refused, rpc.path, durations),
        )
        for rpc in methods
    ]


def _measure_refused(path: str, durations: Histogram, refusal: Refusal, took_s: float) -> None:
    durations.record(took_s, (path, *_outcome_of(refusal)), None)


async def _measured(
    rpc: Rpc[Request, Response], path: str, durations: Histogram, traces: Traces, incoming: Incoming[Request]
) -> Response | Refusal:
    began_s = time.perf_counter()
    call = traces.begin(rpc, incoming)
    status, error = "", None
    try:
        answer = await rpc.method(incoming)
    except asyncio.CancelledError:
        # gRPC cancels a call when its caller is gone or its deadline has passed.
        late = incoming.remaining_s is not None and time.perf_counter() - began_s >= incoming.remaining_s
        status = Code.DEADLINE_EXCEEDED.name if late else "CANCELLED"
        error = status if late else None
        raise
    except Exception as defect:
        status, error = Code.INTERNAL.name, type(defect).__name__
        raise
    else:
        status, error = _outcome_of(answer)
        return answer
    finally:
        took_s = time.perf_counter() - began_s
        durations.record(took_s, (path, status, error), None if call is None else call.trace)
        if call is not None:
            traces.end(call, status, error)


def _outcome_of(answer: object) -> tuple[str, str | None]:
    """Return the status and the error of an answer."""
    if not isinstance(answer, Refusal):
        return "OK", None
    return answer.code.name, answer.reason.value if answer.code in _OUR_FAULT else None


class LaneMetrics:
    """The instruments that all lanes share."""

    def __init__(self, metrics: Metrics, topic: str) -> None:
        self.topic = topic
        self.operations: Histogram = metrics.histogram("messaging.client.operation.duration")
        self.records: Histogram = metrics.histogram("app.txn.records")
        self.sent: Counter = metrics.counter("messaging.client.sent.messages", [(topic,)])
        self.aborts: Counter = metrics.counter("app.txn.aborts", [()])


class ObservedTransactions:
    """A lane's transactional client with each transaction measured. See the port for the methods."""

    def __init__(self, lane: int, inner: LaneTransactions, metrics: LaneMetrics, traces: Traces) -> None:
        self._lane = lane
        self._inner = inner
        self._traces = traces
        self._traced: TracedTransaction | None = None
        self._metrics = metrics
        self._records = 0  # of the transaction that is open
        self._commit_began_s: float | None = None

    def renew(self) -> Renewed | RenewFailed:
        """See the port."""
        self._commit_began_s = None
        self._end_span("renewed")  # that ends whatever was open
        return self._inner.renew()

    def produce(
        self, records: Sequence[Outgoing], headers: Headers = NO_HEADERS, offsets: OffsetsToCommit | None = None
    ) -> Delivered | ProduceFailed:
        """See the port."""
        CURRENT.set(None)
        traced = self._traced = self._traces.transaction(self._lane, records)
        self._records = len(records)
        self._commit_began_s = None
        began_s = time.perf_counter()
        event = self._inner.produce(records, headers if traced is None else {**headers, **traced.headers}, offsets)
        error = event.trouble.kind.value if isinstance(event, ProduceFailed) else None
        self._note("send", began_s, error)
        if traced is not None:
            traced.delivered(error)
        return event

    def commit(self, timeout_s: float) -> CommitReturned | CommitSuspected | CommitTimedOut | CommitFailed:
        """See the port. A commit that is called again is one operation, measured from its first call."""
        if self._commit_began_s is None:
            self._commit_began_s = time.perf_counter()
        event = self._inner.commit(timeout_s)
        if not isinstance(event, CommitTimedOut):
            error = event.trouble.kind.value if isinstance(event, CommitFailed) else None
            self._note("commit", self._commit_began_s, error)
            self._commit_began_s = None
            self._end_span(error)
        if isinstance(event, CommitReturned | CommitSuspected):
            self._committed()
        return event

    def abort(self) -> Aborted | AbortFailed:
        """See the port."""
        began_s = time.perf_counter()
        event = self._inner.abort()
        self._note("abort", began_s, event.trouble.kind.value if isinstance(event, AbortFailed) else None)
        self._metrics.aborts.add(1)
        self._end_span("aborted")
        return event

    def read_back(self, places: Sequence[Place]) -> WasReadBack:
        """See the port. A batch that is found committed was sent after all."""
        event = self._inner.read_back(places)
        if event.found is Found.ALL:
            self._committed()
        return event

    def idle_signs(self) -> NoSigns | Suspected:
        """See the port."""
        return self._inner.idle_signs()

    def close(self) -> None:
        """See the port."""
        self._inner.close()

    def _committed(self) -> None:
        self._metrics.records.record(self._records)
        self._metrics.sent.add(self._records, (self._metrics.topic,))
        logger.debug("transaction committed: {} records by lane {}", self._records, self._lane)

    def _end_span(self, error: str | None) -> None:
        if self._traced is not None:
            self._traced.ended(error)
            self._traced = None

    def _note(self, operation: str, began_s: float, error: str | None) -> None:
        took_s = time.perf_counter() - began_s
        self._metrics.operations.record(took_s, (operation, self._metrics.topic, error))


def observe_state(
    metrics: Metrics,
    lanes: int,
    lane_available: Callable[[int], bool],
    serving: Callable[[], bool],
    waiting: Callable[[], int],
) -> None:
    """Make the gauges of the producer's state."""

    def lane_states() -> Iterable[tuple[float, tuple[str | int, ...]]]:
        for lane in range(lanes):
            ready = lane_available(lane)
            yield float(ready), (lane, "READY")
            yield float(not ready), (lane, "UNREADY")

    metrics.gauge("app.lane.state", lane_states)
    metrics.gauge("app.ready", lambda: [(float(serving()), ())])
    metrics.gauge("app.queue.records", lambda: [(waiting(), ())])
