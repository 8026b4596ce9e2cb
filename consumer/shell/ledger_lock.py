"""One process a replica directory, by ``flock``: it ends with the process, however that dies."""

from pathlib import Path
from types import TracebackType


class ReplicaLock:
    """Held from ``lock_replica_directory`` until ``release`` or the end of the process."""

    def release(self) -> None:
        """Let another process in."""
        raise NotImplementedError

    def __enter__(self) -> "ReplicaLock":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def lock_replica_directory(directory: Path) -> ReplicaLock:
    """Create the directory if need be and lock it. Raises ReplicaDirectoryLocked, which names the other pid."""
    raise NotImplementedError
