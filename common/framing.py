"""Confluent framing of a record's value: magic byte 0, the schema id in 4 bytes big-endian, then the body."""

import struct

MAGIC = 0
FRAME_BYTES = 5
_FRAME = struct.Struct(">BI")


class FramingError(ValueError):
    """The bytes do not start with a Confluent frame."""


def frame(schema_id: int) -> bytes:
    """Return the five bytes that go before a body."""
    return _FRAME.pack(MAGIC, schema_id)


def unframe(value: bytes) -> tuple[int, bytes]:
    """Return (schema id, body). Raises FramingError when there is no frame."""
    if len(value) < FRAME_BYTES:
        raise FramingError(f"{len(value)} bytes are too short for a frame of {FRAME_BYTES}")
    magic, schema_id = _FRAME.unpack_from(value)
    if magic != MAGIC:
        raise FramingError(f"the first byte is {magic}, not {MAGIC}")
    return schema_id, value[FRAME_BYTES:]
