"""What all Avro classes here share: the two errors, and the codecs of numbers too long to stand inline.

Bounded on hostile input: a length is compared with what is left before anything is allocated, a varint has at most ten
bytes, nesting has a limit, and a value that its type does not hold is an error and never rounded.
"""

import struct as _struct
from typing import Final, NoReturn

NESTING_MAX: Final = 64
"""Records inside records of the same kind go no deeper."""

EMPTY_ITEMS_MAX: Final = 1_000
"""Items of an array that take no bytes (nulls, records of nothing): the bytes that are left bound any others."""

_SHOWN_CHARACTERS_MAX: Final = 60

_EIGHT_BYTES: Final = _struct.Struct("<Q")
_CONTINUES: Final = 0x8080_8080_8080_8080
_ENDS_EIGHTH: Final = 0x0080_8080_8080_8080


class AvroDecodeError(ValueError):
    """The bytes do not follow the schema."""


class AvroEncodeError(ValueError):
    """The value does not fit the schema; the message names the field, the value and what is allowed."""


def early(length: int) -> AvroDecodeError:
    """Return the error for bytes that end too early."""
    return AvroDecodeError(f"the {length} bytes end within the record")


def bad_length(length: int, left: int) -> AvroDecodeError:
    """Return the error for a length or count that is negative or more than what is left."""
    return AvroDecodeError(f"a length or count of {length} with {left} bytes left")


def too_many_empty() -> AvroDecodeError:
    """Return the error for an array with more items of no bytes than EMPTY_ITEMS_MAX."""
    return AvroDecodeError(f"an array has more than {EMPTY_ITEMS_MAX} items that take no bytes")


def empty_misfit(field: str, count: int) -> AvroEncodeError:
    """Return the error for a value with more items of no bytes than a reader takes."""
    return AvroEncodeError(f"{field} has {count} items that take no bytes; allowed are {EMPTY_ITEMS_MAX}")


def bad_index(name: str, count: int) -> AvroDecodeError:
    """Return the error for an enum or union index outside 0 to count - 1."""
    return AvroDecodeError(f"the index of {name} is not one of 0 to {count - 1}")


def bad_digits(precision: int) -> AvroDecodeError:
    """Return the error for a decimal beyond its precision."""
    return AvroDecodeError(f"a decimal has more than {precision} digits")


def misfit(field: str, value: object, allowed: str) -> AvroEncodeError:
    """Return the error for a value that its field does not take."""
    text = repr(value)
    if len(text) > _SHOWN_CHARACTERS_MAX:
        text = text[:_SHOWN_CHARACTERS_MAX] + "…"
    return AvroEncodeError(f"{field} is {text}; allowed is {allowed}")


def foreign_type(cls: str, error: Exception) -> AvroEncodeError:
    """Return the error for a field that holds a value of another type than its annotation."""
    return AvroEncodeError(f"a field of {cls} has a value of another type: {error}")


def too_deep() -> NoReturn:
    """Raise for records nested beyond NESTING_MAX while reading."""
    raise AvroDecodeError(f"records are nested deeper than {NESTING_MAX} levels")


def read_varint(data: bytes, pos: int, first: int) -> tuple[int, int]:
    """Return (unsigned value, position after it), where ``first`` > 127 is the byte before ``pos``."""
    value = first & 0x7F
    shift = 7
    byte = data[pos]
    while byte > 0x7F:
        value |= (byte & 0x7F) << shift
        shift += 7
        pos += 1
        if shift > 63:
            raise AvroDecodeError("a number has more than ten bytes")
        byte = data[pos]
    value |= byte << shift
    if value >> 64:
        raise AvroDecodeError("a number has more than 64 bits")
    return value, pos + 1


def read_moment(data: bytes, pos: int) -> tuple[int, int]:
    """Return (unsigned value, position after it) of a varint that has eight bytes as a rule: microseconds of our time.

    Eight groups of seven bits are moved together two by two, which takes half as long as byte by byte.
    """
    if len(data) - pos >= 8:
        (n,) = _EIGHT_BYTES.unpack_from(data, pos)
        if n & _CONTINUES == _ENDS_EIGHTH:
            n = (n & 0x007F_007F_007F_007F) | (n & 0x7F00_7F00_7F00_7F00) >> 1
            n = (n & 0x0000_3FFF_0000_3FFF) | (n & 0x3FFF_0000_3FFF_0000) >> 2
            n = (n & 0x0000_0000_0FFF_FFFF) | (n & 0x0FFF_FFFF_0000_0000) >> 4
            return n, pos + 8
    first = data[pos]
    return (first, pos + 1) if first < 0x80 else read_varint(data, pos + 1, first)


def write_long(out: bytearray, value: int, field: str) -> None:
    """Append a long as a zigzag varint."""
    if not -0x8000_0000_0000_0000 <= value <= 0x7FFF_FFFF_FFFF_FFFF:
        raise misfit(field, value, "a whole number of 64 bits")
    rest = (value << 1) ^ (value >> 63)
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)


def write_int(out: bytearray, value: int, field: str) -> None:
    """Append an int as a zigzag varint."""
    if not -0x8000_0000 <= value <= 0x7FFF_FFFF:
        raise misfit(field, value, "a whole number of 32 bits")
    rest = (value << 1) ^ (value >> 31)
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
