"""A partition's ledger on disk: an append-only series of segment files, one fsynced block a batch.

One thread opens and appends; any thread may read: readers see the fsynced prefix only.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from consumer.core.fold import LedgerState
from consumer.core.id_index import IdIndex
from consumer.core.recovery import Identity, Refuse
from consumer.core.rows import Rows

SEGMENT_BYTES_MAX = 128 * 1024 * 1024


@dataclass(frozen=True)
class Truncated:
    """A torn tail that was cut off: the last append never finished."""

    file: str
    from_bytes: int
    to_bytes: int


@dataclass(frozen=True)
class Quarantined:
    """A damaged file that was renamed, and with it those behind it; the rows are read from the topic again."""

    file: str
    renamed_to: str
    position_bytes: int
    what: str


@dataclass(frozen=True)
class Removed:
    """A temporary file of a rotation that never finished."""

    file: str


Recovered = Truncated | Quarantined | Removed


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

    @classmethod
    def open(cls, directory: Path, identity: Identity) -> Opened | Refuse:
        """Open or begin a ledger: check every block, mend a torn tail, put damaged files aside, rewrite and fsync the
        last block, fill the index. Raises LedgerFailed, OSError."""
        raise NotImplementedError

    @property
    def state(self) -> LedgerState:
        """The state after the last fsynced block."""
        raise NotImplementedError

    @property
    def schemas(self) -> Mapping[int, str]:
        """Writer schema id -> fingerprint, of all that the ledger has used (from the last header)."""
        raise NotImplementedError

    def append(self, rows: Rows, state: LedgerState, schemas: Mapping[int, str]) -> None:
        """Write one block and fsync it. ``state`` is the state after the rows; ``schemas``: the writer schema ids of
        these rows with their fingerprints (a new one begins a new segment). No rows: does nothing.
        Raises LedgerFull (nothing was appended, try again), LedgerFailed (end the process)."""
        raise NotImplementedError

    def read(self, after_offset: int, limit: int) -> Rows:
        """Return up to ``limit`` rows with offsets above ``after_offset`` (-1: from the start)."""
        raise NotImplementedError

    def blocks(self, from_offset: int, to_offset: int) -> Iterator[Rows]:
        """Yield the rows with from_offset <= offset < to_offset, block by block."""
        raise NotImplementedError

    def row_at(self, offset: int) -> Rows | None:
        """Return the row of an offset as an array of shape (1,), or None."""
        raise NotImplementedError

    def poison_since(self, offset: int) -> Rows:
        """Return the POISON rows from ``offset`` on."""
        raise NotImplementedError

    def chain_at(self, offset: int) -> bytes:
        """Return the chain at an offset up to ``state.next_offset``."""
        raise NotImplementedError

    def segments(self) -> tuple[SegmentInfo, ...]:
        """Return the files in order."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the files; the ledger cannot be used afterwards."""
        raise NotImplementedError
