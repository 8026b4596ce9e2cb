"""What the oracle looks at, as plain values: the topic, the ledgers, REST, the group, the dead letters, the calls.

Reading fills these (``reading``), the checks compare them (``checks``). Nothing here or in its neighbours imports the
services, their shared modules or the generated code: a mistake there must not be repeated here.
Numbers are exact ``Decimal``; ids are 16 bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeAlias

from oracle.history import Call, Watermark

COUNTED, DUPLICATE, CONFLICT, POISON, MARK = "COUNTED", "DUPLICATE", "CONFLICT", "POISON", "MARK"
NOTHING = Decimal(0)


Schemas: TypeAlias = Mapping[int | bytes, str]
"""Schemas' texts by what records name them by: an id, or a GUID's 16 bytes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TopicRecord:
    """One record as Kafka gave it."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp_ms: int = 0
    schema_header: bytes | None = None
    """The header ``__value_schema_id``."""
    source_digest: bytes | None = None
    """The header ``source-digest``, of a dead letter."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One row of a ledger that stands for a record of the topic; also what the topic makes of that record."""

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
    """The state that a block's closing MARK (or a segment's header) claims."""

    next_offset: int
    counted: int
    duplicates: int
    conflicts: int
    poison: int
    total: Decimal
    chain: bytes = b""
    rows_before: int = 0
    """How many rows of the ledger stand before this mark, over all segments."""
    crc_holds: bool = True


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """One replica's ledger of one partition, all its segments in order."""

    replica: str
    partition: int
    rows: Sequence[Row]
    marks: Sequence[Mark]
    openings: Sequence[Mark] = ()
    """What each segment's header says, in order."""
    damage: str = ""
    """Why reading stopped early, empty when the files were readable to their end."""

    @property
    def next_offset(self) -> int:
        """The first offset that is not in this ledger."""
        return self.marks[-1].next_offset if self.marks else 0

    @property
    def name(self) -> str:
        """How messages call it."""
        return f"ledger of partition {self.partition} of replica {self.replica}"


@dataclass(frozen=True, kw_only=True)
class Committed:
    """What the consumer group committed for a partition."""

    offset: int
    witness: Mapping[str, Any] | None = None
    """The metadata as JSON; None when it is missing or unreadable."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Beginning:
    """Of a key or a value that is too large for its letter."""

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
    """Where the letter holds only the beginning: what it says of all of it."""
    source_digest: bytes | None = None
    """In hex, of key and value; letters of earlier versions have none."""


@dataclass(frozen=True, kw_only=True)
class Stranger:
    """A record of the dead-letter topic that is no dead letter."""

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
    """Writer schemas; one that is missing is one the registry denies."""
    reader_schema: str
    aborted: Mapping[int, frozenset[int]] = field(default_factory=dict)
    """Offsets that only read_uncommitted shows."""
    ledgers: Sequence[Ledger] = ()
    committed: Mapping[int, Committed] = field(default_factory=dict)
    dead_letters: Sequence[DeadLetter] = ()
    strangers: Sequence[Stranger] = ()
    topic_id: str = ""
    """Kafka's id of the topic; empty when nobody asked."""
    log_starts: Mapping[int, int] = field(default_factory=dict)
    """The first offset that the topic still has, by partition."""
    rest: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The body of GET /v1/total by the replica's address."""
    calls: Sequence[Call] = ()
    watermarks: Sequence[Watermark] = ()
    unrest: str | None = None
    """Why the system was not at rest when all this was read, empty when it was."""
