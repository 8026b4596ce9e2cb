"""Reading the topic's records as the contract says: what one means, or why it means nothing.

Pure but for ``schema_text``, which asks the registry about a schema id other than ours.
"""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Context, Decimal, Inexact
from uuid import UUID

import fastavro

from common.framing import SCHEMA_HEADER, FramingError, SchemaName, unframe_any
from common.partitions import partition_of
from common.registry import SchemaUnknown, spoken
from contracts.generated.avro import AvroDecodeError
from contracts.generated.avro.sum_added import SCHEMA, SumAdded

_OURS = fastavro.parse_schema(json.loads(SCHEMA))
_EXACT = Context(prec=60, traps=[Inexact])  # two operands of 38 digits always fit


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it is in Kafka. Of headers with one name the last one is kept."""

    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sum:
    """A committed addition."""

    record: Record
    schema_id: SchemaName
    request_id: UUID
    a: Decimal
    b: Decimal
    sum: Decimal
    added_at: datetime


@dataclass(frozen=True, slots=True)
class Poison:
    """A record that cannot be counted; ``reason`` is one of the dead letters' reasons."""

    record: Record
    reason: str
    detail: str


def read(record: Record, our_schema_id: int, schema_text: Callable[[SchemaName], str], partitions: int) -> Sum | Poison:
    """Return what a record means. ``schema_text`` raises SchemaUnknown; its other errors pass through."""
    try:
        header = None if record.value is None else record.headers.get(SCHEMA_HEADER)
        schema, body = unframe_any(record.value or b"", header)
    except FramingError as error:
        return Poison(record, "FRAMING", str(error))
    try:
        added = SumAdded.decode(body) if schema == our_schema_id else _resolve(body, schema_text(schema))
    except SchemaUnknown as error:
        return Poison(record, "UNKNOWN_SCHEMA", str(error))
    except (fastavro.read.SchemaResolutionError, fastavro.schema.SchemaParseException) as error:
        return Poison(record, "UNREADABLE_SCHEMA", f"schema {spoken(schema)}: {error}")
    # fastavro tells bad bytes by whatever the first wrong step raises.
    except (AvroDecodeError, EOFError, ValueError, IndexError, KeyError, TypeError, ArithmeticError) as error:
        return Poison(record, "UNDECODABLE", f"schema {spoken(schema)}: {error or type(error).__name__}")
    return _check(record, schema, added, partitions)


def _check(record: Record, schema: SchemaName, added: SumAdded, partitions: int) -> Sum | Poison:
    if _EXACT.add(added.a, added.b) != added.sum:
        return Poison(record, "WRONG_SUM", f"{added.a:f} + {added.b:f} is not {added.sum:f}")
    if record.key != added.request_id.bytes:
        return Poison(record, "WRONG_KEY", f"the key is not the request id {added.request_id}")
    due = partition_of(added.request_id.bytes, partitions)
    if due != record.partition:
        return Poison(record, "WRONG_PARTITION", f"request id {added.request_id} belongs into partition {due}")
    return Sum(record, schema, added.request_id, added.a, added.b, added.sum, added.added_at)


def _resolve(body: bytes, writer_schema: str) -> SumAdded:
    """Read a record of another schema as ours, by Avro's rules."""
    stream = io.BytesIO(body)
    fields = fastavro.schemaless_reader(stream, json.loads(writer_schema), _OURS)
    if stream.read(1):
        raise ValueError("bytes are left after the record")
    if not isinstance(fields, dict):
        raise TypeError("not a record")
    request_id = fields["request_id"]  # fastavro leaves a UUID that is a fixed as its bytes
    return SumAdded(**{**fields, "request_id": UUID(bytes=request_id)} if isinstance(request_id, bytes) else fields)
