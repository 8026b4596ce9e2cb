"""Verify ledgers offline: every segment, CRC, chain, sum, count, classification, and the steps between segments.

Reads only. Works on one partition's directory or on a tree that holds several.
"""

from dataclasses import dataclass
from pathlib import Path

from consumer.core.recovery import Identity


@dataclass(frozen=True)
class Problem:
    """One damage: the file, the position of the block it is in, and what is wrong, as a sentence."""

    file: Path
    position_bytes: int
    what: str


@dataclass(frozen=True)
class LedgerReport:
    """One partition's ledger: what its good prefix amounts to (``total`` unscaled), and every problem.

    ``notes`` are no problems: quarantined files, a block that is being written at this moment.
    """

    directory: Path
    identity: Identity | None
    segments: int
    rows: int
    size_bytes: int
    next_offset: int
    counted: int
    duplicates: int
    conflicts: int
    poison: int
    total: int
    chain: bytes
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """All ledgers below a path."""

    path: Path
    ledgers: tuple[LedgerReport, ...]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Every problem of every ledger."""
        return tuple(problem for ledger in self.ledgers for problem in ledger.problems)

    @property
    def ok(self) -> bool:
        """No problem was found, in at least one ledger."""
        return bool(self.ledgers) and not self.problems


class NoLedger(Exception):  # noqa: N818 - names what is, not that it is an error
    """The path holds no ledger; the message says what was looked for."""


def verify_directory(path: Path) -> Report:
    """Check every ledger at or below a path, in order of partition. Raises NoLedger."""
    raise NotImplementedError
