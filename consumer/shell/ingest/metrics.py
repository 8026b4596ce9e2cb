"""What the consumer measures: a few records a fetch, whatever the number of Kafka's records in it."""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import numpy as np
from loguru import logger

from consumer.core.partition.state import StateName, Unassigned, name_of
from consumer.core.snapshot import Unready, lag_of
from consumer.shell.ingest.loop_observer import LoopObserver
from consumer.shell.ingest.pending_block import PendingBlock
from consumer.shell.kafka.ports import CommitOutcome, Fetch, OffsetsNotCommitted
from consumer.shell.views.board import SnapshotBoard
from observability.instruments import Values
from observability.metrics import Metrics

_OWN_STATES: Final = tuple(state for state in StateName if state is not StateName.ELSEWHERE)


class LoopMetrics(LoopObserver):
    """Measures the ingest loop."""

    def __init__(self, metrics: Metrics, topic: str) -> None:
        self._topic = topic
        self._operations = metrics.histogram("messaging.client.operation.duration")
        self._consumed = metrics.counter("messaging.client.consumed.messages", [(topic,)])
        self._process = metrics.histogram("messaging.process.duration")
        self._queue = metrics.histogram("app.queue.latency")
        self._fsyncs = metrics.histogram("app.ledger.fsync.duration")
        self._block_records = metrics.histogram("app.block.records")
        self._began_s = 0.0
        self._commit_began_s: float | None = None

    def fetching(self) -> None:
        """See LoopObserver."""
        self._began_s = time.perf_counter()

    def fetched(self, fetch: Fetch) -> None:
        """See LoopObserver."""
        now_s = time.perf_counter()
        if fetch.batches:
            self._operations.record(now_s - self._began_s, ("receive", self._topic, None))
            self._consumed.add(sum(len(batch.offsets) for batch in fetch.batches), (self._topic,))
        self._began_s = now_s

    def written(self, blocks: Sequence[PendingBlock]) -> None:
        """See LoopObserver."""
        if not blocks:
            return
        self._process.record(time.perf_counter() - self._began_s, (self._topic,))
        now_us = time.time_ns() // 1000
        for block in blocks:
            rows = block.folded.rows
            self._block_records.record(len(rows))
            logger.debug("block written: {} rows of partition {}", len(rows), block.partition)
            # A clock that is behind Kafka's must not make a wait negative.
            self._queue.record_column(np.maximum(now_us - rows["timestamp_us"], 0) / 1e6)

    def synced(self, took_s: float) -> None:
        """See LoopObserver."""
        self._fsyncs.record(took_s)

    def committing(self) -> None:
        """See LoopObserver."""
        self._commit_began_s = time.perf_counter()

    def committed(self, outcome: CommitOutcome) -> None:
        """See LoopObserver."""
        if self._commit_began_s is not None:
            took_s = time.perf_counter() - self._commit_began_s
            failed = "failed" if isinstance(outcome, OffsetsNotCommitted) else None
            self._operations.record(took_s, ("commit", self._topic, failed))
            self._commit_began_s = None


def observe_board(metrics: Metrics, board: SnapshotBoard, unready: Callable[[], list[Unready]]) -> None:
    """Make the metrics that are read off the board when somebody asks; they cost the loop nothing."""

    def states() -> Iterable[tuple[float, Values]]:
        for own in board.snapshot.partitions:
            now = name_of(own.state)
            for state in _OWN_STATES:
                yield float(state is now), (own.partition, state.value)

    def records() -> Iterable[tuple[float, Values]]:
        for own in board.snapshot.partitions:
            if own.figures is not None and not isinstance(own.state, Unassigned):
                yield own.figures.counts.counted, (own.partition, "COUNTED")
                yield own.figures.counts.duplicates, (own.partition, "DUPLICATE")
                yield own.figures.counts.conflicts, (own.partition, "CONFLICT")
                yield own.figures.counts.poison, (own.partition, "POISON")

    def lags() -> Iterable[tuple[float, Values]]:
        outside = board.outside
        for own in board.snapshot.partitions:
            lag = lag_of(own, outside)
            if lag is not None:
                yield lag, (own.partition,)

    def holds() -> Iterable[tuple[float, Values]]:
        held = board.outside.held
        for own in board.snapshot.partitions:
            if not isinstance(own.state, Unassigned):
                yield (held[own.partition].open_s if own.partition in held else 0.0), (own.partition,)

    metrics.gauge("app.partition.state", states)
    metrics.total("app.ledger.records", records)
    metrics.gauge("app.consumer.lag", lags)
    metrics.gauge("app.partition.held", holds)
    metrics.gauge("app.ready", lambda: [(float(not unready()), ())])
