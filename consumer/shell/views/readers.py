"""Ledgers for readers: REST, exports and audits look into what the ingest loop has open.

The loop puts and drops; any thread reads. A reader that comes too early or too late gets NotHereError.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from loguru import logger

from tally.event.codes import CONFLICT
from tally.event.rows import Rows
from tally.ledger.storage.errors import LedgerDamaged
from tally.ledger.storage.ledger import Ledger, Opened, SegmentInfo

_CONFLICTS_MAX = 100_000
"""Conflicting rows remembered a partition, by id; more are counted and not listed."""


class NotHereError(Exception):
    """This replica has no open ledger of the partition."""


@dataclass(slots=True)
class _Conflicts:
    """Offsets of CONFLICT rows by id, filled from the ledger when somebody asks."""

    scanned_to: int = 0
    found: int = 0
    by_id: dict[bytes, list[int]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Readers:
    """See the module's docstring."""

    def __init__(self) -> None:
        self._opened: dict[int, Opened] = {}
        self._conflicts: dict[int, _Conflicts] = {}

    def put(self, partition: int, opened: Opened) -> None:
        """Let readers in."""
        if self._opened.get(partition) is not opened:
            self._conflicts[partition] = _Conflicts()
            self._opened[partition] = opened

    def drop(self, partition: int) -> None:
        """Let no more readers in."""
        self._opened.pop(partition, None)
        self._conflicts.pop(partition, None)

    def find(self, partition: int, request_id: bytes, below: int) -> Rows | None:
        """Return the COUNTED row of an id, shape (1,), if its offset is below ``below``. Raises NotHereError."""
        opened = self._get(partition)
        offset = opened.index.find(request_id)
        if offset is None or offset >= below:
            return None
        try:
            return opened.ledger.view.row_at(offset)
        except (OSError, LedgerDamaged) as error:
            raise _unreadable(partition, error) from error

    def conflicts(self, partition: int, request_id: bytes, below: int, count: int) -> list[int]:
        """Return offsets of CONFLICT rows of an id. ``count``: how many the ledger has below ``below``, of all ids.

        Reads what was appended since the last question, and only when there are new conflicts. Raises NotHereError.
        """
        known = self._conflicts.get(partition)
        if known is None:
            raise NotHereError(f"partition {partition} is not open here")
        with known.lock:
            if count > known.found and below > known.scanned_to:
                for rows in self.blocks(partition, known.scanned_to, below):
                    _note_conflicts(known, rows)
                known.scanned_to = below
            return [offset for offset in known.by_id.get(request_id, []) if offset < below]

    def read(self, partition: int, after: int, limit: int, below: int) -> Rows:
        """Return up to ``limit`` rows with after < offset < below. Raises NotHereError."""
        opened = self._get(partition)
        try:
            rows = opened.ledger.view.read(after, limit)
        except (OSError, LedgerDamaged) as error:
            raise _unreadable(partition, error) from error
        return rows[rows["offset"] < below]

    def blocks(self, partition: int, from_offset: int, to_offset: int) -> Iterator[Rows]:
        """Yield rows with from_offset <= offset < to_offset. Raises NotHereError, also half-way."""
        opened = self._get(partition)
        try:
            yield from opened.ledger.view.blocks(from_offset, to_offset)
        except (OSError, LedgerDamaged) as error:
            raise _unreadable(partition, error) from error

    def segments(self, partition: int) -> tuple[SegmentInfo, ...]:
        """Return the ledger's files. Raises NotHereError."""
        return self._get(partition).ledger.segments()

    def ledger_of(self, partition: int) -> Ledger:
        """Return the open ledger. Raises NotHereError."""
        return self._get(partition).ledger

    def has_open(self, partition: int, ledger: Ledger) -> bool:
        """Tell whether a ledger that was open still is."""
        opened = self._opened.get(partition)
        return opened is not None and opened.ledger is ledger

    def _get(self, partition: int) -> Opened:
        opened = self._opened.get(partition)
        if opened is None:
            raise NotHereError(f"partition {partition} is not open here")
        return opened


def _note_conflicts(known: _Conflicts, rows: Rows) -> None:
    for row in rows[rows["kind"] == CONFLICT]:
        known.found += 1
        if known.found <= _CONFLICTS_MAX:
            known.by_id.setdefault(row["request_id"].tobytes(), []).append(int(row["offset"]))


def _unreadable(partition: int, error: Exception) -> NotHereError:
    logger.bind(partition=partition).error("the ledger cannot be read: {}", error)
    return NotHereError(f"the ledger of partition {partition} cannot be read: {error}")
