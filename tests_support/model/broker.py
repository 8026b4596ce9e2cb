"""Kafka in memory: the topic's log with its transactions, the consumer group, the dead-letter topic.

The log is that of `producer_transactions.FakeKafka`. The group is a broker's: who owns what, which members are valid,
the committed offsets. It accepts a commit of any valid member for any partition, as Kafka does; what must not happen
is checked where it would happen (I4 and I9, at each commit).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tally.event.claims import Claim
from tally.kafka.transaction_port import OffsetsToCommit
from tests_support.ledger.records import PARTITIONS, Record
from tests_support.producer.transactions import FakeKafka, Transaction
from tests_support.producer.transactions import Record as Logged

TIMESTAMP_MS = 1_764_000_000_000
USED = (3, 5)
"""The partitions that have ids; one lane owns both, so that a transaction can span them."""
Offsets = dict[int, tuple[int, str]]


@dataclass
class Member:
    """One member id of the group; a process that joins again gets another one."""

    name: str
    valid: bool = True


@dataclass
class Group:
    """``target``: who is to own a partition. ``owner``: who does. ``late``: commits that are held back on their way.
    ``durable``: asks a replica what a power cut would leave of a partition's ledger."""

    target: dict[int, str] = field(default_factory=dict)
    owner: dict[int, str] = field(default_factory=dict)
    members: dict[str, Member] = field(default_factory=dict)
    committed: Offsets = field(default_factory=dict)
    late: list[tuple[Member, Offsets]] = field(default_factory=list)
    durable: dict[str, Callable[[int], int]] = field(default_factory=dict)

    def join(self, name: str) -> Member:
        """Take a new member of a name in; the one before it is fenced, and its partitions are the new one's."""
        if name in self.members:
            self.members[name].valid = False
        self.members[name] = Member(name)
        return self.members[name]

    def expel(self, name: str) -> None:
        """Its session ended: the partitions are free."""
        self.members[name].valid = False
        for partition in [p for p, owner in self.owner.items() if owner == name]:
            del self.owner[partition]

    def arrive(self, which: int) -> None:
        """Take a commit that was held back. Kafka takes it though a later one is there: nothing of ours went back."""
        member, offsets = self.late.pop(which)
        if member.valid:
            self.committed |= offsets

    def commit(self, member: Member, offsets: Offsets) -> bool:
        """Take a commit; False when the member is not one any more."""
        if not member.valid:
            return False
        for partition, (offset, metadata) in offsets.items():
            before = self.committed.get(partition, (0, ""))[0]
            assert offset >= before, f"I9: partition {partition} went from {before} back to {offset}"
            durable = self.durable[member.name](partition)
            assert offset <= durable, f"I4: {offset} of partition {partition} is committed, {durable} is on the disk"
            self.committed[partition] = (offset, metadata)
        return True


@dataclass(frozen=True)
class DeadLetter:
    """Where the source record stood, and what is said of it."""

    partition: int
    offset: int
    claim: Claim


class LetterKafka(FakeKafka):
    """The dead-letter topic, whose transactions commit offsets of the group."""

    def __init__(self, group: Group) -> None:
        super().__init__(PARTITIONS)
        self._group = group

    def take_offsets(self, offsets: OffsetsToCommit) -> None:
        """Take them; the group accepted them when they were sent, so the member's end since then does not matter."""
        member = offsets.member
        assert isinstance(member, Member)
        assert self._group.commit(Member(member.name), dict(offsets.next_offsets))


class Broker:
    """See the module."""

    def __init__(self) -> None:
        self.kafka = FakeKafka(PARTITIONS)
        self.group = Group()
        self.letters = LetterKafka(self.group)
        self.dead_letters: list[DeadLetter] = []
        self.held: list[Callable[[], bool]] = []
        """Requests of producers that are on their way."""

    def records(self, partition: int) -> list[Record]:
        """Return what a read_committed consumer sees."""
        return [Record(offset, TIMESTAMP_MS, key, value) for offset, key, value in self.kafka.read_committed(partition)]

    def stable_end(self, partition: int) -> int:
        """Return the last stable offset."""
        return self.kafka.last_stable_offset(partition)

    def write(self, partition: int, records: Iterable[tuple[bytes, bytes]]) -> None:
        """Let a foreign writer commit records, with a marker behind them."""
        done = Transaction(committed=True)
        log = self.kafka.partitions[partition]
        log += [Logged(key, value, done) for key, value in records]
        log.append(Logged(None, b"", None))

    def time_out(self, transactional_id: str) -> None:
        """Abort an open transaction for being old; Kafka raises the epoch for it."""
        self.kafka.raise_epoch(transactional_id)
