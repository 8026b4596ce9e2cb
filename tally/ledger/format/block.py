"""One block of a ledger file: rows and the MARK that closes it, as one block of an Avro object container file.

``[count varint][bytes varint][rows][MARK][sync 16]``, null codec. Rows are written from columns: runs of rows in which
the varints of offset and timestamp have one width each are one numpy array (``LedgerRow.column_dtype``). The CRC-32 in
the MARK's last four bytes covers the whole block, framing and sync included, with these four bytes zero.
"""

import itertools
import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np

from tally.base import varint
from tally.event.codes import MARK, REASON_NAMES
from tally.event.rows import ROWS_DTYPE, Rows, no_rows
from tally.generated.avro.ledger_row import LedgerRow
from tally.ledger.format.mark import CRC_BYTES, Mark, decode_mark, encode_mark

SYNC_BYTES: Final = 16
FRAMING_BYTES_MAX: Final = 2 * varint.BYTES_MAX
BLOCK_BYTES_MAX: Final = 64 * 1024 * 1024
"""Far above any batch (a row has about 104 bytes); it bounds what a damaged length can make a reader allocate."""

_FIXED: Final = tuple(name for name in ROWS_DTYPE.names or () if ROWS_DTYPE[name].shape == (16,))
"""The columns of 16 bytes, which stand in a row as they are in memory."""
_BETWEEN_BYTES: Final = 16 * (len(_FIXED) - 1)
"""All of them but the digest stand between a row's offset and its timestamp."""
_EMPTY: Final = ("counted", "duplicates", "conflicts", "poison", "total", "chain", "crc")
_RUN_AFTER_BREAK: Final = 64
"""Rows to look ahead after the widths changed; doubled as long as they stay."""


@dataclass(frozen=True)
class Block:
    """What a good block holds."""

    rows: Rows
    mark: Mark


@dataclass(frozen=True)
class BadBlock:
    """The bytes are not a good block; ``what`` is a clause for a report."""

    what: str


def encode_block(rows: Rows, mark: Mark, sync: bytes) -> bytes:
    """Return the block's bytes. Asserts that it is not longer than BLOCK_BYTES_MAX."""
    body = [*_runs(rows), encode_mark(mark)]
    framing = varint.encode(len(rows) + 1) + varint.encode(sum(map(len, body)))
    block = bytearray(b"".join((framing, *body, sync)))
    assert len(block) <= BLOCK_BYTES_MAX, f"a block of {len(rows)} rows is too long"
    at = len(block) - SYNC_BYTES - CRC_BYTES
    block[at : at + CRC_BYTES] = zlib.crc32(block).to_bytes(CRC_BYTES, "big")
    return bytes(block)


def block_bytes(head: bytes | memoryview) -> int | BadBlock:
    """Return a block's whole length, given its first FRAMING_BYTES_MAX bytes, or all there are."""
    try:
        count, at = varint.decode(head, 0)
        size, at = varint.decode(head, at)
    except (IndexError, ValueError):
        return BadBlock("it does not begin with a block's framing")
    if count < 1 or size < CRC_BYTES or size > BLOCK_BYTES_MAX:
        return BadBlock(f"its framing says {count} rows in {size} bytes")
    return at + size + SYNC_BYTES


def decode_block(data: bytes | memoryview, sync: bytes) -> Block | BadBlock:
    """Return the block of exactly these bytes after checking framing, sync and CRC."""
    length = block_bytes(data[:FRAMING_BYTES_MAX])
    if isinstance(length, BadBlock):
        return length
    if length != len(data):
        return BadBlock(f"it has {len(data)} of {length} bytes")
    data = bytes(data)
    at = length - SYNC_BYTES - CRC_BYTES
    if data[-SYNC_BYTES:] != sync:
        return BadBlock("its sync marker is wrong")
    crc = zlib.crc32(data[at + CRC_BYTES :], zlib.crc32(bytes(CRC_BYTES), zlib.crc32(memoryview(data)[:at])))
    if crc.to_bytes(CRC_BYTES, "big") != data[at : at + CRC_BYTES]:
        return BadBlock("its CRC is wrong")
    count, start = varint.decode(data, 0)
    _, start = varint.decode(data, start)
    try:
        rows, start = _read_runs(data[: at + CRC_BYTES], start, count - 1)
        return Block(rows, decode_mark(data[start : at + CRC_BYTES]))
    except (IndexError, ValueError) as error:
        return BadBlock(f"its CRC is right but {error}")


@lru_cache(maxsize=varint.BYTES_MAX**2)
def _layout(offset_width: int, timestamp_width: int) -> "np.dtype[Any]":
    return LedgerRow.column_dtype(offset=offset_width, timestamp=timestamp_width)


def _runs(rows: Rows) -> list[bytes]:
    """Return the rows in Avro, one piece a run of equal widths."""
    if len(rows) == 0:
        return []
    offsets, timestamps = varint.zigzag(rows["offset"]), varint.zigzag(rows["timestamp_us"])
    of_offset, of_timestamp = varint.widths(offsets), varint.widths(timestamps)
    breaks = np.flatnonzero((np.diff(of_offset) != 0) | (np.diff(of_timestamp) != 0)) + 1
    pieces = []
    for start, stop in itertools.pairwise([0, *breaks.tolist(), len(rows)]):
        out = np.zeros(stop - start, _layout(int(of_offset[start]), int(of_timestamp[start])))
        run = rows[start:stop]
        for name in _FIXED:
            out[name] = run[name]
        out["kind"] = run["kind"] << 1
        out["reason"] = run["reason"] << 1
        varint.write_column(out["offset"], offsets[start:stop])
        varint.write_column(out["timestamp"], timestamps[start:stop])
        pieces.append(out.tobytes())
    return pieces


def _read_runs(data: bytes, at: int, count: int) -> tuple[Rows, int]:
    """Return ``count`` rows and the position after them. Raises ValueError, IndexError."""
    if count * _layout(1, 1).itemsize > len(data) - at:
        raise ValueError(f"{count} rows do not fit into it")
    rows = no_rows(count)
    done, ahead = 0, count
    while done < count:
        offset_width = varint.width_at(data, at + 1)
        timestamp_width = varint.width_at(data, at + 1 + offset_width + _BETWEEN_BYTES)
        layout = _layout(offset_width, timestamp_width)
        fit = min(count - done, (len(data) - at) // layout.itemsize, ahead)
        raw = np.frombuffer(data, layout, fit, at)
        same = varint.have_width(raw["offset"]) & varint.have_width(raw["timestamp"])
        n = fit if same.all() else int(np.argmin(same))
        if n == 0:
            raise ValueError(f"row {done} ends too early")
        _fill(rows[done : done + n], raw[:n], done)
        ahead = min(count, 2 * ahead) if n == fit else _RUN_AFTER_BREAK
        done, at = done + n, at + n * layout.itemsize
    return rows, at


def _fill(rows: Rows, raw: Rows, first: int) -> None:
    """Take the columns over. Raises ValueError when a row is none of a ledger."""
    kind, reason = raw["kind"], raw["reason"]
    wrong = ((kind | reason) & 1 != 0) | (kind >= MARK << 1) | (reason >= len(REASON_NAMES) << 1)
    for name in _EMPTY:
        column = raw[name]
        wrong |= column != 0 if column.ndim == 1 else (column != 0).any(axis=1)
    if wrong.any():
        raise ValueError(f"row {first + int(np.argmax(wrong))} is not a row of a ledger")
    for name in _FIXED:
        rows[name] = raw[name]
    rows["kind"] = kind >> 1
    rows["reason"] = reason >> 1
    rows["offset"] = varint.read_column(raw["offset"])
    rows["timestamp_us"] = varint.read_column(raw["timestamp"])
