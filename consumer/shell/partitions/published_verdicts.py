"""What is published of a partition's poison: the claims of its dead letters, and the letters that are missing."""

from collections.abc import Callable
from dataclasses import dataclass

from consumer.core.recovery import Absent, Continue, Known, Replay
from consumer.core.recovery import Unreadable as UnreadableCommit
from consumer.shell.kafka.ports import LogFacts, Records
from consumer.shell.partitions.records_again import RecordsAgain
from tally.event.claims import NO_CLAIMS, Claim, Claims
from tally.event.dead_letter import Letter
from tally.kafka.trouble import OpenTransactionError
from tally.ledger.storage.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Place:
    """A partition of the topic as it is now. ``log_end``: a letter about a record that is not there yet was written by
    somebody who cannot know it."""

    partition: int
    topic_id: str
    own_schema_id: int
    log_end: int


class PublishedVerdicts:
    """Asks the dead-letter topic. Safe from several threads, one a partition. Raises what readers and ledger raise.

    Theory of operation. Which letters there are is only known when all of them can be read: one that a transaction
    holds back would be published again, or its verdict be decided anew. That transaction may be one that a killed owner
    of the partition left, which is ended here. Anybody else's is waited for: the recovery is tried again later.
    """

    def __init__(self, logs: LogFacts, letters: Records, again: RecordsAgain, settle: Callable[[int], None]) -> None:
        """``logs`` and ``letters`` are of the dead-letter topic; ``settle`` ends what a killed owner left there."""
        self._logs = logs
        self._dead_letters = letters
        self._again = again
        self._settle = settle

    def published(
        self, place: Place, ledger: Ledger, committed: Known | Absent | UnreadableCommit, decision: Continue | Replay
    ) -> tuple[Claims, tuple[Letter, ...]]:
        """Return what the letters say of records that are to be read, and those that the ledger's poison lacks."""
        if isinstance(decision, Replay):
            # Below the committed offset every poison has its dead letter. What is above it is not published yet.
            return self._claims(place).below(decision.until), ()
        poison = ledger.view.poison_since(committed.offset if isinstance(committed, Known) else 0)
        if len(poison) == 0 and isinstance(committed, Known):
            return NO_CLAIMS, ()
        # What has a dead letter only that topic knows: a group's offset may be absent, and one that was held back on
        # its way may have arrived behind a later one.
        claims = self._claims(place)
        waiting = [not claims.is_published(int(r["offset"]), int(r["reason"]), r["digest"].tobytes()) for r in poison]
        letters = self._again.letters(place.partition, poison[waiting])
        return (NO_CLAIMS if isinstance(committed, Known) else claims), letters

    def _claims(self, place: Place) -> Claims:
        start = self._logs.log_ends([place.partition])[place.partition].start
        try:
            found = self._read(place, start)
        except OpenTransactionError:
            self._settle(place.partition)
            found = self._read(place, start)
        return Claims(found, place.own_schema_id)

    def _read(self, place: Place, start: int) -> dict[int, tuple[Claim, ...]]:
        return self._dead_letters.claims(place.partition, place.topic_id, start, place.log_end)
