"""The oracle's own reading of a record: framing, schema, decimals, partition; in plain Python, slow and obvious."""

import io
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Context, Decimal
from functools import lru_cache
from typing import Any

import fastavro

from oracle.facts import Schemas, TopicRecord

EXACT = Context(prec=200)
LIMIT = Decimal(10) ** 29
"""decimal(38, 9): 29 digits before the point."""
WORD = 2**64


@dataclass(frozen=True, kw_only=True, slots=True)
class Addition:
    """A record that is what the contract says."""

    request_id: bytes
    a: Decimal
    b: Decimal
    sum: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class Unfit:
    """A record that must not be counted, with the first reason that applies in the order of the contract."""

    reason: str


def partition_of(request_id: bytes, partitions: int) -> int:
    """Return an id's partition: the splitmix64 finalizer of hi XOR (lo with its halves swapped), mod N."""
    hi, lo_high, lo_low = struct.unpack(">QII", request_id)
    x = hi ^ (lo_low * 2**32 + lo_high)
    x = (x ^ (x // 2**30)) * 0xBF58476D1CE4E5B9 % WORD
    x = (x ^ (x // 2**27)) * 0x94D049BB133111EB % WORD
    return int((x ^ (x // 2**31)) % partitions)


def number_of(sixteen: bytes) -> Decimal:
    """Return the number in a ``fixed(16)`` decimal of scale 9."""
    return Decimal(int.from_bytes(sixteen, "big", signed=True)).scaleb(-9, EXACT)


def sixteen_of(number: Decimal) -> bytes:
    """Return a number as ``fixed(16)`` of scale 9, the reverse of ``number_of``."""
    return int(number.scaleb(9, EXACT)).to_bytes(16, "big", signed=True)


def plus(a: Decimal, b: Decimal) -> Decimal:
    """Return a + b without rounding."""
    return EXACT.add(a, b)


def without_logical_types(schema: Any) -> Any:
    """Return a schema whose fields read as raw bytes and integers."""
    if isinstance(schema, dict):
        return {
            name: without_logical_types(value)
            for name, value in schema.items()
            if name not in ("logicalType", "precision", "scale", "doc")
        }
    if isinstance(schema, list):
        return [without_logical_types(value) for value in schema]
    return schema


@lru_cache(maxsize=64)
def _parsed(text: str) -> Any:
    return fastavro.parse_schema(without_logical_types(json.loads(text)))


@lru_cache(maxsize=64)
def _same_meaning(writer: str, reader: str) -> bool:
    """Tell whether the writer's fields mean what the reader's do: equal logical types, precision and scale."""
    theirs = {field["name"]: field["type"] for field in json.loads(writer).get("fields", [])}
    for field in json.loads(reader)["fields"]:
        other = theirs.get(field["name"])
        facets = ("logicalType", "precision", "scale")
        if not isinstance(other, dict) or any(other.get(facet) != field["type"].get(facet) for facet in facets):
            return False
    return True


def written_by(record: TopicRecord) -> tuple[int | bytes, bytes] | None:
    """Return (the id or the GUID of the writer's schema, the body), or None when a record has no frame.

    The frame is in the header, where there is one, and else before the body: 0 and an id, or 1 and a GUID.
    """
    if record.value is None:
        return None
    if record.schema_header is None:
        return _split(record.value)
    named = _split(record.schema_header)
    return None if named is None or named[1] else (named[0], record.value)


def _split(data: bytes) -> tuple[int | bytes, bytes] | None:
    if len(data) >= 5 and data[0] == 0:
        return struct.unpack(">I", data[1:5])[0], data[5:]
    if len(data) >= 17 and data[0] == 1:
        return data[1:17], data[17:]
    return None


def read_record(record: TopicRecord, schemas: Schemas, reader_schema: str, partitions: int) -> Addition | Unfit:
    """Return what a record says, or why it cannot be counted."""
    framed = written_by(record)
    if framed is None:
        return Unfit(reason="FRAMING")
    writer = schemas.get(framed[0])
    if writer is None:
        return Unfit(reason="UNKNOWN_SCHEMA")
    fields = _fields(framed[1], writer, reader_schema)
    if isinstance(fields, Unfit):
        return fields
    addition = Addition(
        request_id=fields["request_id"],
        a=number_of(fields["a"]),
        b=number_of(fields["b"]),
        sum=number_of(fields["sum"]),
    )
    reason = _fault(addition, record, partitions)
    return Unfit(reason=reason) if reason else addition


def _fields(data: bytes, writer: str, reader: str) -> Mapping[str, Any] | Unfit:
    if not _same_meaning(writer, reader):
        return Unfit(reason="UNREADABLE_SCHEMA")
    body = io.BytesIO(data)
    try:
        fields: Any = fastavro.schemaless_reader(body, _parsed(writer), _parsed(reader))
    except fastavro.read.SchemaResolutionError:
        return Unfit(reason="UNREADABLE_SCHEMA")
    except Exception:  # noqa: BLE001 - fastavro raises whatever the bytes lead it into
        return Unfit(reason="UNDECODABLE")
    return Unfit(reason="UNDECODABLE") if body.read(1) else fields


def _fault(addition: Addition, record: TopicRecord, partitions: int) -> str | None:
    # Compared, not abs(): that would round to the default context's 28 digits.
    if not all(-LIMIT < number < LIMIT for number in (addition.a, addition.b, addition.sum)):
        return "OUT_OF_RANGE"
    if plus(addition.a, addition.b) != addition.sum:
        return "WRONG_SUM"
    if record.key != addition.request_id:
        return "WRONG_KEY"
    if partition_of(addition.request_id, partitions) != record.partition:
        return "WRONG_PARTITION"
    return None
