"""What the ingest loop reports to whoever measures or traces it."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from consumer.shell.ingest.pending_block import PendingBlock
from consumer.shell.kafka.ports import CommitOutcome, Fetch


class LoopObserver:
    """Does nothing; `metrics` and `traces` do. Called a few times a round, whatever the number of records, and by the
    loop's thread where nothing else is said."""

    def fetching(self) -> None:
        """A fetch begins."""

    def fetched(self, fetch: Fetch) -> None:
        """The fetch came back, perhaps empty."""

    def writing(self, partition: int) -> None:
        """A block of a partition is being written, by this thread."""

    def synced(self, took_s: float) -> None:
        """A file of a ledger was fsynced, by this thread."""

    def wrote(self) -> None:
        """That block is in the ledger, or failed; by the same thread."""

    def written(self, blocks: Sequence[PendingBlock]) -> None:
        """These blocks of the fetch are in fsynced ledgers, perhaps none."""

    def committing(self) -> None:
        """Offsets are being committed."""

    def committed(self, outcome: CommitOutcome) -> None:
        """The answer to the commit came."""


class LoopObservers(LoopObserver):
    """Several, told of everything in their order."""

    def __init__(self, *observers: LoopObserver) -> None:
        for name in _CALLS:
            setattr(self, name, partial(_tell, [getattr(observer, name) for observer in observers]))


_CALLS: Final = [name for name in vars(LoopObserver) if not name.startswith("_")]


def _tell(calls: Sequence[Callable[..., None]], *told: object) -> None:
    for call in calls:
        call(*told)
