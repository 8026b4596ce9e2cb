"""What is published of a partition's poison: the claims of its dead letters, and the letters that are missing."""

from dataclasses import dataclass

from consumer.core.recovery import Absent, Continue, Known, Replay
from consumer.core.recovery import Unreadable as UnreadableCommit
from consumer.shell.kafka.ports import LogFacts, Records
from consumer.shell.partitions.records_again import RecordsAgain
from tally.event.claims import NO_CLAIMS, Claims
from tally.event.dead_letter import Letter
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
    """Asks the dead-letter topic. Safe from several threads, one a partition. Raises what readers and ledger raise."""

    def __init__(self, logs: LogFacts, letters: Records, again: RecordsAgain) -> None:
        """``logs`` and ``letters`` are of the dead-letter topic."""
        self._logs = logs
        self._dead_letters = letters
        self._again = again

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
        ends = self._logs.log_ends([place.partition])[place.partition]
        if ends.end <= ends.start:
            return Claims(own_schema_id=place.own_schema_id)
        found = self._dead_letters.claims(place.partition, place.topic_id, ends.start, place.log_end)
        return Claims(found, place.own_schema_id)
