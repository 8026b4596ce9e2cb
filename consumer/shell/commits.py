"""Committing offsets with their witnesses: one commit in flight, errors retried with the next.

Only the ingest loop's thread uses it.
"""

from collections.abc import Callable, Iterable

from loguru import logger

from consumer.core import commit_rules
from consumer.shell.ports import Source
from consumer.shell.slot import Slot
from consumer.shell.slots import Slots
from consumer.shell.watch import Watch
from tally.base.fault_points import point
from tally.ledger import witness
from tally.ledger.fold import FOLD_VERSION
from tally.ledger.witness import Witness

_BEFORE_COMMIT, _AFTER_COMMIT = point("consumer.before_commit"), point("consumer.after_commit")


class Commits:
    """See the module's docstring."""

    def __init__(
        self,
        *,
        source: Source,
        slots: Slots,
        owner_url: str,
        retry_s: float,
        monotonic_s: Callable[[], float],
        watch: Watch,
    ) -> None:
        self._source = source
        self._slots = slots
        self._owner_url = owner_url
        self._retry_s = retry_s
        self._monotonic_s = monotonic_s
        self._watch = watch
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
        offsets = self._due(self._slots)
        if offsets:
            _BEFORE_COMMIT()
            self._in_flight = True
            self._watch.committing()
            error = self._source.commit(offsets)
            if error:
                self.answered({}, error)

    def finish(self, partitions: Iterable[int]) -> None:
        """Commit what is due of partitions that are given up, and wait for the answer."""
        offsets = self._due(slot for p in partitions if (slot := self._slots.get(p)) is not None)
        error = self._source.commit_and_wait(offsets) if offsets else ""
        if error:
            logger.warning("offsets were not committed, the ledger rules: {}", error)

    def answered(self, done: dict[int, int], error: str) -> None:
        """Take the answer of a commit. An error is never fatal: the ledger rules, and the next commit covers it."""
        if done:
            _AFTER_COMMIT()
        self._in_flight = False
        self._watch.committed(error)
        for partition, next_offset in done.items():
            slot = self._slots.get(partition)
            if slot is not None and slot.progress is not None:
                commit_rules.acknowledge(slot.progress, next_offset)
        if error:
            self._not_before_s = self._monotonic_s() + self._retry_s
            if error != self._last_error:
                logger.warning("offsets were not committed, the next commit covers them: {}", error)
        self._last_error = error

    def witness_of(self, slot: Slot) -> str:
        """Return the metadata for a commit of the ledger's next offset."""
        state = slot.ledger_state
        assert slot.held is not None
        return witness.encode(
            Witness(
                counted=state.counted,
                total=state.total,
                duplicates=state.duplicates,
                conflicts=state.conflicts,
                poison=state.poison,
                chain=state.chain.value,
                topic_id=slot.held.identity.topic_id,
                fold_version=FOLD_VERSION,
                owner_url=self._owner_url,
            )
        )

    def _due(self, slots: Iterable[Slot]) -> dict[int, tuple[int, str]]:
        due = {}
        for slot in slots:
            next_offset = None if slot.progress is None else commit_rules.due(slot.state, slot.progress)
            if next_offset is not None:
                assert next_offset == slot.ledger_state.next_offset, "the witness is of the ledger's next offset"
                due[slot.partition] = (next_offset, self.witness_of(slot))
        return due
