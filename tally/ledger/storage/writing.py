"""Writes, fsyncs and what their errors mean: no room passes, anything else ends the process."""

import errno
from pathlib import Path
from typing import Final

from tally.ledger.storage.disk import Disk, File
from tally.ledger.storage.errors import LedgerFailed, LedgerFull, LedgerSyncFailed

_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE})
"""What passes when somebody makes room."""


def sync(file: File, path: Path) -> None:
    """Fsync a file. Raises LedgerSyncFailed."""
    try:
        file.sync()
    except OSError as error:
        raise LedgerSyncFailed(f"{path}: fsync failed: {error}") from error


def sync_directory(disk: Disk, directory: Path) -> None:
    """Fsync a directory. Raises LedgerSyncFailed."""
    try:
        disk.sync_dir(directory)
    except OSError as error:
        raise LedgerSyncFailed(f"{directory}: fsync failed: {error}") from error


def write_all(file: File, path: Path, at: int, data: bytes) -> None:
    """Raises LedgerFull when not all is taken, LedgerFailed."""
    try:
        written = file.write(at, data)
    except OSError as error:
        raise trouble(path, "cannot be written", error) from error
    if written < len(data):
        raise LedgerFull(f"{path}: only {written} of {len(data)} bytes could be written: make room on the disk")


def cut_back(file: File, path: Path, size: int) -> None:
    """End the file with its last good block again. Raises LedgerFailed."""
    try:
        file.truncate(size)
    except OSError as error:
        raise LedgerFailed(f"{path}: cannot be cut back to {size} bytes: {error}") from error
    sync(file, path)


def trouble(path: Path, what: str, error: OSError) -> LedgerFull | LedgerFailed:
    """Return what an error of a write or a creation means."""
    if error.errno in _NO_ROOM:
        return LedgerFull(f"{path}: {what}: {error.strerror}: make room, and it goes on by itself")
    return LedgerFailed(f"{path}: {what}: {error}")
