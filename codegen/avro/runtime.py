"""What all Avro classes here share: the two errors, and the codecs too long to stand inline.

Bounded on hostile input: a length is compared with what is left before anything is allocated, a varint has at most ten
bytes, nesting has a limit, and a value that its type does not hold is an error and never rounded.
"""

import datetime as _datetime
import decimal as _decimal
import struct as _struct
import uuid as _uuid
from typing import Final, NoReturn

import msgspec as _msgspec

NESTING_MAX: Final = 64
"""Records inside records of the same kind go no deeper."""

_EPOCH: Final = _datetime.datetime(1970, 1, 1, tzinfo=_datetime.UTC)
_LOCAL_EPOCH: Final = _datetime.datetime(1970, 1, 1)
_EPOCH_ORDINAL: Final = _EPOCH.toordinal()
_MICROSECOND: Final = _datetime.timedelta(microseconds=1)
_MICROS_PER_DAY: Final = 86_400_000_000
_SHOWN_CHARACTERS_MAX: Final = 60

# Wide enough for every precision that a schema may ask for; anything that would be rounded is trapped. The exponents
# are bounded too: 1E+999999 as a whole number would take minutes.
_EXACT: Final = _decimal.Context(
    prec=1100,
    Emax=2200,
    Emin=-2200,
    traps=[_decimal.Inexact, _decimal.InvalidOperation, _decimal.Overflow],
)


scaled: Final = _EXACT.multiply
"""Return whole number times 10 ** -scale, exactly."""

_EIGHT_BYTES: Final = _struct.Struct("<Q")
_CONTINUES: Final = 0x8080_8080_8080_8080
_ENDS_EIGHTH: Final = 0x0080_8080_8080_8080

# In MessagePack 16 bytes with this head are a UUID, which msgspec makes five times as fast as uuid.UUID does.
_UUID_HEAD: Final = b"\xc4\x10"
_decode_uuid: Final = _msgspec.msgpack.Decoder(_uuid.UUID).decode


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


def unscaled_of(value: _decimal.Decimal, scale: int, limit: int, field: str) -> int:
    """Return value * 10 ** scale, exactly."""
    try:
        scaled = _EXACT.scaleb(value, scale)
        unscaled = int(scaled)
    except (ArithmeticError, ValueError):
        raise misfit(field, value, "a finite decimal") from None
    if unscaled != scaled or not -limit < unscaled < limit:
        raise misfit(field, value, f"a decimal of {len(str(limit)) - 1} digits, {scale} of them after the point")
    return unscaled


def decimal_bytes(unscaled: int) -> bytes:
    """Return a decimal's bytes where its length is free: big-endian two's complement."""
    return unscaled.to_bytes((unscaled.bit_length() + 8) // 8, "big", signed=True)


def uuid_of_bytes(raw: bytes) -> _uuid.UUID:
    """Return the UUID of its 16 bytes."""
    return _decode_uuid(_UUID_HEAD + raw)


def uuid_of(text: str) -> _uuid.UUID:
    """Return the UUID of its text."""
    try:
        return _uuid.UUID(text)
    except ValueError:
        raise AvroDecodeError("a text is not a UUID") from None


def uuid_text(value: _uuid.UUID, field: str) -> str:
    """Return the text of a UUID."""
    if not isinstance(value, _uuid.UUID):
        raise misfit(field, value, "a UUID")
    return str(value)


def timestamp_of(value: int, micros_each: int) -> _datetime.datetime:
    """Return the moment in UTC, ``micros_each`` microseconds a unit."""
    try:
        return _EPOCH + _MICROSECOND * (value * micros_each)
    except OverflowError:
        raise AvroDecodeError(f"the timestamp {value} is outside the years 1 to 9999") from None


def timestamp_to(value: _datetime.datetime, micros_each: int, field: str) -> int:
    """Return the units since the epoch."""
    if value.tzinfo is None:
        raise misfit(field, value, "a datetime with a time zone")
    return _units((value - _EPOCH) // _MICROSECOND, micros_each, value, field)


def local_timestamp_of(value: int, micros_each: int) -> _datetime.datetime:
    """Return the local date and time, without a zone."""
    try:
        return _LOCAL_EPOCH + _MICROSECOND * (value * micros_each)
    except OverflowError:
        raise AvroDecodeError(f"the timestamp {value} is outside the years 1 to 9999") from None


def local_timestamp_to(value: _datetime.datetime, micros_each: int, field: str) -> int:
    """Return the units since the local epoch."""
    if value.tzinfo is not None:
        raise misfit(field, value, "a datetime without a time zone")
    return _units((value - _LOCAL_EPOCH) // _MICROSECOND, micros_each, value, field)


def date_of(value: int) -> _datetime.date:
    """Return the date of a day number."""
    try:
        return _datetime.date.fromordinal(value + _EPOCH_ORDINAL)
    except (OverflowError, ValueError):
        raise AvroDecodeError(f"the day {value} is outside the years 1 to 9999") from None


def date_to(value: _datetime.date, field: str) -> int:
    """Return the days since the epoch."""
    if isinstance(value, _datetime.datetime):
        raise misfit(field, value, "a date without a time")
    return value.toordinal() - _EPOCH_ORDINAL


def time_of(value: int, micros_each: int) -> _datetime.time:
    """Return the time of the day."""
    micros = value * micros_each
    if not 0 <= micros < _MICROS_PER_DAY:
        raise AvroDecodeError(f"the time {value} is outside a day")
    return (_LOCAL_EPOCH + _datetime.timedelta(microseconds=micros)).time()


def time_to(value: _datetime.time, micros_each: int, field: str) -> int:
    """Return the units since midnight."""
    if value.tzinfo is not None:
        raise misfit(field, value, "a time without a time zone")
    seconds = (value.hour * 60 + value.minute) * 60 + value.second
    return _units(seconds * 1_000_000 + value.microsecond, micros_each, value, field)


def _units(micros: int, micros_each: int, value: object, field: str) -> int:
    units, rest = divmod(micros, micros_each)
    if rest:
        raise misfit(field, value, "a whole number of milliseconds")
    return units
