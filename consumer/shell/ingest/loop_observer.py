"""What the ingest loop tells whoever measures it. This one does nothing; `metrics` measures."""

from collections.abc import Sequence

from consumer.shell.ingest.pending_block import PendingBlock
from consumer.shell.kafka.ports import CommitOutcome, Fetch


class LoopObserver:
    """Called a few times a round, whatever the number of records; by the loop's thread where nothing else is said."""

    def fetching(self) -> None:
        """A fetch begins."""

    def fetched(self, fetch: Fetch) -> None:
        """It came back, perhaps empty."""

    def writing(self, partition: int) -> None:
        """A block of a partition is being written, by this thread."""

    def synced(self, took_s: float) -> None:
        """A file of a ledger was fsynced, by this thread."""

    def wrote(self) -> None:
        """It is in the ledger, or is not; by the same thread."""

    def written(self, blocks: Sequence[PendingBlock]) -> None:
        """These blocks of the fetch are in fsynced ledgers, perhaps none."""

    def committing(self) -> None:
        """Offsets are being committed."""

    def committed(self, outcome: CommitOutcome) -> None:
        """The answer came."""


class LoopObservers(LoopObserver):
    """Several, told in their order."""

    def __init__(self, *observers: LoopObserver) -> None:
        self._observers = observers

    def fetching(self) -> None:
        """See LoopObserver."""
        for each in self._observers:
            each.fetching()

    def fetched(self, fetch: Fetch) -> None:
        """See LoopObserver."""
        for each in self._observers:
            each.fetched(fetch)

    def writing(self, partition: int) -> None:
        """See LoopObserver."""
        for each in self._observers:
            each.writing(partition)

    def synced(self, took_s: float) -> None:
        """See LoopObserver."""
        for each in self._observers:
            each.synced(took_s)

    def wrote(self) -> None:
        """See LoopObserver."""
        for each in self._observers:
            each.wrote()

    def written(self, blocks: Sequence[PendingBlock]) -> None:
        """See LoopObserver."""
        for each in self._observers:
            each.written(blocks)

    def committing(self) -> None:
        """See LoopObserver."""
        for each in self._observers:
            each.committing()

    def committed(self, outcome: CommitOutcome) -> None:
        """See LoopObserver."""
        for each in self._observers:
            each.committed(outcome)
