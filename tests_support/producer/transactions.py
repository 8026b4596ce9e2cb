"""A fake of the producer's transaction port, and the scenarios that the fake and the real one both must pass.

`FakeKafka` is a broker in memory with the rules that exactly once rests on: one epoch a transactional id, whose rise
ends what an older instance had open; markers between records; a last stable offset; read_committed. It speaks
transactions V1: an EndTxn that was held back ends whatever transaction of its epoch is open when it arrives.
"""

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

from confluent_kafka import KafkaError, Message, TopicPartition

from producer.core.lane_events import Found, WasReadBack
from producer.core.ports import LaneTransactions, Place
from tally.kafka.read_range import RangeClient
from tally.kafka.transaction_port import (
    NO_HEADERS,
    Aborted,
    AbortFailed,
    CommitFailed,
    CommitReturned,
    CommitSuspected,
    CommitTimedOut,
    Delivered,
    Headers,
    Kind,
    NoSigns,
    OffsetsToCommit,
    Outgoing,
    ProduceFailed,
    Renewed,
    RenewFailed,
    Suspected,
    Trouble,
)

FENCED = Trouble(Kind.FENCED, "fenced by a newer instance")


@dataclass
class Record:
    """What stands at an offset: a record, or a marker (``key`` None)."""

    key: bytes | None
    value: bytes
    transaction: "Transaction | None"


@dataclass
class Transaction:
    """``committed`` is None while it is open."""

    committed: bool | None = None
    partitions: set[int] = field(default_factory=set)
    offsets: OffsetsToCommit | None = None


class FakeKafka:
    """A broker with one topic."""

    def __init__(self, partitions: int = 12) -> None:
        self.partitions: list[list[Record]] = [[] for _ in range(partitions)]
        self.epochs: dict[str, int] = {}
        self.open: dict[str, Transaction] = {}
        self.committed: dict[int, tuple[int, str]] = {}
        """What a group has committed with transactions: next offset and metadata by partition."""

    def take_offsets(self, offsets: OffsetsToCommit) -> None:
        """Take the offsets of a transaction that was committed."""
        self.committed |= offsets.next_offsets

    def raise_epoch(self, transactional_id: str) -> int:
        """Start a new instance: what is open is aborted."""
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
                self.take_offsets(transaction.offsets)
            for partition in transaction.partitions:
                self.partitions[partition].append(Record(None, b"", None))
        return True

    def read_committed(self, partition: int) -> list[tuple[int, bytes, bytes]]:
        """Return (offset, key, value) of what a read_committed consumer sees: nothing past the last stable offset."""
        seen = []
        for offset, record in enumerate(self.partitions[partition]):
            transaction = record.transaction
            if transaction is not None and transaction.committed is None:
                break
            if record.key is not None and transaction is not None and transaction.committed:
                seen.append((offset, record.key, record.value))
        return seen

    def last_stable_offset(self, partition: int) -> int:
        """Return the first offset of an open transaction, or the end."""
        log = self.partitions[partition]
        for offset, record in enumerate(log):
            if record.transaction is not None and record.transaction.committed is None:
                return offset
        return len(log)


class FakeTransactions:
    """`producer.core.ports.LaneTransactions` on a FakeKafka. Faults are queued by name and used up one a call.

    ``renew``: refused. ``produce``: refused, after the records are in the log. ``commit``: times out before it is
    sent. ``commit-held``: times out, and the EndTxn is kept in ``held``. ``commit-lost``: done, but the answer is lost
    for good. ``commit-signs``: done, with signs. ``abort``: refused. ``read-back``: undecided.
    """

    def __init__(self, kafka: FakeKafka, transactional_id: str) -> None:
        self.kafka = kafka
        self.transactional_id = transactional_id
        self.faults: list[str] = []
        self.held: list[Callable[[], bool]] = []
        self.renewals = 0
        self.epoch: int | None = None

    def renew(self) -> Renewed | RenewFailed:
        """See the port."""
        if self._fault("renew"):
            return RenewFailed(Trouble(Kind.ABORTABLE, "no broker"))
        self.epoch = self.kafka.raise_epoch(self.transactional_id)
        self.renewals += 1
        return Renewed()

    def produce(
        self, records: Sequence[Outgoing], headers: Headers = NO_HEADERS, offsets: OffsetsToCommit | None = None
    ) -> Delivered | ProduceFailed:
        """See the port."""
        if not self._mine():
            return ProduceFailed(FENCED)
        assert self.transactional_id not in self.kafka.open
        transaction = self.kafka.open[self.transactional_id] = Transaction(offsets=offsets)
        places = []
        for record in records:
            log = self.kafka.partitions[record.partition]
            transaction.partitions.add(record.partition)
            places.append(len(log))
            log.append(Record(record.key, record.value, transaction))
        if self._fault("produce"):
            return ProduceFailed(Trouble(Kind.ABORTABLE, "a delivery failed"))
        return Delivered(places)

    def commit(self, timeout_s: float) -> CommitReturned | CommitSuspected | CommitTimedOut | CommitFailed:
        """See the port."""
        assert timeout_s > 0
        if self._fault("commit"):
            return CommitTimedOut()
        transactional_id, epoch = self.transactional_id, self.epoch
        assert epoch is not None
        if self._fault("commit-held"):
            self.held.append(lambda: self.kafka.end(transactional_id, epoch, committed=True))
            return CommitTimedOut()
        if not self.kafka.end(transactional_id, epoch, committed=True):
            return CommitFailed(FENCED)
        if self._fault("commit-lost"):
            return CommitFailed(Trouble(Kind.FATAL, "the answer was lost"))
        return CommitSuspected("seen twice") if self._fault("commit-signs") else CommitReturned()

    def abort(self) -> Aborted | AbortFailed:
        """See the port."""
        if self._fault("abort"):
            return AbortFailed(Trouble(Kind.ABORTABLE, "no answer"))
        assert self.epoch is not None
        if not self.kafka.end(self.transactional_id, self.epoch, committed=False):
            return AbortFailed(FENCED)
        return Aborted()

    def read_back(self, places: Sequence[Place]) -> WasReadBack:
        """See the port."""
        if self._fault("read-back"):
            return WasReadBack(Found.UNDECIDED, "no answer")
        if any(self.kafka.last_stable_offset(place.partition) <= place.offset for place in places):
            return WasReadBack(Found.UNDECIDED, "not stable yet")
        found = sum(
            any((offset, key) == (place.offset, place.key) for offset, key, _ in seen)
            for place in places
            for seen in (self.kafka.read_committed(place.partition),)
        )
        return WasReadBack(Found.ALL if found == len(places) else Found.SOME if found else Found.NONE)

    def idle_signs(self) -> NoSigns | Suspected:
        """See the port."""
        return Suspected("a line") if self._fault("idle") else NoSigns()

    def close(self) -> None:
        """See the port."""

    def _mine(self) -> bool:
        return self.kafka.epochs.get(self.transactional_id) == self.epoch

    def _fault(self, name: str) -> bool:
        if self.faults and self.faults[0] == name:
            self.faults.pop(0)
            return True
        return False


class FakeReader:
    """`tally.kafka.read_range.RangeClient` on a FakeKafka. It tells the end of a partition once, until more comes."""

    def __init__(self, kafka: FakeKafka) -> None:
        self._kafka = kafka
        self._at: dict[int, int] = {}
        self._told: dict[int, int] = {}

    def assign(self, partitions: list[TopicPartition], /) -> None:
        """See the port."""
        self._at = {place.partition: place.offset for place in partitions}
        self._told.clear()

    def poll(self, timeout: float, /) -> Message | None:
        """See the port."""
        return next(iter(self.consume(1, timeout)), None)

    def consume(self, num_messages: int, timeout: float, /) -> list[Message]:
        """See the port; it never waits."""
        return list(islice(self._events(), num_messages))

    def _events(self) -> Iterator[Message]:
        for partition in sorted(self._at):
            end = self._kafka.last_stable_offset(partition)
            if self._at[partition] > len(self._kafka.partitions[partition]):
                yield _event(KafkaError._AUTO_OFFSET_RESET, partition, self._at.pop(partition))
                continue
            for offset, key, value in self._kafka.read_committed(partition):
                if offset >= self._at[partition]:
                    self._at[partition] = offset + 1
                    yield Message(topic="t", partition=partition, offset=offset, key=key, value=value)
            if self._told.get(partition) != end:
                self._at[partition] = self._told[partition] = end
                yield _event(KafkaError._PARTITION_EOF, partition, end)


def _event(code: int, partition: int, offset: int) -> Message:
    return Message(topic="t", partition=partition, offset=offset, error=KafkaError(code))


class World(Protocol):
    """Where the scenarios run."""

    topic: str

    def transactions(self, transactional_id: str) -> LaneTransactions:
        """Return a client that was not renewed yet."""

    def committed(self, partition: int) -> list[tuple[int, bytes, bytes]]:
        """Return (offset, key, value) of all that read_committed shows."""

    def reading(self) -> AbstractContextManager[RangeClient]:
        """Return a reader of the topic."""


class FakeWorld:
    """The fake."""

    topic = "t"

    def __init__(self) -> None:
        self.kafka = FakeKafka()

    def transactions(self, transactional_id: str) -> LaneTransactions:
        """See World."""
        return FakeTransactions(self.kafka, transactional_id)

    def committed(self, partition: int) -> list[tuple[int, bytes, bytes]]:
        """See World."""
        return self.kafka.read_committed(partition)

    def reading(self) -> AbstractContextManager[RangeClient]:
        """See World."""
        return nullcontext(FakeReader(self.kafka))


def records(count: int, partitions: Sequence[int] = (0, 4, 8)) -> list[Outgoing]:
    """Return records with fresh keys, dealt out to the partitions."""
    return [Outgoing(uuid.uuid4().bytes, b"value", partitions[n % len(partitions)]) for n in range(count)]


def name() -> str:
    """Return a transactional id that nobody else uses."""
    return f"scenario-{uuid.uuid4()}"


def delivered(client: LaneTransactions, batch: Sequence[Outgoing]) -> list[Place]:
    """Produce a batch that must succeed; return where it is."""
    answer = client.produce(batch)
    assert isinstance(answer, Delivered), answer
    return [Place(each.key, each.partition, at) for each, at in zip(batch, answer.offsets, strict=True)]


def seen(world: World, places: Sequence[Place]) -> int:
    """Return how many of the records read_committed shows at their places."""
    shown = {(p, offset): key for p in {place.partition for place in places} for offset, key, _ in world.committed(p)}
    return sum(shown.get((place.partition, place.offset)) == place.key for place in places)


def commits_are_readable_where_they_were_delivered(world: World) -> None:
    """A committed batch stands at the offsets that were reported, in its partitions, and reading back finds it."""
    client = world.transactions(name())
    assert client.renew() == Renewed()
    places = delivered(client, records(7))
    assert client.commit(5.0) == CommitReturned()
    assert seen(world, places) == 7
    assert client.read_back(places).found is Found.ALL
    client.close()


def aborts_are_never_seen(world: World) -> None:
    """An aborted batch is absent, reading back proves it, and a new instance goes on."""
    client = world.transactions(name())
    client.renew()
    places = delivered(client, records(4))
    assert client.abort() == Aborted()
    assert client.read_back(places).found is Found.NONE
    assert client.renew() == Renewed()
    after = delivered(client, records(4))
    assert client.commit(5.0) == CommitReturned()
    assert (seen(world, places), seen(world, after)) == (0, 4)
    client.close()


def an_open_transaction_is_undecided(world: World) -> None:
    """Reading back an open transaction decides nothing, whoever asks."""
    client = world.transactions(name())
    client.renew()
    places = delivered(client, records(3))
    assert client.read_back(places).found is Found.UNDECIDED
    assert client.commit(5.0) == CommitReturned()
    assert client.read_back(places).found is Found.ALL
    client.close()


def a_new_instance_ends_what_the_old_one_had_open(world: World) -> None:
    """Renewing decides an open transaction: it is absent for good."""
    client = world.transactions(name())
    client.renew()
    places = delivered(client, records(3))
    assert client.renew() == Renewed()
    assert client.read_back(places).found is Found.NONE
    client.close()


def the_newer_of_two_fences_the_older(world: World) -> None:
    """Of two clients with one transactional id the older one can neither produce nor commit."""
    shared = name()
    older, newer = world.transactions(shared), world.transactions(shared)
    assert older.renew() == Renewed()
    assert newer.renew() == Renewed()
    refused = older.produce(records(2))
    assert isinstance(refused, ProduceFailed), refused
    assert refused.trouble.kind is Kind.FENCED, refused
    assert older.renew() == Renewed()
    places = delivered(older, records(2))
    assert newer.renew() == Renewed()
    failed = older.commit(5.0)
    assert isinstance(failed, CommitFailed), failed
    assert failed.trouble.kind is Kind.FENCED, failed
    assert older.read_back(places).found is Found.NONE
    older.close()
    newer.close()


SCENARIOS: Sequence[Callable[[World], None]] = (
    commits_are_readable_where_they_were_delivered,
    aborts_are_never_seen,
    an_open_transaction_is_undecided,
    a_new_instance_ends_what_the_old_one_had_open,
    the_newer_of_two_fences_the_older,
)
