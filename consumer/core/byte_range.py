"""The Range header of RFC 9110 for one range of bytes."""

import re
from dataclasses import dataclass

_ONE_RANGE = re.compile(r"bytes=\s*([0-9]{0,18})-([0-9]{0,18})\s*")


@dataclass(frozen=True, slots=True)
class Whole:
    """No range, or one that a server may ignore: send everything."""


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes ``start`` to ``stop`` (exclusive)."""

    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Unsatisfiable:
    """The range begins after the end."""


ByteRange = Whole | Part | Unsatisfiable


def parse_range(header: str | None, size: int) -> ByteRange:
    """Return what to send of ``size`` bytes. Other units, several ranges and nonsense mean the whole (RFC 9110)."""
    match = _ONE_RANGE.fullmatch(header or "")
    if match is None or match.group(1) == match.group(2) == "":
        return Whole()
    first, last = match.groups()
    if first == "":
        length = min(int(last), size)
        return Part(size - length, size) if length else Unsatisfiable()
    start = int(first)
    stop = size if last == "" else min(int(last) + 1, size)
    if last != "" and int(last) < start:
        return Whole()
    return Part(start, stop) if start < size else Unsatisfiable()
