"""Repairing a partition's ledger while its consumer is stopped: put aside, and perhaps a copy in its place.

Nothing is ever deleted: the old directory is renamed to ``TOPIC-PARTITION.quarantined-N``. A copy is made beside the
ledger, checked as ``verify`` does, forced to the disk, and only then renamed; a crash at any moment leaves the old
ledger, the new one, or none, and of none the consumer makes a new one from the topic. Whether the ledger is the right
one of cluster, topic and group is decided by the consumer at its start, which also reads the rest from the topic.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from tally.ledger.storage.disk import RealDisk
from tally.ledger.storage.errors import ReplicaDirectoryLocked
from tally.ledger.storage.lock import is_in_use, lock_replica_directory
from tally.ledger.storage.scanning import SUFFIX, first_offset_of, segment_paths
from tally.ledger.verify import QUARANTINED, LedgerReport, verify_directory

INCOMING: Final = ".incoming"
_TRIES_MAX: Final = 10_000


class CannotRepairError(Exception):
    """Nothing was changed; the message says why and the way on."""


@dataclass(frozen=True)
class Repaired:
    """``put_aside``: where the old ledger is now, if there was one. ``copied``: what took its place, if anything."""

    put_aside: Path | None
    copied: LedgerReport | None


class StoppedLedger:
    """One partition's ledger of a stopped replica; ``stopped_ledger`` makes it."""

    def __init__(self, ledger: Path) -> None:
        self.ledger = ledger
        self.incoming = ledger.with_name(ledger.name + INCOMING)

    def put_aside(self) -> Repaired:
        """Leave no ledger: the consumer's next start makes one from the topic. Raises OSError."""
        return Repaired(self._put_aside(), None)

    def take(self, name: str, fill: Callable[[Path], object]) -> None:
        """Let ``fill`` write one segment to the path it is given, among what is incoming. Raises OSError."""
        self.incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.incoming / name
        fill(path)
        path.chmod(0o600)
        with path.open("rb+") as file:
            os.fsync(file.fileno())

    def install(self) -> Repaired:
        """Check what is incoming and put it in the ledger's place. Raises CannotRepairError, OSError."""
        if not self.incoming.is_dir():
            raise CannotRepairError(
                "the peer has no segment to copy: only segments that never change again are copied. If the topic "
                "still has all records, use --from topic; otherwise stop the peer and give its directory"
            )
        (report,) = verify_directory(self.incoming).ledgers
        if report.problems:
            first = report.problems[0]
            raise CannotRepairError(f"the peer's own ledger is damaged: {first.file.name}: {first.what}")
        found = report.identity
        if found is None or f"{found.topic}-{found.partition}" != self.ledger.name:
            raise CannotRepairError(f"the peer's ledger is not that of {self.ledger.name}")
        disk = RealDisk()
        disk.sync_dir(self.incoming)
        put_aside = self._put_aside()
        disk.rename(self.incoming, self.ledger)
        disk.sync_dir(self.ledger.parent)
        return Repaired(put_aside, report)

    def clear(self) -> None:
        """Forget what is incoming: a copy that was not installed."""
        shutil.rmtree(self.incoming, ignore_errors=True)

    def _put_aside(self) -> Path | None:
        if not self.ledger.exists():
            return None
        names = (f"{self.ledger.name}{QUARANTINED}{number}" for number in range(1, _TRIES_MAX))
        free = next(path for name in names if not (path := self.ledger.with_name(name)).exists())
        disk = RealDisk()
        disk.rename(self.ledger, free)
        disk.sync_dir(self.ledger.parent)
        return free


@contextmanager
def stopped_ledger(replica_dir: Path, topic: str, partition: int) -> Iterator[StoppedLedger]:
    """Yield the place of a partition's ledger, with the replica locked. Raises CannotRepairError while it runs."""
    try:
        lock = lock_replica_directory(replica_dir)
    except ReplicaDirectoryLocked as error:
        raise CannotRepairError(f"{error} A ledger can be repaired only while its consumer is stopped") from None
    with lock:
        (replica_dir / "ledger").mkdir(mode=0o700, exist_ok=True)
        place = StoppedLedger(replica_dir / "ledger" / f"{topic}-{partition}")
        place.clear()
        try:
            yield place
        finally:
            place.clear()


def copy_from_directory(place: StoppedLedger, peer: Path, partition: int) -> None:
    """Copy a ledger from another replica's directory or from a backup. Raises CannotRepairError, OSError.

    ``peer`` is the ledger's directory or anything above it. Of a replica that runs the last segment is left out.
    """
    name = place.ledger.name
    found = {
        path.parent
        for path in peer.rglob(f"*{SUFFIX}")
        if path.parent.name == name and first_offset_of(path.name) is not None
    }
    found -= {place.ledger, place.ledger.resolve()}
    if len(found) != 1:
        many = f"{len(found)} ledgers" if found else "no ledger"
        raise CannotRepairError(f"{peer} holds {many} of partition {partition}: give the path of one directory {name}")
    (directory,) = found
    segments = segment_paths(RealDisk(), directory)
    for path in segments[:-1] if is_in_use(directory) else segments:
        place.take(path.name, partial(shutil.copyfile, path))
