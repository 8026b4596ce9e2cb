"""What the oracle examines, as plain values: the topic, the ledgers, REST, the group, the dead letters, the calls.

``reading`` fills them, ``checks`` compares them. No module of this package imports the services, their shared modules
or the generated code: a mistake there must not be repeated here. Numbers are exact ``Decimal``; ids are 16 bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeAlias

from oracle.history import Call, Watermark

COUNTED, DUPLICATE, CONFLICT, POISON, MARK = "COUNTED", "DUPLICATE", "CONFLICT", "POISON", "MARK"
NOTHING = Decimal(0)


Schemas: TypeAlias = Mapping[int | bytes, str]
"""The texts of schemas by what records name them by: an id, or the 16 bytes of a GUID."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TopicRecord:
    """One record as Kafka returned it."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp_ms: int = 0
    schema_header: bytes | None = None
    """The header ``__value_schema_id``."""
    source_digest: bytes | None = None
    """The header ``source-digest`` of a dead letter."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One row of a ledger, which stands for a record of the topic; also the row that the record must have there."""

    kind: str
    offset: int
    request_id: bytes = bytes(16)
    a: Decimal = NOTHING
    b: Decimal = NOTHING
    sum: Decimal = NOTHING
    reason: str = "NONE"
    timestamp_us: int = 0
    digest: bytes = bytes(16)


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """The state that the closing MARK of a block (or the header of a segment) claims."""

    next_offset: int
    counted: int
    duplicates: int
    conflicts: int
    poison: int
    total: Decimal
    chain: bytes = b""
    rows_before: int = 0
    """The number of rows of the ledger before this mark, over all segments."""
    crc_holds: bool = True


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """The ledger of one partition of one replica: all its segments, in order."""

    replica: str
    partition: int
    rows: Sequence[Row]
    marks: Sequence[Mark]
    openings: Sequence[Mark] = ()
    """What the header of each segment says, in order."""
    damage: str | None = None
    """Why reading stopped early; None if the files were readable to the end."""

    @property
    def next_offset(self) -> int:
        """The first offset that is not in this ledger."""
        return self.marks[-1].next_offset if self.marks else 0

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"ledger of partition {self.partition} of replica {self.replica}"


@dataclass(frozen=True, kw_only=True)
class Committed:
    """What the consumer group committed for a partition."""

    offset: int
    witness: Mapping[str, Any] | None = None
    """The metadata, parsed as JSON; None if it is missing or unreadable."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Beginning:
    """What a letter says of a key or value of which it holds only the beginning: length and hash of the whole."""

    whole_bytes: object
    sha256: object


@dataclass(frozen=True, kw_only=True)
class DeadLetter:
    """One record of the dead-letter topic."""

    partition: int
    offset: int
    source_topic_id: str
    source_partition: int
    source_offset: int
    reason: str
    key: bytes | None
    value: bytes | None
    key_copied: Beginning | None = None
    value_copied: Beginning | None = None
    """Set if the letter holds only the beginning."""
    source_digest: bytes | None = None
    """Of key and value, in hex. Letters of earlier versions have none."""


@dataclass(frozen=True, kw_only=True)
class Stranger:
    """A record of the dead-letter topic that is not a dead letter."""

    partition: int
    offset: int
    why: str


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Everything that was read after traffic had stopped."""

    partitions: int
    records: Mapping[int, Sequence[TopicRecord]]
    """By partition, read_committed, in offset order."""
    schemas: Schemas
    """The schemas of writers. The registry does not know those that are missing."""
    reader_schema: str
    aborted: Mapping[int, frozenset[int]] = field(default_factory=dict)
    """Offsets that only read_uncommitted shows."""
    ledgers: Sequence[Ledger] = ()
    committed: Mapping[int, Committed] = field(default_factory=dict)
    dead_letters: Sequence[DeadLetter] = ()
    strangers: Sequence[Stranger] = ()
    topic_id: str | None = None
    """Kafka's id of the topic; None if it was not asked for."""
    log_starts: Mapping[int, int] = field(default_factory=dict)
    """The first offset that the topic still has, by partition."""
    rest: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The body of GET /v1/total, by the address of the replica."""
    calls: Sequence[Call] = ()
    watermarks: Sequence[Watermark] = ()
    unrest: str | None = None
    """Why the system was not at rest when all this was read; None if it was."""
