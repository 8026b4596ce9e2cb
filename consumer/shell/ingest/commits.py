"""Committing offsets with their witnesses: one commit in flight, errors retried with the next.

Theory of operation. A commit is sent and answered later, out of the source's fetch. Beside the one in flight there may
be one more of partitions that are given up: nobody waits for it there, since the client gives partitions up only after
the answer. While answers are outstanding nothing else is sent; if they never come, the member is given up.
Only a stop waits for an answer, by its deadline. Only the ingest loop's thread uses it.
"""

import math
from collections.abc import Callable, Iterable
from typing import Final

from loguru import logger

from consumer.core.partition.events import OffsetCommitted
from consumer.core.partition.views import due, witness_of
from consumer.shell.ingest.loop_observer import LoopObserver
from consumer.shell.kafka.ports import CommitOutcome, NextOffsets, OffsetsNotCommitted, Source
from consumer.shell.partitions.executor import PartitionExecutor
from tally.base.deadline import Deadline
from tally.base.fault_points import point

_BEFORE_COMMIT, _AFTER_COMMIT = point("consumer.before_commit"), point("consumer.after_commit")
_ANSWER_LIMIT_S: Final = 120.0
"""A commit is kept until its broker is back, however long that takes (seen: 350 s with a broker held). This is longer
than a broker's restart, after which the answer usually comes."""


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
        self._unanswered = 0
        self._answer_due_s = math.inf
        self._not_before_s = 0.0
        self._last_reason: str | None = None

    @property
    def in_flight(self) -> bool:
        """Tell whether the answer of a commit has not come yet."""
        return self._unanswered > 0

    @property
    def overdue(self) -> bool:
        """Tell whether an answer has not come for so long that it is not expected any more."""
        return self._monotonic_s() >= self._answer_due_s

    def send(self) -> None:
        """Commit what is due, unless a commit is on its way or one failed just now."""
        if not self.in_flight and self._monotonic_s() >= self._not_before_s:
            self._send(self._partitions.owned)

    def send_last(self, numbers: Iterable[int]) -> None:
        """Commit what is due of partitions that are given up, whatever else is on its way. Waits for nothing."""
        self._send(numbers)

    def _send(self, numbers: Iterable[int]) -> None:
        offsets = self._due(numbers)
        if offsets:
            _BEFORE_COMMIT()
            self._unanswered += 1
            self._answer_due_s = self._monotonic_s() + _ANSWER_LIMIT_S
            self._observer.committing()
            sent = self._source.commit(offsets)
            if isinstance(sent, OffsetsNotCommitted):
                self.answered(sent)

    def finish(self, numbers: Iterable[int], deadline: Deadline) -> None:
        """Commit what is due of partitions that are given up by a stop, and wait for the answer by its deadline."""
        offsets = self._due(numbers)
        outcome = self._source.commit_and_wait(offsets, deadline) if offsets else None
        if isinstance(outcome, OffsetsNotCommitted):
            logger.warning("offsets were not committed, the ledger rules: {}", outcome.reason)

    def answered(self, outcome: CommitOutcome) -> None:
        """Take the answer of a commit. A failure is never fatal: the ledger rules, and the next commit covers it."""
        if outcome.next_offsets:
            _AFTER_COMMIT()
        self._unanswered = max(0, self._unanswered - 1)
        if not self.in_flight:
            self._answer_due_s = math.inf
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
        self._unanswered = 0
        self._answer_due_s = math.inf
        self._last_reason = None

    def _due(self, numbers: Iterable[int]) -> NextOffsets:
        found = {}
        for number in numbers:
            partition = self._partitions[number]
            next_offset = due(partition)
            if next_offset is not None:
                found[number] = (next_offset, witness_of(partition, self._owner_url))
        return found
