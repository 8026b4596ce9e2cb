"""Confluent framing of a record's value: which schema wrote it, and where its body begins.

The first byte tells: 0 and the schema's id in 4 bytes big-endian, or 1 and the schema's GUID in 16, then the body. The
header ``__value_schema_id`` may hold the same; then the value is all body. We write an id before the body.
"""

import struct
from typing import Final, TypeAlias
from uuid import UUID

MAGIC = 0
GUID_MAGIC = 1
FRAME_BYTES = 5
SCHEMA_HEADER: Final = "__value_schema_id"
"""The header's name, as Confluent's serializers write it (confluent-kafka 2.16, ``header_schema_id_serializer``)."""

SchemaName: TypeAlias = int | UUID
"""What a registry knows a schema by: an id, which is one registry's own, or a GUID, the same in all of them."""


def spoken(name: SchemaName) -> str:
    """Return what a person reads: ``id 7``, or ``GUID 89791762-…``."""
    return f"id {name}" if isinstance(name, int) else f"GUID {name}"


_FRAME = struct.Struct(">BI")
_GUID_FRAME_BYTES: Final = 17


class FramingError(ValueError):
    """The bytes do not start with a Confluent frame."""


def frame(schema_id: int) -> bytes:
    """Return the five bytes that go before a body."""
    return _FRAME.pack(MAGIC, schema_id)


def unframe(value: bytes) -> tuple[int, bytes]:
    """Return (schema id, body). Raises FramingError when there is no frame with an id."""
    if len(value) < FRAME_BYTES:
        raise FramingError(f"{len(value)} bytes are too short for a frame of {FRAME_BYTES}")
    magic, schema_id = _FRAME.unpack_from(value)
    if magic != MAGIC:
        raise FramingError(f"the first byte is {magic}, not {MAGIC}")
    return schema_id, value[FRAME_BYTES:]


def unframe_any(value: bytes, header: bytes | None) -> tuple[SchemaName, bytes]:
    """Return (the writer's schema, body). ``header`` is what SCHEMA_HEADER says, which goes before what the value says.

    Raises FramingError.
    """
    if header is None:
        return _named(value)
    name, rest = _named(header)
    if rest:
        raise FramingError(f"the header {SCHEMA_HEADER} has {len(rest)} bytes behind the schema's name")
    return name, value


def _named(data: bytes) -> tuple[SchemaName, bytes]:
    if data[:1] != bytes([GUID_MAGIC]):
        return unframe(data)
    if len(data) < _GUID_FRAME_BYTES:
        raise FramingError(f"{len(data)} bytes are too short for a frame of {_GUID_FRAME_BYTES} with a GUID")
    return UUID(bytes=data[1:_GUID_FRAME_BYTES]), data[_GUID_FRAME_BYTES:]
