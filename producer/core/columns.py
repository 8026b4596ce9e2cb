"""Many additions as columns of 16-byte values: checked, summed up and shared out without an object a row.

The reference is `producer.core.addition`, an addition at a time; a test proves the columns equal to it. An id is the 16
bytes of a UUID, any of them, as the text of one may be. A number is a decimal(38, 9) in big-endian two's complement.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from producer.core import refusals
from producer.core.addition import Addition
from producer.core.refusals import Refusal
from tally.event import int128
from tally.event.partitions import partition_column
from tally.event.rows import Bytes16
from tally.generated.rules import Violation

RowNumbers = NDArray[np.int64]
"""Numbers of rows in a request, from 0, rising; shape (n,)."""
VALUE_BYTES: Final = 16
_TOO_LONG: Final = "has more than 29 digits before the point"


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """n additions: each column has the shape (n, 16). ``total`` is a + b, where that is in range."""

    request_ids: Bytes16
    a: Bytes16
    b: Bytes16
    total: Bytes16

    def __len__(self) -> int:
        return len(self.request_ids)

    def rows(self, numbers: RowNumbers) -> "Columns":
        """Return some of the rows."""
        if len(numbers) == len(self):
            return self
        return Columns(self.request_ids[numbers], self.a[numbers], self.b[numbers], self.total[numbers])

    def keys(self) -> list[bytes]:
        """Return the ids, each in its 16 bytes."""
        joined = self.request_ids.tobytes()
        return [joined[at : at + VALUE_BYTES] for at in range(0, len(joined), VALUE_BYTES)]

    def addition(self, row: int) -> Addition:
        """Return one row as an addition."""
        a, b = self.a[row].tobytes(), self.b[row].tobytes()
        return Addition(self.request_ids[row].tobytes(), int128.from_bytes(a), int128.from_bytes(b))

    def partitions(self, partitions: int) -> NDArray[np.int64]:
        """Return the partition of each id, shape (n,)."""
        return partition_column(*int128.halves(self.request_ids), partitions).astype(np.int64)


def misshapen(request_ids: bytes, a: bytes, b: bytes) -> Refusal | None:
    """Refuse columns that are not 16 bytes a row, or not as many in each."""
    rows = len(request_ids) // VALUE_BYTES
    wrong = []
    for field, column in (("request_ids", request_ids), ("a", a), ("b", b)):
        if len(column) % VALUE_BYTES:
            wrong.append(Violation(field, "", f"has {len(column)} bytes; a column has 16 for each row"))
        elif len(column) != rows * VALUE_BYTES:
            wrong.append(Violation(field, "", f"has {len(column) // VALUE_BYTES} rows, and request_ids has {rows}"))
    return refusals.invalid_fields(wrong) if wrong else None


def read(request_ids: bytes, a: bytes, b: bytes) -> tuple[Columns, RowNumbers, Mapping[Refusal, RowNumbers]]:
    """Return columns that `misshapen` has nothing against, which rows are valid, and the other ones by refusal."""
    ids, first, second = (np.frombuffer(column, np.uint8).reshape(-1, VALUE_BYTES) for column in (request_ids, a, b))
    a_halves, b_halves = int128.halves(first), int128.halves(second)
    total = int128.added(a_halves, b_halves)
    good_a, good_b = int128.in_range(a_halves), int128.in_range(b_halves)
    # Modulo 2**128, a sum of two in range that overflows is at least 2**128 - 2 * 10**38 away from 0: out of range too.
    fits = int128.in_range(total)
    columns = Columns(ids, first, second, int128.from_halves(*total))
    good = good_a & good_b & fits
    if good.all():
        return columns, np.arange(len(columns)), {}
    found = {
        _out_of_range("a"): ~good_a & good_b,
        _out_of_range("b"): good_a & ~good_b,
        _out_of_range("a", "b"): ~(good_a | good_b),
        refusals.sum_out_of_range(): good_a & good_b & ~fits,
    }
    refused = {refusal: np.flatnonzero(mask) for refusal, mask in found.items() if mask.any()}
    return columns, np.flatnonzero(good), refused


def _out_of_range(*fields: str) -> Refusal:
    return refusals.invalid_fields([Violation(field, "", f"{field} {_TOO_LONG}") for field in fields])


def first_seen(
    keys: Sequence[bytes], known: Sequence[object | None], in_flight: Mapping[bytes, object]
) -> tuple[RowNumbers, list[int]]:
    """Return the rows whose ids are new, and the other ones: known, in flight, or a repetition of an earlier row."""
    count = len(keys)
    if known.count(None) == count and in_flight.keys().isdisjoint(keys) and len(set(keys)) == count:
        return np.arange(count), []
    seen = set[bytes]()
    new, others = list[int](), list[int]()
    for row, (key, found) in enumerate(zip(keys, known, strict=True)):
        (new if found is None and key not in in_flight and key not in seen else others).append(row)
        seen.add(key)
    return np.array(new, np.int64), others
