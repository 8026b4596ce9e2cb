"""The few file operations that a ledger uses, as a port, so that tests can enumerate what a power cut leaves behind.

``RealDisk`` is the operating system's. Every method raises OSError as the system does; nothing is retried here.
"""

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from tally.base.fault_points import point
from tally.base.written_file import sync_directory

_WRITE, _FSYNC = point("consumer.disk_write"), point("consumer.disk_fsync")
_RENAME, _DIR_FSYNC = point("consumer.disk_rename"), point("consumer.disk_dir_fsync")


class File(Protocol):
    """An open file. Reading is safe while another thread writes."""

    def size(self) -> int:
        """Return its length in bytes."""
        ...

    def read(self, at: int, length: int) -> bytes:
        """Return the bytes from ``at``; fewer than ``length`` only at the end of the file."""
        ...

    def write(self, at: int, data: bytes) -> int:
        """Write at a position; return how many bytes were taken, which may be fewer than given."""
        ...

    def truncate(self, size: int) -> None:
        """Cut the file."""
        ...

    def sync(self) -> None:
        """Return when data and length are on the disk. After an error the file must not be trusted any more."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


class Disk(Protocol):
    """A file system."""

    def make_dirs(self, directory: Path) -> None:
        """Create a directory and what is missing above it, durably."""
        ...

    def names(self, directory: Path) -> list[str]:
        """Return the names in a directory."""
        ...

    def create(self, path: Path) -> File:
        """Open a new, empty file for reading and writing; an old one of that name is emptied."""
        ...

    def open(self, path: Path, *, write: bool) -> File:
        """Open an existing file."""
        ...

    def rename(self, old: Path, new: Path) -> None:
        """Rename atomically, replacing what had the new name."""
        ...

    def remove(self, path: Path) -> None:
        """Remove a file."""
        ...

    def sync_dir(self, directory: Path) -> None:
        """Return when the directory's names are on the disk."""
        ...


OnSync = Callable[[float], None]


def _unheard(_took_s: float) -> None:
    """Nobody wants to know."""


class RealFile:
    """A file descriptor. ``on_sync`` is told how many seconds each sync took."""

    def __init__(self, descriptor: int, on_sync: OnSync = _unheard) -> None:
        self._descriptor = descriptor
        self._on_sync = on_sync

    def size(self) -> int:
        """See File."""
        return os.fstat(self._descriptor).st_size

    def read(self, at: int, length: int) -> bytes:
        """See File."""
        parts = []
        while length > 0 and (part := os.pread(self._descriptor, length, at)):
            parts.append(part)
            at, length = at + len(part), length - len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def write(self, at: int, data: bytes) -> int:
        """See File."""
        _WRITE()
        return os.pwrite(self._descriptor, data, at)

    def truncate(self, size: int) -> None:
        """See File."""
        os.ftruncate(self._descriptor, size)

    def sync(self) -> None:
        """See File."""
        began_s = time.perf_counter()
        _FSYNC()
        if sys.platform == "darwin":
            import fcntl  # noqa: PLC0415 - only here: macOS's fsync leaves the data in the drive's cache

            fcntl.fcntl(self._descriptor, fcntl.F_FULLFSYNC)
        else:
            os.fdatasync(self._descriptor)
        self._on_sync(time.perf_counter() - began_s)

    def close(self) -> None:
        """See File."""
        os.close(self._descriptor)


class RealDisk:
    """The operating system's files. ``on_sync`` is told how many seconds each sync of a file took; any thread calls."""

    def __init__(self, on_sync: OnSync = _unheard) -> None:
        self._on_sync = on_sync

    def make_dirs(self, directory: Path) -> None:
        """See Disk."""
        missing = [path for path in (directory, *directory.parents) if not path.exists()]
        for path in reversed(missing):
            with suppress(FileExistsError):
                path.mkdir(mode=0o700)
            self.sync_dir(path.parent)

    def names(self, directory: Path) -> list[str]:
        """See Disk."""
        return os.listdir(directory)

    def create(self, path: Path) -> RealFile:
        """See Disk."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        return RealFile(descriptor, self._on_sync)

    def open(self, path: Path, *, write: bool) -> RealFile:
        """See Disk."""
        return RealFile(os.open(path, (os.O_RDWR if write else os.O_RDONLY) | os.O_CLOEXEC), self._on_sync)

    def rename(self, old: Path, new: Path) -> None:
        """See Disk."""
        _RENAME()
        os.replace(old, new)

    def remove(self, path: Path) -> None:
        """See Disk."""
        os.remove(path)

    def sync_dir(self, directory: Path) -> None:
        """See Disk."""
        _DIR_FSYNC()
        sync_directory(directory)
