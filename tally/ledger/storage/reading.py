"""Reading a ledger, from any thread, while one thread appends.

Theory of operation. After every fsync the writer publishes a new ``View``: an immutable picture of the files with the
length that is safe to read. A reader takes the view once and works on it, with file handles of its own. The sparse
index of a segment only ever grows, and a view says how many of its entries it may use.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from tally.event.codes import POISON
from tally.event.rows import Rows, next_offset, no_rows
from tally.ledger.format.block import BadBlock
from tally.ledger.state.chain import CHAIN_BYTES, FIRST, WINDOW_OFFSETS, ChainState
from tally.ledger.storage.disk import Disk
from tally.ledger.storage.errors import LedgerDamaged
from tally.ledger.storage.scanning import walk

_SPARSE_BYTES: Final = 64 * 1024
"""One entry (32 bytes of memory) for each so many bytes of file, so a look-up reads little more than that."""


class SparseIndex:
    """Where blocks begin in a segment: next offset before the block -> position, and C of its window."""

    def __init__(self) -> None:
        self._offsets = array("q")
        self._positions = array("q")
        self._closed = bytearray()

    def __len__(self) -> int:
        """Return the number of entries."""
        return len(self._positions)

    def add(self, before: ChainState, position: int) -> None:
        """Note a block; most are skipped. The count goes up last, as readers go by it."""
        if len(self) and position - self._positions[-1] < _SPARSE_BYTES:
            return
        self._closed += before.closed
        self._offsets.append(before.next_offset)
        self._positions.append(position)

    def at(self, offset: int, entries: int) -> tuple[int, int, bytes]:
        """Return (next offset, position, C of its window) of the last entry not above an offset."""
        entry = max(bisect_right(self._offsets, offset, 0, entries) - 1, 0)
        closed = bytes(self._closed[entry * CHAIN_BYTES : (entry + 1) * CHAIN_BYTES])
        return self._offsets[entry], self._positions[entry], closed


@dataclass(frozen=True)
class SegmentView:
    """A segment as far as it may be read: offsets in [first_offset, next_offset), bytes up to end_bytes."""

    path: Path
    sync: bytes
    first_offset: int
    next_offset: int
    end_bytes: int
    index: SparseIndex
    entries: int


@dataclass(frozen=True)
class View:
    """The whole ledger as of one fsync. What reads raises LedgerDamaged."""

    disk: Disk
    segments: tuple[SegmentView, ...]

    def blocks(self, from_offset: int, to_offset: int) -> Iterator[Rows]:
        """Yield the rows with from_offset <= offset < to_offset, block by block."""
        for segment in self.segments:
            if segment.entries and segment.next_offset > from_offset and segment.first_offset < to_offset:
                yield from _segment_blocks(self.disk, segment, from_offset, to_offset)

    def row_at(self, offset: int) -> Rows | None:
        """Return the row of an offset as an array of shape (1,), or None."""
        return next(self.blocks(offset, next_offset(offset)), None)

    def read(self, after_offset: int, limit: int) -> Rows:
        """Return up to ``limit`` rows with offsets above ``after_offset`` (-1: from the start)."""
        parts: list[Rows] = []
        for rows in self.blocks(next_offset(after_offset), self.next_offset):
            if limit <= 0:
                break
            parts.append(rows[:limit])
            limit -= len(parts[-1])
        return np.concatenate(parts) if parts else no_rows()

    def chain_at(self, offset: int) -> bytes:
        """Return the chain at an offset that is not above the view's next offset."""
        assert 0 <= offset <= self.next_offset, f"offset {offset} is not in the ledger"
        holders = [segment for segment in self.segments if segment.entries and segment.first_offset <= offset]
        if not holders:
            return ChainState.at_window(0, FIRST).value_at(offset)
        before, _, closed = holders[-1].index.at(offset, holders[-1].entries)
        chain = ChainState.at_window(before // WINDOW_OFFSETS, closed)
        for rows in self.blocks(chain.next_offset, offset):
            chain = chain.advance(rows)
        return chain.value_at(offset)

    def poison_since(self, offset: int) -> Rows:
        """Return the POISON rows from ``offset`` on."""
        parts = [rows[rows["kind"] == POISON] for rows in self.blocks(offset, self.next_offset)]
        return np.concatenate(parts) if parts else no_rows()

    @property
    def next_offset(self) -> int:
        """The first offset that is not in the view."""
        return self.segments[-1].next_offset if self.segments else 0


def _segment_blocks(disk: Disk, segment: SegmentView, from_offset: int, to_offset: int) -> Iterator[Rows]:
    _, position, _ = segment.index.at(from_offset, segment.entries)
    file = disk.open(segment.path, write=False)
    try:
        for found in walk(file, position, segment.end_bytes, segment.sync):
            if isinstance(found.block, BadBlock):
                raise LedgerDamaged(
                    f"{segment.path}: the block at byte {found.position} is damaged, {found.block.what}. "
                    f"Start the consumer again: it puts the file aside and reads its rows from the topic."
                )
            rows = found.block.rows
            first_offset, last_offset = rows["offset"][0], rows["offset"][-1]
            if first_offset >= to_offset:
                return
            if first_offset >= from_offset and last_offset < to_offset:  # most are: spares a search in each
                yield rows
                continue
            first, last = np.searchsorted(rows["offset"], (from_offset, to_offset))
            if first < last:
                yield rows[first:last]
    finally:
        file.close()
