"""Records of the topic that are read again: the ledger's last one, and poison whose dead letters are missing.

Of poison the ledger's verdict stands, whatever the registry says today.
"""

from collections.abc import Iterator, Mapping

from consumer.core.recovery import Anchor, AnchorGone, NoAnchor, compare_anchor
from consumer.core.schema_wait import SchemaWait
from consumer.shell.kafka.ports import Records
from consumer.shell.schemas import Schemas, SchemaView
from tally.event.classify import Decoded, Fetched, decode
from tally.event.codes import POISON
from tally.event.dead_letter import NOTHING, Letter, letters_of
from tally.event.rows import Rows, previous_offset
from tally.ledger.storage.ledger import Ledger


class RecordsAgain:
    """Safe from several threads, one a partition. Raises what readers and ledger raise."""

    def __init__(self, sums: Records, schemas: Schemas, partitions: int) -> None:
        self._sums = sums
        self._schemas = schemas
        self._partitions = partitions

    def anchor(self, partition: int, ledger: Ledger) -> Anchor:
        """Compare the record at the ledger's last row with that row."""
        last = previous_offset(ledger.state.next_offset)
        row = ledger.view.row_at(last)
        if row is None:
            return NoAnchor()
        record = next(self._sums.records_at(partition, [last]), None)
        if record is None:
            return AnchorGone()
        return compare_anchor(row, self._decoded_like(record, row))

    def _decoded_like(self, record: Fetched, row: Rows) -> Rows:
        """Decode a record again; of poison the verdict stands, and its digest tells whether it is the same."""
        verdicts = {int(row["offset"][0]): int(row["reason"][0])} if row["kind"][0] == POISON else {}
        name = record.schema_name(0)
        wait = SchemaWait({} if verdicts or name is None else {name: int(record.offsets[0])}, 0)
        self._schemas.resolve(wait)  # the ledger pins ids and no GUIDs
        return self._decoded(record, self._schemas.view(wait), verdicts).rows

    def letters(self, partition: int, poison: Rows) -> tuple[Letter, ...]:
        """Return the letters of poison rows, whose records are read again. One that is gone is published without
        its bytes."""
        if len(poison) == 0:
            return ()
        found = {(letter.offset, letter.digest): letter for letter in self._read_again(partition, poison)}
        return tuple(
            found.get((int(row["offset"]), row["digest"].tobytes())) or _without_bytes(partition, row) for row in poison
        )

    def _read_again(self, partition: int, poison: Rows) -> Iterator[Letter]:
        """Yield letters with the rows' reasons."""
        reasons = dict(zip(poison["offset"].tolist(), poison["reason"].tolist(), strict=True))
        view = self._schemas.view()
        for fetched in self._sums.records_at(partition, list(reasons)):
            decoded = self._decoded(fetched, view, reasons)
            yield from letters_of(fetched, decoded)

    def _decoded(self, record: Fetched, view: SchemaView, verdicts: Mapping[int, int]) -> Decoded:
        return decode(
            record,
            partitions=self._partitions,
            fast_schema_ids=view.fast_ids,
            general=view.general,
            verdicts=verdicts,
        )


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
