"""A partition's ledger on disk: an append-only series of segment files, one fsynced block a batch.

Theory of operation. ``open`` mends and checks the files (``opening``) and gives a Ledger in one of three states:

    WRITING -> append -> WRITING            one block written and fsynced, then published to readers
    WRITING -> no room -> WRITING           cut back to the last good block; LedgerFull; append again later
    WRITING -> any other error -> FAILED    LedgerFailed, for ever: the process must end, and the next start finds out
    WRITING, FAILED -> close -> CLOSED

One thread opens, appends and closes; any thread may read, and sees the fsynced prefix only (``reading``).
A segment is named by its first offset, 20 digits. A new one is begun at SEGMENT_BYTES_MAX and when a writer schema
appears that the header does not pin yet; the first one is begun by the first append.
"""

import os
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tally.base.fault_points import point
from tally.event.rows import Rows, next_offset
from tally.ledger.format.block import SYNC_BYTES, encode_block
from tally.ledger.format.header import encode_header
from tally.ledger.format.identity import Identity, Refuse
from tally.ledger.format.mark import mark_of
from tally.ledger.state.fold import LedgerState
from tally.ledger.state.id_index import IdIndex
from tally.ledger.storage.disk import Disk, File, RealDisk
from tally.ledger.storage.errors import LedgerFailed, LedgerFull
from tally.ledger.storage.opening import Prefix, Quarantined, Recovered, Removed, Truncated, open_directory
from tally.ledger.storage.reading import SegmentView, SparseIndex, View
from tally.ledger.storage.scanning import SUFFIX, TEMPORARY_SUFFIX, segment_name
from tally.ledger.storage.writing import cut_back, sync, sync_directory, trouble, write_all

__all__ = ["Ledger", "Opened", "Quarantined", "Recovered", "Removed", "SegmentInfo", "Truncated"]

SEGMENT_BYTES_MAX: Final = 128 * 1024 * 1024
"""Reached, a segment is sealed: small enough to copy and check in a second, large enough that they stay few."""

_BEFORE_FSYNC, _AFTER_FSYNC = point("consumer.before_fsync"), point("consumer.after_fsync")
_SEGMENT_BEFORE_WRITE = point("consumer.segment_before_write")
_SEGMENT_BEFORE_FSYNC = point("consumer.segment_before_fsync")
_SEGMENT_BEFORE_RENAME = point("consumer.segment_before_rename")
_SEGMENT_BEFORE_DIR_FSYNC = point("consumer.segment_before_dir_fsync")
_SEGMENT_AFTER_DIR_FSYNC = point("consumer.segment_after_dir_fsync")


@dataclass(frozen=True)
class SegmentInfo:
    """One file: ``next_offset`` is the first that is not in it; a sealed one never changes again."""

    path: Path
    first_offset: int
    next_offset: int
    size_bytes: int
    sealed: bool


@dataclass(frozen=True)
class Opened:
    """A ledger ready to append, the index of its ids, and what had to be mended."""

    ledger: "Ledger"
    index: IdIndex
    recovered: tuple[Recovered, ...]


class Ledger:
    """See the module's theory of operation."""

    def __init__(
        self,
        prefix: Prefix,
        *,
        directory: Path,
        identity: Identity,
        disk: Disk,
        random_bytes: Callable[[int], bytes],
        segment_bytes_max: int,
    ) -> None:
        """Use ``open``."""
        self._directory, self._identity, self._disk = directory, identity, disk
        self._random_bytes, self._segment_bytes_max = random_bytes, segment_bytes_max
        self._state = prefix.state
        self._schemas: Mapping[int, str] = prefix.segments[-1].header.schemas if prefix.segments else {}
        self._sealed = tuple(segment.view for segment in prefix.segments[:-1])
        self._active = prefix.segments[-1].view if prefix.segments else None
        self._file: File | None = disk.open(self._active.path, write=True) if self._active else None
        self._failed: str | None = None
        self._publish()

    @classmethod
    def open(
        cls,
        directory: Path,
        identity: Identity,
        *,
        disk: Disk | None = None,
        random_bytes: Callable[[int], bytes] = os.urandom,
        index_seed: int | None = None,
        segment_bytes_max: int = SEGMENT_BYTES_MAX,
    ) -> Opened | Refuse:
        """Open or begin a ledger: check every block, mend a torn tail, put damaged files aside, rewrite and fsync the
        last block, fill the index. Raises LedgerFailed, and OSError for what cannot be read or created."""
        disk = disk or RealDisk()
        seed = secrets.randbits(64) if index_seed is None else index_seed
        prefix = open_directory(disk, directory, identity, seed)
        if isinstance(prefix, Refuse):
            return prefix
        ledger = cls(
            prefix,
            directory=directory,
            identity=identity,
            disk=disk,
            random_bytes=random_bytes,
            segment_bytes_max=segment_bytes_max,
        )
        return Opened(ledger, prefix.index, prefix.recovered)

    @property
    def directory(self) -> Path:
        """Where its files lie."""
        return self._directory

    @property
    def state(self) -> LedgerState:
        """The state after the last fsynced block."""
        return self._state

    @property
    def schemas(self) -> Mapping[int, str]:
        """Writer schema id -> fingerprint, of all that the ledger has used (from the last header)."""
        return self._schemas

    def append(self, rows: Rows, state: LedgerState, schemas: Mapping[int, str]) -> None:
        """Write one block and fsync it. ``state`` is the state after the rows; ``schemas``: the writer schema ids of
        these rows with their fingerprints (a new one begins a new segment). No rows: does nothing.
        Raises LedgerFull (nothing was appended, try again), LedgerFailed (end the process)."""
        if self._failed is not None:
            raise LedgerFailed(self._failed)
        if len(rows) == 0:
            return
        self._check(rows, state, schemas)
        try:
            if (
                self._active is None
                or self._active.end_bytes >= self._segment_bytes_max
                or schemas.keys() - self._schemas
            ):
                self._rotate({**self._schemas, **schemas})
            self._write(rows, state)
        except LedgerFailed as error:
            self._failed = str(error)
            raise

    @property
    def view(self) -> View:
        """What may be read now: everything up to the last fsynced block, also after ``close``."""
        return self._view

    def segments(self) -> tuple[SegmentInfo, ...]:
        """Return the files in order; all but the last are sealed."""
        views = self._view.segments
        return tuple(
            SegmentInfo(view.path, view.first_offset, view.next_offset, view.end_bytes, sealed=view is not views[-1])
            for view in views
        )

    def close(self) -> None:
        """Close the file; reading goes on working, appending does not."""
        self._failed = self._failed or f"{self._directory} is closed"
        if self._file is not None:
            self._file.close()
            self._file = None

    def _check(self, rows: Rows, state: LedgerState, schemas: Mapping[int, str]) -> None:
        """Assert what the file's promises depend on, before anything is written."""
        old = self._state
        assert rows["offset"][0] >= old.next_offset, f"offset {rows['offset'][0]} is in the ledger already"
        assert state.next_offset == next_offset(int(rows["offset"][-1])), "the state is not that after the rows"
        assert state.counts.rows == old.counts.rows + len(rows), "rows are missing"
        for schema_id in schemas.keys() & self._schemas.keys():
            assert schemas[schema_id] == self._schemas[schema_id], f"schema id {schema_id} is pinned to another one"

    def _rotate(self, schemas: Mapping[int, str]) -> None:
        """Seal the active segment and begin the next one. The order is what makes a crash harmless at each step."""
        old, first = self._active, self._state.next_offset
        path = self._directory / segment_name(first)
        temporary = self._directory / path.name.replace(SUFFIX, TEMPORARY_SUFFIX)
        marker = self._random_bytes(SYNC_BYTES)
        header = encode_header(self._identity, schemas, self._state, marker)
        # 1. what the old segment has is on the disk
        if self._file is not None and old is not None:
            sync(self._file, old.path)
        # 2. a temporary file with the header, on the disk
        file = self._create(temporary, header)
        _SEGMENT_BEFORE_RENAME()
        # 3. its name: either the old files alone, or the new one whole
        try:
            self._disk.rename(temporary, path)
        except OSError as error:
            file.close()
            raise LedgerFailed(f"{temporary}: cannot be renamed: {error}") from error
        _SEGMENT_BEFORE_DIR_FSYNC()
        # 4. the name is on the disk
        sync_directory(self._disk, self._directory)
        _SEGMENT_AFTER_DIR_FSYNC()
        if self._file is not None:
            self._file.close()
        if old is not None and old.next_offset > old.first_offset:
            self._sealed += (old,)
        self._file, self._schemas = file, dict(schemas)
        self._active = SegmentView(path, marker, first, first, len(header), SparseIndex(), entries=0)
        self._publish()

    def _create(self, temporary: Path, header: bytes) -> File:
        """Raises LedgerFull with nothing left behind, LedgerFailed."""
        try:
            file = self._disk.create(temporary)
        except OSError as error:
            raise trouble(temporary, "cannot be created", error) from error
        try:
            _SEGMENT_BEFORE_WRITE()
            write_all(file, temporary, 0, header)
            _SEGMENT_BEFORE_FSYNC()
            sync(file, temporary)
        except (LedgerFull, LedgerFailed):
            file.close()
            with suppress(OSError):
                self._disk.remove(temporary)
            raise
        return file

    def _write(self, rows: Rows, state: LedgerState) -> None:
        active, file = self._active, self._file
        assert active is not None, "there is a segment to write to"
        assert file is not None, "the segment is open"
        block = encode_block(rows, mark_of(state), active.sync)
        try:
            write_all(file, active.path, active.end_bytes, block)
        except LedgerFull:
            cut_back(file, active.path, active.end_bytes)
            raise
        _BEFORE_FSYNC()
        sync(file, active.path)
        _AFTER_FSYNC()
        active.index.add(self._state.chain, active.end_bytes)
        self._active = replace(
            active,
            next_offset=state.next_offset,
            end_bytes=active.end_bytes + len(block),
            entries=len(active.index),
        )
        self._state = state
        self._publish()

    def _publish(self) -> None:
        self._view = View(self._disk, (*self._sealed, self._active) if self._active is not None else self._sealed)
