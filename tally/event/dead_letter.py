"""Dead letters: what a poison record becomes. What they may decide later is in ``claims``.

A dead letter is found by source position: topic id, partition, offset. The headers say it without Avro, so that it can
be read while no registry answers. A record that is too large for its letter is copied by its beginning, with the whole
length and SHA-256: who needs all of it reads the source position and compares.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from tally.base.framing import SchemaName, frame
from tally.event.classify import Decoded, Fetched, PoisonRow
from tally.event.codes import REASON_NAMES
from tally.generated.avro.dead_letter import DeadLetter, DeadLetterReason

SOURCE_TOPIC: Final = "source-topic"
SOURCE_TOPIC_ID: Final = "source-topic-id"
SOURCE_PARTITION: Final = "source-partition"
SOURCE_OFFSET: Final = "source-offset"
SOURCE_DIGEST: Final = "source-digest"
"""The POISON row's digest in hex: BLAKE2b-128 of the record's key and value."""
REASON: Final = "reason"

WHOLE_BYTES_MAX: Final = 2_000_000
"""Of key and value together. It leaves room for the letter's other fields and headers, which have a few hundred bytes:
the topic takes 2 MiB."""
BEGINNING_BYTES: Final = 64 * 1024
"""Of a key or a value that is not copied whole: enough to see who wrote it."""

_SCHEMA_ID_MAX: Final = 2**31 - 1
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TIMESTAMP_MS_MAX: Final = 253_402_300_799_000  # the last second of the year 9999, which datetime can still hold

Headers = Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Copy:
    """A key or a value. ``data`` is its beginning only, if ``whole_bytes`` and ``sha256`` tell of all of it."""

    data: bytes | None
    whole_bytes: int | None = None
    sha256: bytes | None = None

    def is_of(self, data: bytes | None) -> bool:
        """Tell whether it is a copy of this key or value."""
        if self.whole_bytes is None:
            return self.data == data
        return (
            data is not None
            and self.data is not None
            and len(data) == self.whole_bytes
            and data.startswith(self.data)
            and hashlib.sha256(data).digest() == self.sha256
        )


NOTHING: Final = Copy(None)


@dataclass(frozen=True, slots=True)
class Letter:
    """One poison record with what its dead letter needs; ``digest`` is its row's."""

    partition: int
    offset: int
    timestamp_ms: int
    reason: int
    detail: str
    digest: bytes
    schema: SchemaName | None
    key: Copy
    value: Copy


@dataclass(frozen=True, slots=True)
class DeadRecord:
    """A record for the dead-letter topic, ready to be produced."""

    key: bytes
    value: bytes
    headers: Headers
    timestamp_ms: int


def copies_of(key: bytes | None, value: bytes | None) -> tuple[Copy, Copy]:
    """Return what a letter holds of a record: all of it, or the beginnings of what is long."""
    if len(key or b"") + len(value or b"") <= WHOLE_BYTES_MAX:
        return Copy(key), Copy(value)
    return _beginning(key), _beginning(value)


def _beginning(data: bytes | None) -> Copy:
    if data is None or len(data) <= BEGINNING_BYTES:
        return Copy(data)
    return Copy(data[:BEGINNING_BYTES], len(data), hashlib.sha256(data).digest())


def letters_of(
    fetched: Fetched, decoded: Decoded, is_published: Callable[[int, int, bytes], bool] = lambda *_: False
) -> list[Letter]:
    """Return the letters of a batch's poison, without those that ``is_published`` knows by (offset, reason, digest)."""
    letters = (_letter(fetched, one, decoded.rows["digest"][one.position].tobytes()) for one in decoded.poison)
    return [one for one in letters if not is_published(one.offset, one.reason, one.digest)]


def _letter(fetched: Fetched, one: PoisonRow, digest: bytes) -> Letter:
    key, value = copies_of(fetched.keys[one.position], fetched.values[one.position])
    return Letter(
        partition=fetched.partition,
        offset=one.offset,
        timestamp_ms=int(fetched.timestamps_ms[one.position]),
        reason=one.poison.reason,
        detail=one.poison.detail,
        digest=digest,
        schema=one.poison.schema,
        key=key,
        value=value,
    )


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
        key=letter.key.data,
        value=letter.value.data,
        value_bytes=letter.value.whole_bytes,
        value_sha256=letter.value.sha256,
        key_bytes=letter.key.whole_bytes,
        key_sha256=letter.key.sha256,
    )
    headers = (
        (SOURCE_TOPIC, topic.encode()),
        (SOURCE_TOPIC_ID, topic_id.encode()),
        (SOURCE_PARTITION, str(letter.partition).encode()),
        (SOURCE_OFFSET, str(letter.offset).encode()),
        (SOURCE_DIGEST, letter.digest.hex().encode()),
        (REASON, reason.value.encode()),
    )
    return DeadRecord(
        key=f"{letter.partition}:{letter.offset}".encode(),
        value=frame(dead_letter_schema_id) + dead.encode(),
        headers=headers,
        timestamp_ms=letter.timestamp_ms,
    )
