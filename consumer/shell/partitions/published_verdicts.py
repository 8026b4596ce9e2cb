"""What is published of a partition's poison: the claims of its dead letters, and the letters that are missing."""

from collections.abc import Iterator
from dataclasses import dataclass

from consumer.core.recovery import Absent, Continue, Known, Replay
from consumer.core.recovery import Unreadable as UnreadableCommit
from consumer.shell.kafka.ports import LogFacts, Records
from consumer.shell.schemas import Schemas
from tally.event.claims import NO_CLAIMS, Claims
from tally.event.classify import decode
from tally.event.dead_letter import NOTHING, Letter, letters_of
from tally.event.rows import Rows
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

    def __init__(self, facts: LogFacts, letters: Records, sums: Records, schemas: Schemas, partitions: int) -> None:
        """``facts`` and ``letters`` are of the dead-letter topic."""
        self._facts = facts
        self._dead_letters = letters
        self._sums = sums
        self._schemas = schemas
        self._partitions = partitions

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
        letters = self._letters(place.partition, poison[waiting])
        return (NO_CLAIMS if isinstance(committed, Known) else claims), letters

    def _claims(self, place: Place) -> Claims:
        ends = self._facts.log_ends([place.partition])[place.partition]
        if ends.end <= ends.start:
            return Claims(own_schema_id=place.own_schema_id)
        found = self._dead_letters.claims(place.partition, place.topic_id, ends.start, place.log_end)
        return Claims(found, place.own_schema_id)

    def _letters(self, partition: int, poison: Rows) -> tuple[Letter, ...]:
        """Read poison rows' records again. One that is gone from the topic is published without its bytes."""
        if len(poison) == 0:
            return ()
        found = {(letter.offset, letter.digest): letter for letter in self._read_again(partition, poison)}
        return tuple(
            found.get((int(row["offset"]), row["digest"].tobytes())) or _without_bytes(partition, row) for row in poison
        )

    def _read_again(self, partition: int, poison: Rows) -> Iterator[Letter]:
        """Yield letters with the rows' reasons, which stand whatever the registry says today."""
        reasons = dict(zip(poison["offset"].tolist(), poison["reason"].tolist(), strict=True))
        view = self._schemas.view()
        for fetched in self._sums.records_at(partition, list(reasons)):
            decoded = decode(
                fetched,
                partitions=self._partitions,
                fast_schema_ids=view.fast_ids,
                general=view.general,
                verdicts=reasons,
            )
            yield from letters_of(fetched, decoded)


def _without_bytes(partition: int, row: Rows) -> Letter:
    return Letter(
        partition=partition,
        offset=int(row["offset"]),
        timestamp_ms=int(row["timestamp_us"]) // 1000,
        reason=int(row["reason"]),
        detail="the record is gone from the topic",
        digest=row["digest"].tobytes(),
        schema=None,
        key=NOTHING,
        value=NOTHING,
    )
