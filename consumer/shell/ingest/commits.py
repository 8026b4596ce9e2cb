"""Committing offsets with their witnesses: one commit in flight, errors retried with the next.

Only the ingest loop's thread uses it.
"""

from collections.abc import Callable, Iterable

from loguru import logger

from consumer.core.partition.events import OffsetCommitted
from consumer.core.partition.views import due, witness_of
from consumer.shell.ingest.loop_observer import LoopObserver
from consumer.shell.kafka.ports import Source
from consumer.shell.partitions.executor import PartitionExecutor
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
        self._last_error = ""

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
            error = self._source.commit(offsets)
            if error:
                self.answered({}, error)

    def finish(self, numbers: Iterable[int]) -> None:
        """Commit what is due of partitions that are given up, and wait for the answer."""
        offsets = self._due(numbers)
        error = self._source.commit_and_wait(offsets) if offsets else ""
        if error:
            logger.warning("offsets were not committed, the ledger rules: {}", error)

    def answered(self, done: dict[int, int], error: str) -> None:
        """Take the answer of a commit. An error is never fatal: the ledger rules, and the next commit covers it."""
        if done:
            _AFTER_COMMIT()
        self._in_flight = False
        self._observer.committed(error)
        for number, next_offset in done.items():
            self._partitions.tell(number, OffsetCommitted(next_offset))
        if error:
            self._not_before_s = self._monotonic_s() + self._retry_s
            if error != self._last_error:
                logger.warning("offsets were not committed, the next commit covers them: {}", error)
        self._last_error = error

    def _due(self, numbers: Iterable[int]) -> dict[int, tuple[int, str]]:
        found = {}
        for number in numbers:
            partition = self._partitions[number]
            next_offset = due(partition)
            if next_offset is not None:
                found[number] = (next_offset, witness_of(partition, self._owner_url))
        return found
