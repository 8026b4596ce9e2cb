"""Dead letters as the topic holds them, and which of them a person means."""

import io
import json
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import fastavro

from client.records import Record
from client.said import SchemaText
from common.framing import SchemaName, unframe
from contracts.generated.avro.dead_letter import SCHEMA, DeadLetter, DeadLetterReason
from contracts.generated.topics import SUMS

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
class Letter:
    """A dead letter of the sums; ``key`` and ``value`` are the record's own, byte for byte.

    ``schema`` is what named the writer's schema, in a header of the record or before its body.
    """

    source: Source
    reason: str
    detail: str
    key: bytes | None
    value: bytes | None
    schema: SchemaName | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """Which letters are meant; what is empty or None chooses all."""

    reasons: frozenset[str] = field(default_factory=frozenset)
    partition: int | None = None
    places: frozenset[str] = field(default_factory=frozenset)

    def has(self, letter: Letter) -> bool:
        """Tell whether a letter is meant."""
        return (
            (not self.reasons or letter.reason in self.reasons)
            and self.partition in (None, letter.source.partition)
            and (not self.places or str(letter.source) in self.places)
        )


def letter_of(record: Record, our_schema_id: int, schema_text: SchemaText) -> Letter | None:
    """Return the dead letter in a record of the dead-letter topic, None when it is about another topic than the sums.

    Raises ValueError when the record is none; what ``schema_text`` raises passes through.
    """
    schema_id, body = unframe(record.value or b"")
    found = DeadLetter.decode(body) if schema_id == our_schema_id else _resolved(body, schema_text(schema_id))
    if found.source_topic != SUMS.name:
        return None
    source = Source(found.source_topic_id, found.source_partition, found.source_offset)
    schema = found.schema_id if found.schema_guid is None else UUID(found.schema_guid)
    return Letter(source, found.reason.value, found.detail, found.key, found.value, schema)


def _resolved(body: bytes, writer: str) -> DeadLetter:
    """Read a letter of another version as ours. Raises ValueError."""
    stream = io.BytesIO(body)
    try:
        fields: Any = fastavro.schemaless_reader(stream, json.loads(writer), _OURS)
        return DeadLetter(**fields | {"reason": DeadLetterReason(fields["reason"])})
    except (fastavro.read.SchemaResolutionError, EOFError, LookupError, TypeError) as error:
        raise ValueError(f"not a dead letter: {error}") from error
