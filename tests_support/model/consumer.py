"""A consumer process of the model: the real loop, recovery and ledger on disks in memory, one disk a partition."""

import errno
import random
from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path

import numpy as np

from consumer.core.snapshot import Own
from consumer.shell.schemas import Registry
from consumer.shell.views.readers import NotHereError
from tally.event.rows import Rows, no_rows
from tally.generated.topics import SUMS
from tally.ledger.format.identity import Identity, Refuse
from tally.ledger.storage.errors import LedgerFailed
from tally.ledger.storage.ledger import Ledger, Opened
from tests_support.clock import Clock
from tests_support.consumer.bench import RETRY_S, Consumer
from tests_support.kafka.broker import Broker
from tests_support.kafka.faults import Faults
from tests_support.ledger.fake_disk import FakeDisk, PowerCut
from tests_support.ledger.files import unpredictable
from tests_support.ledger.records import PARTITIONS
from tests_support.model.truth import USED

FAULTS = (
    "down", "commit-error", "commit-lost", "commit-held", "letters-produce", "letters-commit", "letters-commit-held",
    "letters-commit-lost",
)  # fmt: skip
LEDGERS = Path("ledgers")
NO_ROOM, BROKEN = OSError(errno.ENOSPC, "ENOSPC"), OSError(errno.EIO, "EIO")


class Replica:
    """One replica: its disks stay, its processes come and go. ``harmed``: partitions whose files were damaged, so that
    a start may find less than was fsynced."""

    def __init__(
        self,
        name: str,
        broker: Broker,
        clock: Clock,
        *,
        registry: Registry | None = None,
        jobs: Executor | None = None,
    ) -> None:
        self.name, self._broker, self._clock = name, broker, clock
        self._registry = registry
        self._jobs = jobs
        self.disks = {partition: FakeDisk() for partition in USED}
        self.durable = dict.fromkeys(USED, 0)
        self.harmed: set[int] = set()
        self.starts = 0
        self.start()

    def start(self) -> None:
        """Begin a new process on the disks as they are."""
        self.starts += 1
        for disk in self.disks.values():
            disk.cut_at = disk.fail = None
        self._broker.group.durable[self.name] = self._durable
        self._consumer = Consumer(
            self._broker, self.name, LEDGERS, batch=3, clock=self._clock, jobs=self._jobs, registry=self._registry,
            open_ledger=self._open,
        )  # fmt: skip

    @property
    def faults(self) -> Faults:
        """What goes wrong with its Kafka."""
        return self._consumer.faults

    def round(self, rng: random.Random) -> None:
        """Run the loop once. A disk that fails, or whose power goes, ends the process; the next one starts at once."""
        self._clock.now_s += RETRY_S / 2
        try:
            self._consumer.loop.round()
        except LedgerFailed:
            self.start()
        except PowerCut:
            self.power_cut(rng)
        for partition in USED:
            own = self.own(partition)
            if own.figures is not None:
                self.durable[partition] = max(self.durable[partition], own.figures.next_offset)

    def power_cut(self, rng: random.Random) -> None:
        """The machine goes off and on: what was not fsynced may be anything."""
        self.disks = {partition: disk.any_crash_state(rng) for partition, disk in self.disks.items()}
        self.start()

    def damage(self, partition: int, rng: random.Random, how: str) -> None:
        """While no process runs, harm the files of a partition; then start."""
        disk = self.disks[partition] = self.disks[partition].copy()
        self.harmed.add(partition)
        directory = _directory(partition)
        disk.make_dirs(directory)
        files = sorted(disk.names(directory))
        if how == "lost":
            self.disks[partition] = FakeDisk()
        elif files:
            path = directory / rng.choice(files)
            data = bytearray(disk.content(path))
            if how == "missing":
                disk.delete(path)
            elif how == "cut":
                disk.put(path, bytes(data[: rng.randrange(len(data) + 1)]))
            elif data:
                data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
                disk.put(path, bytes(data))
        self.start()

    def own(self, partition: int) -> Own:
        """Return the partition as readers of this replica see it."""
        return self._consumer.board.snapshot.partitions[partition]

    def rows(self, partition: int) -> Rows:
        """Return what the open ledger has, nothing when it is not open."""
        own = self.own(partition)
        if own.figures is None:
            return no_rows()
        try:
            parts: Sequence[Rows] = list(self._consumer.readers.blocks(partition, 0, own.figures.next_offset))
        except NotHereError:
            return no_rows()
        return np.concatenate(parts) if parts else no_rows()

    def _open(self, directory: Path, identity: Identity) -> Opened | Refuse:
        partition = identity.partition
        outcome = _opened(self.disks[partition], directory, identity)
        if isinstance(outcome, Opened):
            found = outcome.ledger.state.next_offset
            expected = self.durable[partition]
            assert found >= expected or partition in self.harmed, f"I7: {found} was found, {expected} was fsynced"
            self.durable[partition] = found
            self.harmed.discard(partition)
        return outcome

    def _durable(self, partition: int) -> int:
        """Return the next offset that a start would find, were the power to go now."""
        directory = _directory(partition)
        after = self.disks[partition].without_power()
        outcome = _opened(
            after, directory, Identity("cluster", SUMS.name, self._broker.topic_id, partition, PARTITIONS, 1)
        )
        assert isinstance(outcome, Opened)
        return outcome.ledger.state.next_offset


def _directory(partition: int) -> Path:
    return LEDGERS / f"{SUMS.name}-{partition}"


def _opened(disk: FakeDisk, directory: Path, identity: Identity) -> Opened | Refuse:
    return Ledger.open(
        directory, identity, disk=disk, random_bytes=unpredictable(), index_seed=1, segment_bytes_max=5_000
    )
