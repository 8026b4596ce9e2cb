"""Values that are bytes: those that objects of other types lend, and durations, which are twelve of them."""

import struct as _struct
from typing import Final

import msgspec as _msgspec

from ._runtime import misfit

_DURATION: Final = _struct.Struct("<III")


def bytes_of(value: object, field: str) -> bytes:
    """Return the bytes of an object that lends its own, whatever the width of its items."""
    try:
        return bytes(memoryview(value))  # type: ignore[arg-type]
    except TypeError:
        raise misfit(field, value, "bytes") from None


def fixed_of(value: object, size: int, field: str) -> bytes:
    """Return the same of a size that is given."""
    raw = bytes_of(value, field)
    if len(raw) != size:
        raise misfit(field, value, f"{size} bytes")
    return raw


class Duration(_msgspec.Struct, frozen=True, kw_only=True):
    """A span of time in three parts that do not make up for each other: a month has no fixed number of days."""

    months: int
    days: int
    milliseconds: int


def duration_of(raw: bytes) -> Duration:
    """Return the duration of its 12 bytes."""
    months, days, milliseconds = _DURATION.unpack(raw)
    return Duration(months=months, days=days, milliseconds=milliseconds)


def duration_bytes(value: Duration, field: str) -> bytes:
    """Return the 12 bytes of a duration."""
    try:
        return _DURATION.pack(value.months, value.days, value.milliseconds)
    except (AttributeError, _struct.error):
        raise misfit(field, value, "a Duration of three whole numbers of 32 bits, none negative") from None
