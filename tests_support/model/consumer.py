"""A consumer process of the model: the real loop, recovery and ledger on disks in memory, one disk a partition."""

import errno
import math
import random
from collections.abc import Sequence
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from consumer.core.snapshot import Own
from consumer.shell.ingest.loop import IngestLoop, LoopConfig, Parts
from consumer.shell.kafka.dead_letters import DeadLetterPublisher
from consumer.shell.partitions.recovery import PartitionRecovery
from consumer.shell.schemas import Schemas
from consumer.shell.views.board import SnapshotBoard
from consumer.shell.views.readers import NotHereError, Readers
from tally.event.rows import Rows, no_rows
from tally.generated.topics import SUMS
from tally.ledger.format.identity import Identity, Refuse
from tally.ledger.storage.errors import LedgerFailed
from tally.ledger.storage.ledger import Ledger, Opened
from tests_support.consumer.fakes import Inline, Registry
from tests_support.ledger.fake_disk import FakeDisk, PowerCut
from tests_support.ledger.files import unpredictable
from tests_support.ledger.records import PARTITIONS
from tests_support.model.broker import USED, Broker
from tests_support.model.producer import Clock
from tests_support.model.sides import TOPIC_ID, Facts, Faults, LetterClient, Reader, Source

RETRY_S = 0.5
LEDGERS = Path("ledgers")
NO_ROOM, BROKEN = OSError(errno.ENOSPC, "ENOSPC"), OSError(errno.EIO, "EIO")


class Replica:
    """One replica: its disks stay, its processes come and go. ``harmed``: partitions whose files were damaged, so that
    a start may find less than was fsynced."""

    def __init__(
        self, name: str, broker: Broker, clock: Clock, *, registry: Any = None, jobs: Executor | None = None
    ) -> None:
        self.name, self._broker, self._clock = name, broker, clock
        self._registry: Any = registry or Registry()
        self._jobs = jobs or Inline()
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
        self.faults = Faults()
        self.readers = Readers()
        self.board = SnapshotBoard(PARTITIONS, 10)
        source = Source(self._broker, self.faults, self.name, batch=3)
        facts = Facts(self._broker, self.faults)
        letter_facts = Facts(self._broker, self.faults, letters=True)
        reader = Reader(self._broker, self.faults)
        publisher = DeadLetterPublisher(
            partial(LetterClient, self._broker, self.faults), facts, SUMS.name, 1.0, idle_s=math.inf
        )
        schemas = Schemas(self._registry, 1.0, self._clock)
        recovery = PartitionRecovery(
            facts=facts, offsets=facts, schemas=schemas, sums=reader, dead_letter_facts=letter_facts,
            dead_letters=reader, settle=publisher.settle, ledger_dir=LEDGERS, topic=SUMS.name, partitions=PARTITIONS,
            open_ledger=self._open,
        )  # fmt: skip
        parts = Parts(
            source=source, facts=facts, recovery=recovery, sums=reader, publisher=publisher, schemas=schemas,
            board=self.board, readers=self.readers, fsyncs=Inline(), jobs=self._jobs, monotonic_s=self._clock,
        )  # fmt: skip
        self._loop = IngestLoop(parts, LoopConfig(PARTITIONS, f"http://{self.name}", RETRY_S))
        self._loop.begin()

    def round(self, rng: random.Random) -> None:
        """Run the loop once. A disk that fails, or whose power goes, ends the process; the next one starts at once."""
        self._clock.now_s += RETRY_S / 2
        try:
            self._loop.round()
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
        return self.board.snapshot.partitions[partition]

    def rows(self, partition: int) -> Rows:
        """Return what the open ledger has, nothing when it is not open."""
        own = self.own(partition)
        if own.figures is None:
            return no_rows()
        try:
            parts: Sequence[Rows] = list(self.readers.blocks(partition, 0, own.figures.next_offset))
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
        outcome = _opened(after, directory, Identity("cluster", SUMS.name, TOPIC_ID, partition, PARTITIONS, 1))
        assert isinstance(outcome, Opened)
        return outcome.ledger.state.next_offset


def _directory(partition: int) -> Path:
    return LEDGERS / f"{SUMS.name}-{partition}"


def _opened(disk: FakeDisk, directory: Path, identity: Identity) -> Opened | Refuse:
    return Ledger.open(
        directory, identity, disk=disk, random_bytes=unpredictable(), index_seed=1, segment_bytes_max=5_000
    )
