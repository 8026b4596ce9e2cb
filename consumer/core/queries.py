"""What callers write into the query string: positions, cursors, request ids."""

import re
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from tally.generated.tally.v1.tally_rules import ADD_REQUEST_REQUEST_ID_PATTERN

POSITION_PATTERN: Final = r"^[0-9]{1,5}:[0-9]{1,18}$"
CURSOR_PATTERN: Final = r"^([0-9]{1,5}:)?-?[0-9]{1,18}$"
_POSITION: Final = re.compile(POSITION_PATTERN, re.ASCII)
_CURSOR: Final = re.compile(CURSOR_PATTERN, re.ASCII)
_UUID: Final = re.compile(ADD_REQUEST_REQUEST_ID_PATTERN, re.ASCII)
BEFORE_FIRST: Final = -1
"""The offset after which everything comes."""


class QueryError(ValueError):
    """A parameter has a wrong value; the message names it, the value and what is allowed."""


@dataclass(frozen=True, slots=True)
class Position:
    """A record's place."""

    partition: int
    offset: int


def parse_position(text: str, partitions: int) -> Position:
    """Return PARTITION:OFFSET. Raises QueryError."""
    if _POSITION.fullmatch(text) is None:
        raise QueryError(f"min_position is {text!r}; allowed is PARTITION:OFFSET, for example 3:1041")
    partition, _, offset = text.partition(":")
    try:
        return Position(checked_partition(int(partition), partitions), int(offset))
    except QueryError as error:
        raise QueryError(f"min_position is {text!r}: {error}") from error


def parse_cursor(text: str | None, partition: int | None, partitions: int) -> Position:
    """Return the place after which a page begins: a cursor as a page gave it, or an offset of ``partition``."""
    if text is None:
        return Position(partition or 0, BEFORE_FIRST)
    if _CURSOR.fullmatch(text) is None:
        raise QueryError(f"after is {text!r}; allowed is the cursor `next` of a page, or an offset with partition=")
    head, colon, offset = text.rpartition(":")
    if not colon and partition is None:
        raise QueryError(f"after is {text!r}, an offset: say partition= as well, or give a cursor PARTITION:OFFSET")
    if colon and partition is not None and int(head) != partition:
        raise QueryError(f"after is {text!r}, a cursor of partition {head}, but partition is {partition}")
    number = int(head) if colon else partition
    assert number is not None
    return Position(checked_partition(number, partitions), int(offset))


def cursor_of(position: Position) -> str:
    """Return the text that ``parse_cursor`` takes."""
    return f"{position.partition}:{position.offset}"


def parse_request_id(text: str) -> bytes:
    """Return the 16 bytes of a UUID in its usual form. Raises QueryError."""
    if _UUID.fullmatch(text) is None:
        raise QueryError(f"request_id is {text[:64]!r}; allowed is a UUID: 8-4-4-4-12 hexadecimal digits")
    return UUID(text).bytes


def checked_partition(number: int, partitions: int) -> int:
    """Return the number. Raises QueryError."""
    if not 0 <= number < partitions:
        raise QueryError(f"partition is {number}; allowed is 0 to {partitions - 1}")
    return number
