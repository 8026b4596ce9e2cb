"""The oracle's own way to read a record: framing, schema, decimals, partition; in plain Python, slow and obvious."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Context, Decimal

from oracle.avro.body import Body, UndecodableError
from oracle.facts import Schemas, TopicRecord
from oracle.schemas import UnresolvedError, means_the_same, read_as_ours, reader_of, writer_of

EXACT = Context(prec=200)
LIMIT = Decimal(10) ** 29
"""decimal(38, 9): 29 digits before the point."""
WORD = 2**64
NUMBERS_END = 64
"""Where the numbers of a record of our schema end: an id and three numbers of 16 bytes. A varint, the time, follows."""
COMMON_BYTES = 5 + 72
VARINT_BYTES_MAX = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Addition:
    """A record that follows the contract."""

    request_id: bytes
    a: Decimal
    b: Decimal
    sum: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class Unfit:
    """A record that must not be counted, with the first reason that applies, in the order of the contract."""

    reason: str


def partition_of(request_id: bytes, partitions: int) -> int:
    """Return the partition of an id: the splitmix64 finalizer of hi XOR (lo with its halves swapped), mod N."""
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


def written_by(record: TopicRecord) -> tuple[int | bytes, bytes] | None:
    """Return (the id or GUID of the writer's schema, the body), or None if a record has no frame.

    The frame is in the header, if there is one, otherwise before the body: 0 and an id, or 1 and a GUID.
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
    """Return what a record says, or why it must not be counted; never raises, whatever the bytes and schemas are."""
    fields = _common_form(record, schemas, reader_schema) or _fields(record, schemas, reader_schema)
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


def _common_form(record: TopicRecord, schemas: Schemas, reader_schema: str) -> Mapping[str, bytes] | None:
    """Return the fields of a record with a frame, our schema and the usual width, whatever its headers say; or None."""
    framed = _split(record.value or b"")
    if framed is None or len(record.value or b"") != COMMON_BYTES or not _is_ours(framed[0], schemas, reader_schema):
        return None
    moment = framed[1][NUMBERS_END:]
    return _cut(framed[1]) if _varint_bytes(moment) == len(moment) else None


def _fields(record: TopicRecord, schemas: Schemas, reader_schema: str) -> Mapping[str, bytes] | Unfit:
    framed = written_by(record)
    if framed is None or framed[0] not in schemas:
        return Unfit(reason="FRAMING" if framed is None else "UNKNOWN_SCHEMA")
    name, body = framed
    if _is_ours(name, schemas, reader_schema):
        moment = body[NUMBERS_END:]
        return _cut(body) if moment and _varint_bytes(moment) == len(moment) else Unfit(reason="UNDECODABLE")
    writer = writer_of(schemas[name], reader_schema)
    if writer is None:
        return Unfit(reason="UNREADABLE_SCHEMA")
    rest = Body(body)
    try:
        fields = read_as_ours(writer, reader_of(reader_schema), rest)
    except UnresolvedError:
        return Unfit(reason="UNREADABLE_SCHEMA")
    except UndecodableError:
        return Unfit(reason="UNDECODABLE")
    return Unfit(reason="UNDECODABLE") if rest.left_bytes else fields


def _is_ours(name: int | bytes, schemas: Schemas, reader_schema: str) -> bool:
    """Tell whether a schema named by id means the same as ours; one named by GUID is read the general way."""
    return isinstance(name, int) and name in schemas and means_the_same(schemas[name], reader_schema)


def _cut(body: bytes) -> Mapping[str, bytes]:
    return {name: body[16 * k : 16 * k + 16] for k, name in enumerate(("request_id", "a", "b", "sum"))}


def _varint_bytes(data: bytes) -> int:
    """Return the length of the varint at the beginning; 0 if it does not end in time or has more than 64 bits."""
    for position, byte in enumerate(data[:VARINT_BYTES_MAX]):
        if byte < 0x80:
            return 0 if position == VARINT_BYTES_MAX - 1 and byte > 1 else position + 1
    return 0


def _fault(addition: Addition, record: TopicRecord, partitions: int) -> str | None:
    # A comparison, since abs() would round to the 28 digits of the default context.
    if not all(-LIMIT < number < LIMIT for number in (addition.a, addition.b, addition.sum)):
        return "OUT_OF_RANGE"
    if plus(addition.a, addition.b) != addition.sum:
        return "WRONG_SUM"
    if record.key != addition.request_id:
        return "WRONG_KEY"
    if partition_of(addition.request_id, partitions) != record.partition:
        return "WRONG_PARTITION"
    return None
