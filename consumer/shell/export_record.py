"""What is known of one export; it lies as JSON beside the file, so that it survives the process."""

import os
from enum import StrEnum
from pathlib import Path

import msgspec

from consumer.core.export_plan import ExportFormat


class ExportState(StrEnum):
    """QUEUED -> RUNNING -> DONE or FAILED."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    DONE = "DONE"
    FAILED = "FAILED"


class ExportRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One export. ``positions``: it holds of each partition the rows below this next offset.

    ``counted`` and ``total`` are those of its COUNTED rows; ``progress`` goes from 0 to 1.
    """

    id: str
    state: ExportState
    format: ExportFormat
    positions: dict[int, int]
    from_: str | None = msgspec.field(name="from", default=None)
    to: str | None = None
    created_at: str
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
        return self.state in (ExportState.DONE, ExportState.FAILED)


def save(record: ExportRecord, path: Path) -> None:
    """Write a record, atomically and durably. Raises OSError."""
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(record)) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    sync_directory(path.parent)


def read(path: Path) -> ExportRecord | None:
    """Return a record, None when the file is not one."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=ExportRecord)
    except (OSError, msgspec.MsgspecError):
        return None


def sync_directory(directory: Path) -> None:
    """Make names in a directory durable. Raises OSError."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
