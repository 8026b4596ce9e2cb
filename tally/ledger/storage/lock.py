"""One process for each replica directory, by ``flock``: the lock ends with the process, however that dies."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Final

from tally.ledger.storage.errors import ReplicaDirectoryLocked

LOCK_NAME: Final = ".lock"
_PID_BYTES_MAX: Final = 20
_REPLICA_LEVELS_UP: Final = 2
"""<replica>/ledger/<topic>-<partition>: where the lock of a running consumer is, seen from a ledger."""


class ReplicaLock:
    """Held from ``lock_replica_directory`` until ``release`` or the end of the process."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        """Let another process in. A second call does nothing."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> "ReplicaLock":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def lock_replica_directory(directory: Path) -> ReplicaLock:
    """Create the directory if need be and lock it. Raises ReplicaDirectoryLocked, which names the other pid."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(directory / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = os.pread(descriptor, _PID_BYTES_MAX, 0).decode(errors="replace").strip() or "unknown"
        os.close(descriptor)
        raise ReplicaDirectoryLocked(
            f"{directory} is in use by another consumer, process {pid}. "
            f"Stop it, or give this one another TALLY_CONSUMER_REPLICA."
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return ReplicaLock(descriptor)


def is_in_use(ledger: Path) -> bool:
    """Tell whether the replica that a ledger's directory belongs to runs at this moment. Changes nothing."""
    above = ledger.resolve().parents
    return len(above) >= _REPLICA_LEVELS_UP and is_locked(above[_REPLICA_LEVELS_UP - 1])


def is_locked(directory: Path) -> bool:
    """Tell whether a process uses the replica directory at this moment. Changes nothing."""
    try:
        descriptor = os.open(directory / LOCK_NAME, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
