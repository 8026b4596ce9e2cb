"""Protobuf's wire format, written by hand where the library costs too much."""

from functools import lru_cache
from typing import Final

NUMBER: Final = 0
LENGTH: Final = 2
"""The wire type of what has its length in front: texts and messages."""


def tag_of(number: int, wire_type: int) -> bytes:
    """Return what a field begins with; ``number`` is 1 to 15."""
    return bytes((number << 3 | wire_type,))


@lru_cache(maxsize=4096)
def varint(value: int) -> bytes:
    """Return an unsigned integer as a varint: seven bits a byte, the low ones first."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(tag: bytes, value: bytes) -> bytes:
    """Return a field that is a text or a message; an empty text is to be left out instead."""
    return tag + varint(len(value)) + value
