"""What callers write into paths and query strings: numbers, positions, cursors, request ids.

Everything arrives as text and is read here, by rules of its own: ``int`` would take ``1_0``, `` 1`` and the digits of
every script for numbers.
"""

import re
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from tally.base.shown.values import SHOWN_CHARACTERS_MAX, quoted
from tally.generated.tally.v1.tally_rules import ADD_REQUEST_REQUEST_ID_PATTERN

POSITION_PATTERN: Final = r"^[0-9]{1,5}:[0-9]{1,18}$"
CURSOR_PATTERN: Final = r"^([0-9]{1,5}:)?-?[0-9]{1,18}$"
OFFSET_MAX: Final = 10**18 - 1
"""The largest number that is read at all: 18 digits, which every offset of Kafka's has room in."""
_NUMBER: Final = re.compile(r"[0-9]{1,18}")
_POSITION: Final = re.compile(POSITION_PATTERN, re.ASCII)
_CURSOR: Final = re.compile(CURSOR_PATTERN, re.ASCII)
_UUID: Final = re.compile(ADD_REQUEST_REQUEST_ID_PATTERN, re.ASCII)
BEFORE_FIRST: Final = -1
"""The offset after which everything comes."""


class QueryError(ValueError):
    """A parameter or field has a wrong value. ``shown`` is the value as a message may show it: short and printable."""

    def __init__(self, name: str, shown: str, allowed: str, message: str | None = None) -> None:
        super().__init__(message or f"{name} is {shown}; allowed is {allowed}")
        self.name = name[:SHOWN_CHARACTERS_MAX]
        self.shown = shown
        self.allowed = allowed


@dataclass(frozen=True, slots=True)
class Position:
    """A record's place."""

    partition: int
    offset: int


def parse_number(name: str, text: str, least: int, most: int) -> int:
    """Return a whole number in decimal digits, 18 at most. Raises QueryError."""
    if _NUMBER.fullmatch(text) is None or not least <= int(text) <= most:
        raise QueryError(name, quoted(text), f"a whole number from {least} to {most}")
    return int(text)


def parse_partition(text: str, partitions: int) -> int:
    """Return the number of a partition. Raises QueryError."""
    return parse_number("partition", text, 0, partitions - 1)


def parse_position(text: str, partitions: int) -> Position:
    """Return PARTITION:OFFSET. Raises QueryError."""
    if _POSITION.fullmatch(text) is not None:
        partition, _, offset = text.partition(":")
        if int(partition) < partitions:
            return Position(int(partition), int(offset))
    allowed = f"PARTITION:OFFSET with a partition from 0 to {partitions - 1}, for example 3:1041"
    raise QueryError("min_position", quoted(text), allowed)


def parse_cursor(text: str | None, partition: int | None, partitions: int) -> Position:
    """Return the place after which a page begins: a cursor as a page gave it, or an offset of ``partition``."""
    if text is None:
        return Position(partition or 0, BEFORE_FIRST)
    if _CURSOR.fullmatch(text) is None:
        raise QueryError("after", quoted(text), "the cursor `next` of a page, or an offset together with partition")
    head, colon, offset = text.rpartition(":")
    if not colon and partition is None:
        allowed = "an offset only together with partition, or a cursor PARTITION:OFFSET"
        raise QueryError("after", quoted(text), allowed)
    if colon and partition is not None and int(head) != partition:
        raise QueryError("after", quoted(text), f"a cursor of partition {partition}, which is asked for")
    number = int(head) if colon else partition
    assert number is not None
    if number >= partitions:
        raise QueryError("after", quoted(text), f"a cursor with a partition from 0 to {partitions - 1}")
    return Position(number, int(offset))


def cursor_of(position: Position) -> str:
    """Return the text that ``parse_cursor`` takes."""
    return f"{position.partition}:{position.offset}"


def parse_request_id(text: str) -> bytes:
    """Return the 16 bytes of a UUID in its usual form. Raises QueryError."""
    if _UUID.fullmatch(text) is None:
        raise QueryError("request_id", quoted(text), "a UUID: 8-4-4-4-12 hexadecimal digits")
    return UUID(text).bytes
