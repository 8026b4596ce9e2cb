"""Committing offsets with their witnesses: one commit in flight, errors retried with the next.

Only the ingest loop's thread uses it.
"""

from collections.abc import Callable, Iterable

from loguru import logger

from consumer.core.partition.events import OffsetCommitted
from consumer.core.partition.views import due, witness_of
from consumer.shell.ingest.loop_observer import LoopObserver
from consumer.shell.kafka.ports import CommitOutcome, NextOffsets, OffsetsNotCommitted, Source
from consumer.shell.partitions.executor import PartitionExecutor
from tally.base.deadline import Deadline
from tally.base.fault_points import point

_BEFORE_COMMIT, _AFTER_COMMIT = point("consumer.before_commit"), point("consumer.after_commit")


class Commits:
    """See the module's docstring."""

    def __init__(
        self,
        *,
        source: Source,
        partitions: PartitionExecutor,
        owner_url: str,
        retry_s: float,
        monotonic_s: Callable[[], float],
        observer: LoopObserver,
    ) -> None:
        self._source = source
        self._partitions = partitions
        self._owner_url = owner_url
        self._retry_s = retry_s
        self._monotonic_s = monotonic_s
        self._observer = observer
        self._in_flight = False
        self._not_before_s = 0.0
        self._last_reason: str | None = None

    @property
    def in_flight(self) -> bool:
        """Tell whether the answer of a commit has not come yet."""
        return self._in_flight

    def send(self) -> None:
        """Commit what is due, unless a commit is on its way or one failed just now."""
        if self._in_flight or self._monotonic_s() < self._not_before_s:
            return
        offsets = self._due(self._partitions.owned)
        if offsets:
            _BEFORE_COMMIT()
            self._in_flight = True
            self._observer.committing()
            sent = self._source.commit(offsets)
            if isinstance(sent, OffsetsNotCommitted):
                self.answered(sent)

    def finish(self, numbers: Iterable[int], deadline: Deadline | None = None) -> None:
        """Commit what is due of partitions that are given up, and wait for the answer, by the deadline of a stop."""
        offsets = self._due(numbers)
        outcome = self._source.commit_and_wait(offsets, deadline) if offsets else None
        if isinstance(outcome, OffsetsNotCommitted):
            logger.warning("offsets were not committed, the ledger rules: {}", outcome.reason)

    def answered(self, outcome: CommitOutcome) -> None:
        """Take the answer of a commit. A failure is never fatal: the ledger rules, and the next commit covers it."""
        if outcome.next_offsets:
            _AFTER_COMMIT()
        self._in_flight = False
        self._observer.committed(outcome)
        for number, next_offset in outcome.next_offsets.items():
            self._partitions.tell(number, OffsetCommitted(next_offset))
        reason = outcome.reason if isinstance(outcome, OffsetsNotCommitted) else None
        if reason is not None:
            self._not_before_s = self._monotonic_s() + self._retry_s
            if reason != self._last_reason:
                logger.warning("offsets were not committed, the next commit covers them: {}", reason)
        self._last_reason = reason

    def expect_no_answer(self) -> None:
        """Begin anew: the member of the group that sent the last commit is gone."""
        self._in_flight = False
        self._last_reason = None

    def _due(self, numbers: Iterable[int]) -> NextOffsets:
        found = {}
        for number in numbers:
            partition = self._partitions[number]
            next_offset = due(partition)
            if next_offset is not None:
                found[number] = (next_offset, witness_of(partition, self._owner_url))
        return found
