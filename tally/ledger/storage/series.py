"""Reading a series of segments from the topic's first record on, up to the end or the first break.

Each header's opening state must be what the segment before closed with, each block's MARK what its rows give.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from tally.ledger.format.block import BadBlock
from tally.ledger.format.check import check_block
from tally.ledger.format.header import BadHeader, Header, OtherFormat
from tally.ledger.format.mark import mark_of
from tally.ledger.state.fold import LedgerState, additions_of
from tally.ledger.state.id_index import IdIndex
from tally.ledger.storage.disk import Disk, File
from tally.ledger.storage.reading import SegmentView, SparseIndex, View
from tally.ledger.storage.scanning import is_rot, read_header, walk

AnyHeader: TypeAlias = Header | OtherFormat | BadHeader


@dataclass(frozen=True)
class Segment:
    """A segment whose blocks are all good. ``last_block`` is (position, end), of the header when there is no block."""

    header: Header
    view: SegmentView
    last_block: tuple[int, int]


@dataclass(frozen=True)
class Break:
    """Where the series of good blocks ends. ``torn``: only the last file's tail is bad, and cutting it off mends it."""

    segment: int
    position: int
    what: str
    torn: bool


@dataclass(frozen=True)
class Series:
    """The good prefix: its segments, the state after it, the index of its ids, and what ended it early, if anything."""

    segments: tuple[Segment, ...]
    state: LedgerState
    index: IdIndex
    broken: Break | None

    def view(self, disk: Disk) -> View:
        """Return the prefix for reading."""
        return View(disk, tuple(segment.view for segment in self.segments))


def header_of(disk: Disk, path: Path) -> AnyHeader:
    """Return a segment's header."""
    file = disk.open(path, write=False)
    try:
        return read_header(file, path)
    finally:
        file.close()


def read_series(disk: Disk, paths: list[Path], headers: list[AnyHeader], seed: int) -> Series:
    """Check everything in order. A torn last segment is among ``segments``, up to its last good block; one that is
    damaged is not, but its ids may be in the index."""
    state, index, segments = LedgerState.empty(), IdIndex(seed), list[Segment]()
    broken: Break | None = None
    for number, (path, header) in enumerate(zip(paths, headers, strict=True)):
        if not isinstance(header, Header):
            broken = Break(number, 0, header.what, torn=False)
        elif (wrong := wrong_opening(header, state)) is not None:
            broken = Break(number, 0, wrong, torn=False)
        else:
            reader = _Reader(number, header, path, state, index)
            broken = reader.read(disk, last=number == len(paths) - 1)
            if broken is None or broken.torn:
                segments.append(reader.segment())
                state = reader.state
        if broken is not None:
            break
    return Series(tuple(segments), state, index, broken)


def wrong_opening(header: Header, state: LedgerState) -> str | None:
    """Tell why a segment does not follow on the state before it."""
    expected = mark_of(state)
    if header.opening == expected and header.chain_window == state.chain.closed:
        return None
    if header.opening.next_offset != expected.next_offset:
        return (
            f"it begins at offset {header.opening.next_offset}, but the files before it end at "
            f"{expected.next_offset}: a file or a part of one is missing"
        )
    return "its header's opening state is not what the file before it closed with"


class _Reader:
    """One segment's blocks on their way through: the running state, the index of ids, the sparse index."""

    def __init__(self, number: int, header: Header, path: Path, state: LedgerState, index: IdIndex) -> None:
        self._number, self._header, self._path, self._index = number, header, path, index
        self._sparse = SparseIndex()
        self._last_block = (0, header.size_bytes)
        self.state = state

    def read(self, disk: Disk, *, last: bool) -> Break | None:
        """Go through all blocks. Only the last file can be torn."""
        file = disk.open(self._path, write=False)
        try:
            return self._read(file, last=last)
        finally:
            file.close()

    def _read(self, file: File, *, last: bool) -> Break | None:
        end, sync = file.size(), self._header.sync
        for found in walk(file, self._header.size_bytes, end, sync):
            where = f"the block at byte {found.position}"
            if isinstance(found.block, BadBlock):
                torn = last and not is_rot(file, found.position, end, sync)
                return Break(self._number, found.position, f"{where} is bad: {found.block.what}", torn)
            after = check_block(self.state, found.block)
            if isinstance(after, str):
                return Break(self._number, found.position, f"{where} is wrong: {after}", torn=False)
            self._sparse.add(self.state.chain, found.position)
            self._index.insert(additions_of(found.block.rows), (after.next_offset, after.chain.value))
            self._last_block = (found.position, found.end)
            self.state = after
        return None

    def segment(self) -> Segment:
        """Return the segment up to its last good block."""
        view = SegmentView(
            path=self._path,
            sync=self._header.sync,
            first_offset=self._header.opening.next_offset,
            next_offset=self.state.next_offset,
            end_bytes=self._last_block[1],
            index=self._sparse,
            entries=len(self._sparse),
        )
        return Segment(self._header, view, self._last_block)
