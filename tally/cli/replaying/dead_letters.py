"""Dead letters as the topic holds them, and which of them a person means."""

import io
import json
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import fastavro

from tally.base.framing import SchemaName, spoken, unframe
from tally.event.dead_letter import SOURCE_DIGEST, Copy
from tally.event.reader import SchemaText
from tally.event.record import Record
from tally.event.strange_fields import WHY_DANGEROUS, StrangeFields, parsed
from tally.generated.avro.dead_letter import SCHEMA, DeadLetter, DeadLetterReason
from tally.generated.topics import SUMS

_OFFSET_LIMIT: Final = 10**18
"""As REST takes offsets; Kafka's are far below."""
_OURS: Final = fastavro.parse_schema(json.loads(SCHEMA))


@dataclass(frozen=True, slots=True)
class Source:
    """Where a record was that could not be counted: the mark under which it is replayed, once."""

    topic_id: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.partition}:{self.offset}"


@dataclass(frozen=True, slots=True)
class PublishedLetter:
    """A dead letter of the sums as its topic holds it, with its copy of the record.

    ``schema`` is what named the writer's schema, in a header of the record or before its body. ``digest`` is that of
    the record by the letter's header, which letters of earlier versions lack. ``is_placed``: it stands in its record's
    partition, and names an offset. ``lacking``: why only the beginning of the record is known, None when all of it is.
    """

    source: Source
    reason: str
    detail: str
    key_copy: Copy
    value_copy: Copy
    schema: SchemaName | None = None
    digest: bytes | None = None
    is_placed: bool = True
    lacking: str | None = None

    @property
    def key(self) -> bytes | None:
        """The record's key."""
        return self.key_copy.data

    @property
    def value(self) -> bytes | None:
        """The record's value."""
        return self.value_copy.data

    @property
    def is_whole(self) -> bool:
        """Tell whether the copy is of the whole record."""
        return self.key_copy.whole_bytes is None and self.value_copy.whole_bytes is None


@dataclass(frozen=True, slots=True)
class Selection:
    """Which letters are meant; what is empty or None chooses all."""

    reasons: frozenset[str] = field(default_factory=frozenset)
    partition: int | None = None
    places: frozenset[str] = field(default_factory=frozenset)

    def has(self, letter: PublishedLetter) -> bool:
        """Tell whether a letter is meant."""
        return (
            (not self.reasons or letter.reason in self.reasons)
            and self.partition in (None, letter.source.partition)
            and (not self.places or str(letter.source) in self.places)
        )


def letter_of(record: Record, our_schema_id: int, schema_text: SchemaText) -> PublishedLetter | None:
    """Return the dead letter in a record of the dead-letter topic, None when it is about another topic than the sums.

    Raises ValueError when the record is none, whatever its bytes and its schema are; what ``schema_text`` raises passes
    through.
    """
    schema_id, body = unframe(record.value or b"")
    found = DeadLetter.decode(body) if schema_id == our_schema_id else _resolved(body, schema_id, schema_text)
    if found.source_topic != SUMS.name:
        return None
    digest = record.headers.get(SOURCE_DIGEST)
    offset = found.source_offset
    return PublishedLetter(
        source=Source(found.source_topic_id, found.source_partition, offset),
        reason=found.reason.value,
        detail=found.detail,
        key_copy=Copy(found.key, found.key_bytes, found.key_sha256),
        value_copy=Copy(found.value, found.value_bytes, found.value_sha256),
        schema=found.schema_id if found.schema_guid is None else UUID(found.schema_guid),
        digest=None if digest is None else bytes.fromhex(digest.decode()),
        is_placed=found.source_partition == record.partition and 0 <= offset < _OFFSET_LIMIT,
    )


def _resolved(body: bytes, schema_id: int, schema_text: SchemaText) -> DeadLetter:
    """Read a letter of another version as ours. Raises ValueError."""
    writer = schema_text(schema_id)
    if writer is None:
        raise ValueError(f"the registry does not know schema {spoken(schema_id)}")
    try:
        fields: Any = _fields(parsed(json.loads(writer)), body)
        return DeadLetter(**fields | {"reason": DeadLetterReason(fields["reason"])})
    except Exception as error:  # fastavro tells bad bytes and bad schemas by whatever the first wrong step raises
        raise ValueError(f"{error or type(error).__name__}") from error


def _fields(writer: Any, body: bytes) -> Any:
    if StrangeFields(writer).is_dangerous:
        raise ValueError(WHY_DANGEROUS)
    return fastavro.schemaless_reader(io.BytesIO(body), writer, _OURS)
