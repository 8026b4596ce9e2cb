"""Ledger rows as people and files see them: text for numbers, ids and times."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Final, TypeVar

import numpy as np

from tally.base.uuid_text import uuid_text
from tally.event.codes import KIND_NAMES, POISON, REASON_NAMES
from tally.event.decimals import text_of
from tally.event.rows import Rows

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Entry:
    """One row. A POISON row has no id and no numbers; ``timestamp`` is RFC 3339 in UTC, by the broker's clock."""

    partition: int
    offset: int
    kind: str
    request_id: str | None
    a: str | None
    b: str | None
    sum: str | None
    timestamp: str
    reason: str | None


COLUMNS: Final = tuple(field.name for field in fields(Entry))
"""In the order in which every export has them."""
NUMBERS: Final = ("a", "b", "sum")
"""Those that hold an exact decimal, which a row has in 16 bytes."""


def cells_of(rows: Rows, timestamps: Iterable[T]) -> Iterator[tuple[int, int, bytes, tuple[bytes, ...], T, int]]:
    """Yield (offset, kind, request id, NUMBERS, timestamp, reason) of each row; timestamps are the caller's."""
    return zip(
        rows["offset"].tolist(),
        rows["kind"].tolist(),
        chunks_of(rows, "request_id"),
        zip(*(chunks_of(rows, name) for name in NUMBERS), strict=True),
        timestamps,
        rows["reason"].tolist(),
        strict=True,
    )


def entries_of(partition: int, rows: Rows) -> Iterator[Entry]:
    """Yield the rows of a partition as entries."""
    for offset, kind, request_id, numbers, timestamp, reason in cells_of(rows, timestamps_of(rows)):
        if kind == POISON:
            yield Entry(partition, offset, "POISON", None, None, None, None, timestamp, REASON_NAMES[reason])
        else:
            a, b, total = map(_decimal_text, numbers)
            yield Entry(partition, offset, KIND_NAMES[kind], uuid_text(request_id), a, b, total, timestamp, None)


def _decimal_text(number: bytes) -> str:
    return text_of(int.from_bytes(number, "big", signed=True))


def timestamps_of(rows: Rows) -> list[str]:
    """Return the rows' timestamps in RFC 3339."""
    moments = rows["timestamp_us"].astype("datetime64[us]")
    return [f"{text}Z" for text in np.datetime_as_string(moments, unit="us").tolist()]


def chunks_of(rows: Rows, name: str) -> list[bytes]:
    """Return a column of 16 bytes a row as one ``bytes`` a row."""
    joined = np.ascontiguousarray(rows[name]).tobytes()
    return [joined[start : start + 16] for start in range(0, len(joined), 16)]
