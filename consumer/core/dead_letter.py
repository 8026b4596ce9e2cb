"""Dead letters: what a poison record becomes, and how a ledger that is rebuilt knows the verdicts again.

A dead letter is found by source position: topic id, partition, offset. The headers say it without Avro, so that a
verdict can be read while no registry answers.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from common.framing import SchemaName, frame
from consumer.core.event import Fetched, Poison
from consumer.core.rows import REASON_NAMES
from contracts.generated.avro.dead_letter import DeadLetter, DeadLetterReason

SOURCE_TOPIC: Final = "source-topic"
SOURCE_TOPIC_ID: Final = "source-topic-id"
SOURCE_PARTITION: Final = "source-partition"
SOURCE_OFFSET: Final = "source-offset"
REASON: Final = "reason"

_SCHEMA_ID_MAX: Final = 2**31 - 1
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TIMESTAMP_MS_MAX: Final = 253_402_300_799_000  # the last second of the year 9999, which datetime can still hold

Headers = Sequence[tuple[str, bytes]]
ForeignHeaders = Mapping[str, str | bytes | None] | Sequence[tuple[str, str | bytes | None]]


@dataclass(frozen=True, slots=True)
class Letter:
    """One poison record with what its dead letter needs."""

    partition: int
    offset: int
    timestamp_ms: int
    reason: int
    detail: str
    schema: SchemaName | None
    key: bytes | None
    value: bytes | None


@dataclass(frozen=True, slots=True)
class DeadRecord:
    """A record for the dead-letter topic, ready to be produced."""

    key: bytes
    value: bytes
    headers: Headers
    timestamp_ms: int


def letters_of(fetched: Fetched, poison: Iterable[Poison], known: Iterable[int] = ()) -> list[Letter]:
    """Return the letters of a batch's poison, without those at the offsets ``known`` to be published."""
    skipped = frozenset(known)
    return [
        Letter(
            partition=fetched.partition,
            offset=one.offset,
            timestamp_ms=int(fetched.timestamps_ms[one.position]),
            reason=one.reason,
            detail=one.detail,
            schema=one.schema,
            key=fetched.keys[one.position],
            value=fetched.values[one.position],
        )
        for one in poison
        if one.offset not in skipped
    ]


def dead_record(letter: Letter, topic: str, topic_id: str, dead_letter_schema_id: int) -> DeadRecord:
    """Return the record to produce. ``dead_letter_schema_id`` is our dead letters' id in the registry."""
    reason, schema = DeadLetterReason(REASON_NAMES[letter.reason]), letter.schema
    dead = DeadLetter(
        source_topic=topic,
        source_topic_id=topic_id,
        source_partition=letter.partition,
        source_offset=letter.offset,
        source_timestamp=_EPOCH + timedelta(milliseconds=min(max(letter.timestamp_ms, 0), _TIMESTAMP_MS_MAX)),
        reason=reason,
        detail=letter.detail,
        # The frame's id has 32 bits without a sign; one that Avro's int cannot hold is still in the value.
        schema_id=schema if isinstance(schema, int) and schema <= _SCHEMA_ID_MAX else None,
        schema_guid=str(schema) if isinstance(schema, UUID) else None,
        key=letter.key,
        value=letter.value,
    )
    headers = (
        (SOURCE_TOPIC, topic.encode()),
        (SOURCE_TOPIC_ID, topic_id.encode()),
        (SOURCE_PARTITION, str(letter.partition).encode()),
        (SOURCE_OFFSET, str(letter.offset).encode()),
        (REASON, reason.value.encode()),
    )
    return DeadRecord(
        key=f"{letter.partition}:{letter.offset}".encode(),
        value=frame(dead_letter_schema_id) + dead.encode(),
        headers=headers,
        timestamp_ms=letter.timestamp_ms,
    )


def verdict_of(headers: ForeignHeaders | None, topic_id: str, partition: int) -> tuple[int, int] | None:
    """Return (source offset, reason's code) of a dead letter of this very topic and partition, else None."""
    found = dict(headers or ())
    if found.get(SOURCE_TOPIC_ID) != topic_id.encode() or found.get(SOURCE_PARTITION) != str(partition).encode():
        return None
    try:
        offset = int(found[SOURCE_OFFSET] or "")
        reason = REASON_NAMES.index(_text(found[REASON]))
    except (KeyError, ValueError):
        return None
    return (offset, reason) if offset >= 0 and reason > 0 else None


def _text(value: str | bytes | None) -> str:
    return value.decode() if isinstance(value, bytes) else value or ""
