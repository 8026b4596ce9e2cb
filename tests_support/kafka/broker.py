"""A Kafka in memory: logs with transactions, transactional ids, and a consumer group.

It has the rules that exactly once rests on: one epoch a transactional id, whose rise ends what an older instance had
open; markers between records; a last stable offset; read_committed; offsets of a group that are committed with a
transaction and withheld while it is undecided. It speaks transactions V1: an EndTxn that was held back ends whatever
transaction of its epoch is open when it arrives.

The parts beside it are ports over it: `transactions` for producers and dead letters, `range_client` for reading outside
a group, `consumer_side` for the group's consumer and its questions. Each passes the scenarios that the real one passes
(`transaction_scenarios`, `range_scenarios`, `consumer_scenarios`). The model (`tests_support.model`) adds no broker of
its own: its steps and faults are calls of this one.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from tally.event.claims import Claim, claim_of
from tally.generated.topics import SUMS, SUMS_DLT
from tally.kafka.transaction_port import OffsetsToCommit
from tests_support.kafka.group import Group, Member
from tests_support.ledger.records import PARTITIONS, Record

_TOPICS: Final = (SUMS.name, SUMS_DLT.name)
TIMESTAMP_MS: Final = 1_764_000_000_000
Headers = Sequence[tuple[str, bytes]]


@dataclass(eq=False)
class Transaction:
    """``committed`` is None while it is open."""

    committed: bool | None = None
    logs: set["Log"] = field(default_factory=set)
    offsets: OffsetsToCommit | None = None


COMMITTED: Final = Transaction(committed=True)
"""That of every record that was written without one."""


@dataclass(frozen=True)
class Entry(Record):
    """What stands at an offset: a record, or a marker, which has no transaction."""

    headers: Headers = ()
    transaction: Transaction | None = None


class Log:
    """One partition. ``large``: offsets at which a batch begins that the group's consumer cannot decompress.

    ``too_large``: those at which one begins that no client can.
    """

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.large: set[int] = set()
        self.too_large: set[int] = set()

    @property
    def end(self) -> int:
        """The offset behind the last entry."""
        return self.entries[-1].offset + 1 if self.entries else 0

    @property
    def last_stable(self) -> int:
        """The first offset of an open transaction, or the end."""
        opened = (e.offset for e in self.entries if e.transaction is not None and e.transaction.committed is None)
        return next(opened, self.end)

    def append(
        self, key: bytes | None, value: bytes | None, transaction: Transaction = COMMITTED, headers: Headers = ()
    ) -> int:
        """Append a record; return its offset."""
        self.entries.append(Entry(self.end, TIMESTAMP_MS, key, value, headers, transaction))
        transaction.logs.add(self)
        return self.entries[-1].offset

    def mark(self) -> None:
        """Append the marker of a transaction."""
        self.entries.append(Entry(self.end, TIMESTAMP_MS, None, None))

    def commit(self, records: Iterable[tuple[bytes, bytes]]) -> None:
        """Append (key, value) records of a foreign writer's transaction, with its marker behind them."""
        for key, value in records:
            self.append(key, value)
        self.mark()

    def write(self, records: Iterable[Record]) -> None:
        """Append records at their own offsets, without a transaction."""
        for record in records:
            assert record.offset >= self.end
            self.entries.append(
                Entry(record.offset, record.timestamp_ms, record.key, record.value, transaction=COMMITTED)
            )

    def rewrite(self, record: Record) -> None:
        """Put another record at an offset: history is not what it was."""
        at = next(n for n, entry in enumerate(self.entries) if entry.offset == record.offset)
        self.entries[at] = replace(self.entries[at], key=record.key, value=record.value)

    def committed(self) -> list[Entry]:
        """Return all records of committed transactions."""
        return [entry for entry in self.entries if entry.transaction is not None and entry.transaction.committed]

    def read_committed(self, start: int = 0) -> list[Entry]:
        """Return what a read_committed consumer sees from an offset on: nothing past the last stable offset."""
        end = self.last_stable
        return [entry for entry in self.committed() if start <= entry.offset < end]


@dataclass(frozen=True)
class DeadLetter:
    """Where the source record stood, and what is said of it."""

    partition: int
    offset: int
    claim: Claim


class Broker:
    """See the module."""

    def __init__(self) -> None:
        self.topic_id = "topic-1"
        self.logs = {(topic, partition): Log() for topic in _TOPICS for partition in range(PARTITIONS)}
        self.epochs: dict[str, int] = {}
        self.open: dict[str, Transaction] = {}
        self.group = Group()
        self.held: list[Callable[[], bool]] = []
        """Requests of producers that are on their way."""

    def log(self, partition: int, topic: str = SUMS.name) -> Log:
        """Return a partition's log."""
        return self.logs[topic, partition]

    def read_committed(self, partition: int) -> list[Entry]:
        """Return the sums that a read_committed consumer sees."""
        return self.log(partition).read_committed()

    def dead_letters(self) -> list[DeadLetter]:
        """Return the letters about the topic that were ever committed, by partition in their order."""
        return [
            DeadLetter(partition, *said)
            for partition in range(PARTITIONS)
            for entry in self.log(partition, SUMS_DLT.name).committed()
            if (said := claim_of(entry.headers, entry.value, self.topic_id, partition)) is not None
        ]

    def raise_epoch(self, transactional_id: str) -> int:
        """Start a new instance, or end an old transaction: what is open is aborted."""
        self.epochs[transactional_id] = epoch = self.epochs.get(transactional_id, -1) + 1
        self.end(transactional_id, epoch, committed=False)
        return epoch

    def end(self, transactional_id: str, epoch: int, *, committed: bool) -> bool:
        """Take an EndTxn in; tell whether its epoch is the current one."""
        if self.epochs.get(transactional_id) != epoch:
            return False
        transaction = self.open.pop(transactional_id, None)
        if transaction is not None:
            transaction.committed = committed
            if committed and transaction.offsets is not None:
                # The group accepted them when they were sent: the member's end since then does not matter.
                self.group.take(_member_of(transaction.offsets).name, transaction.offsets.next_offsets)
            for log in transaction.logs:
                log.mark()
        return True

    def is_undecided(self, partition: int) -> bool:
        """Tell whether an open transaction holds an offset of the group."""
        offsets = [each.offsets for each in self.open.values() if each.offsets is not None]
        return any(partition in each.next_offsets for each in offsets)


def _member_of(offsets: OffsetsToCommit) -> Member:
    assert isinstance(offsets.member, Member)
    return offsets.member
