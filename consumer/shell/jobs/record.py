"""What is known of one export or audit; it lies as JSON beside the file, so that it survives the process."""

from enum import StrEnum
from pathlib import Path
from typing import TypeVar

import msgspec

from tally.base.written_file import write_file
from tally.ledger.exports.formats import ExportFormat


class JobState(StrEnum):
    """QUEUED -> RUNNING -> DONE or FAILED."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    DONE = "DONE"
    FAILED = "FAILED"


class JobRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What exports and audits have in common. ``positions``: of each partition it is about the rows below this offset.

    ``rows`` were read so far, ``counted`` and ``total`` are those of the COUNTED ones; ``progress`` goes from 0 to 1.
    """

    id: str = ""
    state: JobState = JobState.QUEUED
    positions: dict[int, int]
    created_at: str = ""
    finished_at: str | None = None
    progress: float = 0.0
    rows: int = 0
    counted: int = 0
    total: str = "0"
    size_bytes: int = 0
    sha256: str | None = None
    error: str | None = None

    @property
    def finished(self) -> bool:
        """Tell whether nothing will change any more."""
        return self.state in (JobState.DONE, JobState.FAILED)


class ExportRecord(JobRecord, frozen=True, kw_only=True):
    """One export: rows with timestamps in [from, to)."""

    format: ExportFormat
    from_: str | None = msgspec.field(name="from", default=None)
    to: str | None = None

    @property
    def suffix(self) -> str:
        """How its file's name ends."""
        return self.format.value


class AuditRecord(JobRecord, frozen=True, kw_only=True):
    """One audit. ``ok``: nothing was wrong, null until it is DONE; ``problems``: how many were found so far."""

    ok: bool | None = None
    problems: int = 0

    @property
    def suffix(self) -> str:
        """How its file's name ends."""
        return "report.json"


R = TypeVar("R", ExportRecord, AuditRecord)
"""The kinds of jobs, all of them."""


def save(record: JobRecord, path: Path) -> None:
    """Write a record, atomically and durably. Raises OSError."""
    write_file(path, msgspec.json.format(msgspec.json.encode(record)) + b"\n")


def read(path: Path, kind: type[R]) -> R | None:
    """Return a record, or None when the file is not one."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError):
        return None
