"""Confluent's framing of a value: a zero, the id of the writer's schema in four bytes big-endian, then the body."""

import struct as _struct
from collections.abc import Sequence
from typing import Final, Protocol

from ._referred import whole_schema
from ._runtime import AvroDecodeError, misfit

_FRAME: Final = _struct.Struct(">BI")
_ID_MAX: Final = 0xFFFF_FFFF


class SchemaLookup(Protocol):
    """Where schemas are found by id. It is asked for each value, so it should remember its answers.

    A schema may refer to schemas of other subjects. They are fetched where the look-up is a ReferenceLookup as well.
    """

    def schema(self, name: int, /) -> str:
        """Return the JSON text of an id's schema. What it raises reaches whoever decodes."""


class ReferenceLookup(SchemaLookup, Protocol):
    """A look-up that also tells what a schema refers to. It is asked for an id once, as its answers are kept."""

    def with_references(self, name: int | tuple[str, int], /) -> tuple[str, Sequence[tuple[str, int]]]:
        """Return the JSON text of an id or of (subject, version), and each (subject, version) that it refers to."""


def frame(schema_id: int) -> bytes:
    """Return the five bytes that go before a body. Raises AvroEncodeError."""
    if not 0 <= schema_id <= _ID_MAX:
        raise misfit("the id of the schema", schema_id, f"0 to {_ID_MAX}")
    return _FRAME.pack(0, schema_id)


def unframed(data: bytes, registry: SchemaLookup) -> tuple[bytes, str]:
    """Return (body, the text of the schema that wrote it). Raises AvroDecodeError, and what the registry raises.

    What the schema refers to stands in its text, if the registry is a ReferenceLookup.
    """
    if len(data) < _FRAME.size:
        raise AvroDecodeError(f"{len(data)} bytes are too short for a frame of {_FRAME.size}")
    magic, schema_id = _FRAME.unpack_from(data)
    if magic != 0:
        raise AvroDecodeError(f"the first byte is {magic}; in Confluent's framing it is 0")
    fetch = getattr(registry, "with_references", None)
    return data[_FRAME.size :], registry.schema(schema_id) if fetch is None else whole_schema(fetch, schema_id)
