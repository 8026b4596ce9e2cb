"""The values of logical types: decimals, UUIDs, dates and times; one that its type does not hold is never rounded."""

import datetime as _datetime
import decimal as _decimal
import uuid as _uuid
from typing import Final

import msgspec as _msgspec

from ._runtime import AvroDecodeError, AvroEncodeError, misfit, read_varint, write_int, write_long

_EPOCH: Final = _datetime.datetime(1970, 1, 1, tzinfo=_datetime.UTC)
_LOCAL_EPOCH: Final = _datetime.datetime(1970, 1, 1)
_EPOCH_ORDINAL: Final = _EPOCH.toordinal()
_MICROSECOND: Final = _datetime.timedelta(microseconds=1)
_MICROS_PER_DAY: Final = 86_400_000_000

# Wide enough for every precision that a schema may ask for; anything that would be rounded is trapped. The exponents
# are bounded too: 1E+999999 as a whole number would take minutes.
_EXACT: Final = _decimal.Context(
    prec=1100,
    Emax=2200,
    Emin=-2200,
    traps=[_decimal.Inexact, _decimal.InvalidOperation, _decimal.Overflow],
)

_BIG_MAX: Final = 1_000
"""Digits of a decimal with a scale of its own, and the scale."""
_BIG_BYTES_MAX: Final = 416
"""What so many digits take."""

scaled: Final = _EXACT.multiply
"""Return whole number times 10 ** -scale, exactly."""

# In MessagePack 16 bytes with this head are a UUID, which msgspec makes five times as fast as uuid.UUID does.
_UUID_HEAD: Final = b"\xc4\x10"
_decode_uuid: Final = _msgspec.msgpack.Decoder(_uuid.UUID).decode


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


def is_decimal(value: _decimal.Decimal, scale: int, limit: int) -> bool:
    """Tell whether ``unscaled_of`` takes a value."""
    try:
        unscaled_of(value, scale, limit, "")
    except AvroEncodeError:
        return False
    return True


def big_decimal_bytes(value: _decimal.Decimal, field: str) -> bytes:
    """Return a decimal with its own scale: the length of its unscaled bytes, these, and the scale."""
    if not isinstance(value, _decimal.Decimal) or not value.is_finite():
        raise misfit(field, value, "a finite decimal")
    _, digits, exponent = value.as_tuple()
    scale = -int(exponent)
    if abs(scale) > _BIG_MAX or len(digits) > _BIG_MAX:
        raise misfit(field, value, f"a decimal of {_BIG_MAX} digits and a scale within ±{_BIG_MAX}")
    raw = decimal_bytes(int(_EXACT.scaleb(value, scale)))
    out = bytearray()
    write_long(out, len(raw), field)
    out += raw
    write_int(out, scale, field)
    return bytes(out)


def big_decimal_of(raw: bytes) -> _decimal.Decimal:
    """Return the decimal of ``big_decimal_bytes``."""
    try:
        length, pos = _number(raw, 0)
        scale, end = _number(raw, pos + length)
    except IndexError:
        raise AvroDecodeError("a decimal ends early") from None
    if not 0 <= length <= _BIG_BYTES_MAX or end != len(raw) or abs(scale) > _BIG_MAX:
        raise AvroDecodeError(f"a decimal is not one of {_BIG_MAX} digits and a scale within ±{_BIG_MAX}")
    unscaled = int.from_bytes(raw[pos : pos + length], "big", signed=True)
    return _EXACT.scaleb(_decimal.Decimal(unscaled), -scale)


def _number(raw: bytes, pos: int) -> tuple[int, int]:
    n, pos = raw[pos], pos + 1
    if n > 0x7F:
        n, pos = read_varint(raw, pos, n)
    return (n >> 1) ^ -(n & 1), pos


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
