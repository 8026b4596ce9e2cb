"""Values of our own schema by their layout: id, a, b and sum of 16 bytes each, a varint, and what follows it.

All of the common form, whose varint has its usual width, are read at once as columns; any other one by one.
"""

from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from tally.base import varint
from tally.base.framing import FRAME_BYTES, MAGIC, unframe
from tally.event.codes import UNDECODABLE
from tally.event.int128 import from_bytes, to_bytes
from tally.event.rows import Mask, Rows
from tally.event.verdict import Event, Poison, Sum
from tally.generated.avro.sum_added import SumAdded

COLUMNS: Final = ("request_id", "a", "b", "sum")

_EVENT_DTYPE: Final = SumAdded.column_dtype()
_FRAMED_DTYPE: Final = np.dtype([("magic", "u1"), ("schema_id", ">u4"), ("event", _EVENT_DTYPE)])
_FRAMED_BYTES: Final = FRAME_BYTES + SumAdded.WIDTH
_COLUMN_BYTES: Final = 64
_ADDED_AT_BYTES: Final = int(_EVENT_DTYPE["added_at"].itemsize)
_BEHIND_BYTES: Final = SumAdded.WIDTH - _COLUMN_BYTES - _ADDED_AT_BYTES
"""Of the fields that a newer contract adds after these, each of constant width as the contract promises."""


def read_fast(
    rows: Rows, values: list[bytes | None], own_schema_ids: frozenset[int]
) -> tuple[Mask, NDArray[np.uint32]]:
    """Fill the columns of all values of the common form; return which these are, and their schema ids in order."""
    n = len(values)
    fits = _of_length(values, _FRAMED_BYTES)
    chosen = values if fits.all() else [value for value, fit in zip(values, fits.tolist(), strict=True) if fit]
    framed = np.frombuffer(b"".join(cast(list[bytes], chosen)), dtype=_FRAMED_DTYPE)
    ids = framed["schema_id"]
    good = (framed["magic"] == MAGIC) & varint.have_width(framed["event"]["added_at"])
    if not distinct(ids) <= own_schema_ids:
        good &= np.isin(ids, list(own_schema_ids))
    if good.all():
        fast = fits
    else:
        framed = framed[good]
        fast = fits.copy()
        fast[np.flatnonzero(fits)[~good]] = False
    where: slice | Mask = slice(None) if len(framed) == n else fast
    for name in COLUMNS:
        rows[name][where] = framed["event"][name]
    return fast, framed["schema_id"]


def _of_length(values: list[bytes | None], length: int) -> Mask:
    if None not in values and set(map(len, cast(list[bytes], values))) == {length}:
        return np.ones(len(values), np.bool_)
    return np.fromiter((value is not None and len(value) == length for value in values), np.bool_, len(values))


def distinct(ids: NDArray[np.uint32]) -> set[int]:
    """Return the values of a column that nearly always has one."""
    if len(ids) and (ids == ids[0]).all():
        return {int(ids[0])}
    return set(np.unique(ids).tolist())


def is_common(value: bytes, own_schema_ids: frozenset[int]) -> bool:
    """Tell whether ``read_fast`` takes a value. Such a one is ours, whatever a header says, which nobody looks at."""
    if len(value) != _FRAMED_BYTES or value[0] != MAGIC or unframe(value)[0] not in own_schema_ids:
        return False
    *before, last = value[FRAME_BYTES + _COLUMN_BYTES :][:_ADDED_AT_BYTES]
    return last < 0x80 and min(before) >= 0x80


def read_own(body: bytes) -> Event | Poison:
    """Return what a body of our schema holds, of any width."""
    try:
        added_at_us, end = varint.decode(body, _COLUMN_BYTES)
    except (IndexError, ValueError):
        end = -1
    if end != len(body) - _BEHIND_BYTES:
        return Poison(UNDECODABLE, f"the {len(body)} bytes after the frame are not a SumAdded")
    return Event(body[:16], from_bytes(body[16:32]), from_bytes(body[32:48]), from_bytes(body[48:64]), added_at_us)


def columns_of(counted: Sum) -> bytes:
    """Return the bytes of COLUMNS."""
    return counted.request_id + to_bytes(counted.a) + to_bytes(counted.b) + to_bytes(counted.sum)
