"""The consumer's spans: blocks that have records of traced calls, their fsyncs, and each such record to the disk.

Theory of operation. Records are looked through for traceparents. The block of each partition that has some begins its
span right after the fetch; the thread that writes the block logs under it and adds the fsync; and when the blocks are
written, each traced record gets a span of its own below the one that created it. A record's span costs a tenth of a
millisecond, so that in one second only the first RECORDS_A_SECOND get any, and behind them no header is looked at: a
consumer that catches up would be slowed otherwise.
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span

from consumer.shell.ingest.loop_observer import LoopObserver
from consumer.shell.ingest.pending_block import PendingBlock
from consumer.shell.kafka.ports import Fetch
from observability.current import CURRENT
from observability.telemetry import Telemetry
from observability.tracing import LINKS_MAX, Attribute, Tracing, finish, is_sampled, parent_of, trace_of
from tally.event.codes import KIND_NAMES

RECORDS_A_SECOND: Final = 50
"""A hundredth and a half of a core, two thirds of it for sending them. Calls of one addition come by the thousand a
second, a twentieth of them traced."""

_SECOND_NS: Final = 1_000_000_000
_NOT_WRITTEN: Final = "not written"


@dataclass
class _TracedBlock:
    """``parents`` are the spans that created the records, by offset; ``span`` is begun once they are known."""

    parents: dict[int, Context] = field(default_factory=dict)
    span: Span = trace.INVALID_SPAN


class LoopTraces(LoopObserver):
    """Traces the ingest loop's work."""

    def __init__(self, telemetry: Telemetry, topic: str, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._telemetry = telemetry
        self._topic = topic
        self._now_ns = now_ns
        self._second = 0
        self._taken = 0
        self._blocks: dict[int, _TracedBlock] = {}
        self._fetched_ns = 0
        self._writing = threading.local()

    def fetched(self, fetch: Fetch) -> None:
        """See LoopObserver."""
        tracing = self._telemetry.tracing
        if tracing is None:
            return
        self._fetched_ns = self._now_ns()
        for (partition, offset), header in self._taken_from(fetch):
            parent = parent_of({"traceparent": header}) if is_sampled(header) else None
            if parent is not None:
                self._blocks.setdefault(partition, _TracedBlock()).parents[offset] = parent
        for partition, block in self._blocks.items():
            links = [trace.get_current_span(each).get_span_context() for each in block.parents.values()]
            about: dict[str, Attribute] = {"messaging.destination.name": self._topic, "partition": partition}
            block.span = tracing.start("block", about, links=links, start_ns=self._fetched_ns)

    def _taken_from(self, fetch: Fetch) -> Iterable[tuple[tuple[int, int], str]]:
        """Return as many of the traced records as this second has room for; without any, no header is looked at."""
        second = self._fetched_ns // _SECOND_NS
        if second != self._second:
            self._second, self._taken = second, 0
        if self._taken == RECORDS_A_SECOND:
            return ()
        found = fetch.traceparents(RECORDS_A_SECOND - self._taken)
        self._taken += len(found)
        return found.items()

    def writing(self, partition: int) -> None:
        """See LoopObserver."""
        block = self._blocks.get(partition)
        if block is not None:
            self._writing.partition = partition
            CURRENT.set(trace_of(block.span))

    def synced(self, took_s: float) -> None:
        """See LoopObserver."""
        partition = getattr(self._writing, "partition", None)
        tracing = self._telemetry.tracing
        if partition is not None and tracing is not None:
            now_ns = self._now_ns()
            block = self._blocks[partition].span
            fsync = tracing.start("fsync", {"partition": partition}, parent=block, start_ns=now_ns - int(took_s * 1e9))
            finish(fsync, {}, now_ns)

    def wrote(self) -> None:
        """See LoopObserver."""
        if getattr(self._writing, "partition", None) is not None:
            self._writing.partition = None
            CURRENT.set(None)

    def written(self, blocks: Sequence[PendingBlock]) -> None:
        """See LoopObserver."""
        tracing = self._telemetry.tracing
        if not self._blocks or tracing is None:
            return
        now_ns = self._now_ns()
        for block in blocks:
            traced = self._blocks.pop(block.partition, None)
            if traced is not None:
                self._records(tracing, traced, block, now_ns)
                finish(traced.span, {"app.block.records": len(block.folded.rows)}, now_ns)
        # The ledger had them already, or the partition had to be paused and they are fetched again.
        for traced in self._blocks.values():
            finish(traced.span, {"error.type": _NOT_WRITTEN}, now_ns)
        self._blocks.clear()

    def _records(self, tracing: Tracing, traced: _TracedBlock, block: PendingBlock, now_ns: int) -> None:
        rows = block.folded.rows
        places = {int(rows["offset"][at]): int(at) for at in np.flatnonzero(np.isin(rows["offset"], [*traced.parents]))}
        link = [traced.span.get_span_context()]
        for offset, parent in list(traced.parents.items())[:LINKS_MAX]:
            if offset in places:
                about: dict[str, Attribute] = {
                    "messaging.destination.name": self._topic,
                    "partition": block.partition,
                    "kind": KIND_NAMES[int(rows["kind"][places[offset]])],
                }
                record = tracing.start("record", about, parent=parent, links=link, start_ns=self._fetched_ns)
                finish(record, {}, now_ns)
