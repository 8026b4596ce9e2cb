"""Reading the values of fetched records: all of the common form at once as columns, any other one by one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from contracts.generated.avro.sum_added import SumAdded
from tally.base.framing import FRAME_BYTES, MAGIC, FramingError, SchemaName, unframe_any
from tally.event.rows import FRAMING, OUT_OF_RANGE, UNDECODABLE, Mask, Rows


class SchemaUnavailable(Exception):  # noqa: N818 - names what is, not that it is an error
    """A writer's schema cannot be had at the moment; the records must be decoded later, not poisoned."""


@dataclass(frozen=True)
class Verdict:
    """Why a record cannot be counted: a reason's code of ``rows`` (UNKNOWN_SCHEMA, ...) and a sentence for a person."""

    reason: int
    detail: str


General: TypeAlias = Callable[[SchemaName, bytes], SumAdded | Verdict]
"""(writer's schema, body) -> the event in our schema, or why there is none. May raise SchemaUnavailable."""


_EVENT_DTYPE: Final = SumAdded.column_dtype()
_FRAMED_DTYPE: Final = np.dtype([("magic", "u1"), ("schema_id", ">u4"), ("event", _EVENT_DTYPE)])
_FRAMED_BYTES: Final = FRAME_BYTES + SumAdded.WIDTH
COLUMNS: Final = ("request_id", "a", "b", "sum")
_COLUMN_BYTES: Final = 64
_ADDED_AT_BYTES: Final = int(_EVENT_DTYPE["added_at"].itemsize)
_BEHIND_BYTES: Final = SumAdded.WIDTH - _COLUMN_BYTES - _ADDED_AT_BYTES
"""Of the fields that a newer contract has behind these, each of constant width as the contract promises."""
_VARINT_BYTES_MAX: Final = 10


def read_fast(rows: Rows, values: list[bytes | None], fast_schema_ids: frozenset[int]) -> tuple[Mask, set[int]]:
    """Fill the columns of all values that have our schema and its one width; return where, and the ids seen."""
    n = len(values)
    fits = _of_length(values, _FRAMED_BYTES)
    chosen = values if fits.all() else [value for value, fit in zip(values, fits.tolist(), strict=True) if fit]
    framed = np.frombuffer(b"".join(cast(list[bytes], chosen)), dtype=_FRAMED_DTYPE)
    ids = framed["schema_id"]
    seen = _distinct(ids)
    added_at = framed["event"]["added_at"]
    good = (framed["magic"] == MAGIC) & (added_at[:, -1] < 0x80) & (added_at[:, :-1] >= 0x80).all(axis=1)
    if not seen <= fast_schema_ids:
        good &= np.isin(ids, list(fast_schema_ids))
    if good.all():
        fast, used = fits, seen
    else:
        framed = framed[good]
        fast, used = fits.copy(), _distinct(framed["schema_id"])
        fast[np.flatnonzero(fits)[~good]] = False
    where: slice | Mask = slice(None) if len(framed) == n else fast
    for name in COLUMNS:
        rows[name][where] = framed["event"][name]
    return fast, used


def _of_length(values: list[bytes | None], length: int) -> Mask:
    if None not in values and set(map(len, cast(list[bytes], values))) == {length}:
        return np.ones(len(values), np.bool_)
    return np.fromiter((value is not None and len(value) == length for value in values), np.bool_, len(values))


def _distinct(ids: NDArray[np.uint32]) -> set[int]:
    """Return the values of a column that nearly always has one."""
    if len(ids) and (ids == ids[0]).all():
        return {int(ids[0])}
    return set(np.unique(ids).tolist())


def read_one(
    value: bytes | None, header: bytes | None, fast_schema_ids: frozenset[int], general: General
) -> tuple[SchemaName, bytes] | Verdict:
    """Return (writer's schema, request_id + a + b + sum) of one value, or why not. Raises SchemaUnavailable.

    ``header`` is the record's SCHEMA_HEADER, when it has one.
    """
    if value is None:
        return Verdict(FRAMING, "the record has no value")
    try:
        name, body = unframe_any(value, header)
    except FramingError as error:
        return Verdict(FRAMING, str(error))
    columns = _own(body) if name in fast_schema_ids else _resolved(general(name, body))
    return columns if isinstance(columns, Verdict) else (name, columns)


def _own(body: bytes) -> bytes | Verdict:
    """Read our own schema in a width that is not the common one."""
    if not _is_varint(body[_COLUMN_BYTES : max(len(body) - _BEHIND_BYTES, 0)]):
        return Verdict(UNDECODABLE, f"the {len(body)} bytes after the frame are not a SumAdded")
    return body[:_COLUMN_BYTES]


def _resolved(outcome: SumAdded | Verdict) -> bytes | Verdict:
    if isinstance(outcome, Verdict):
        return outcome
    try:
        return outcome.encode()[:_COLUMN_BYTES]
    except ValueError as error:  # AvroEncodeError: the writer's schema allows more digits than ours
        return Verdict(OUT_OF_RANGE, str(error))


def _is_varint(data: bytes) -> bool:
    """Tell whether the bytes are exactly one long of Avro: at most 64 bits."""
    if not 1 <= len(data) <= _VARINT_BYTES_MAX or data[-1] >= 0x80 or any(byte < 0x80 for byte in data[:-1]):
        return False
    return len(data) < _VARINT_BYTES_MAX or data[-1] <= 1
