"""What a lane relies on of its transactional client: scenarios that the one in memory and the real one both pass."""

import uuid
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from producer.core.lane_events import Found
from producer.core.ports import LaneTransactions, Place
from tally.generated.topics import SUMS
from tally.kafka.read_range import RangeClient
from tally.kafka.transaction_port import (
    Aborted,
    CommitFailed,
    CommitReturned,
    Delivered,
    Kind,
    Outgoing,
    ProduceFailed,
    Renewed,
)
from tests_support.kafka.broker import Broker
from tests_support.kafka.range_client import opener
from tests_support.kafka.transactions import FakeTransactions


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
    """The Kafka in memory."""

    topic = SUMS.name

    def __init__(self) -> None:
        self.broker = Broker()

    def transactions(self, transactional_id: str) -> LaneTransactions:
        """See World."""
        return FakeTransactions(self.broker, transactional_id)

    def committed(self, partition: int) -> list[tuple[int, bytes, bytes]]:
        """See World."""
        found = self.broker.read_committed(partition)
        return [(entry.offset, entry.key or b"", entry.value or b"") for entry in found]

    def reading(self) -> AbstractContextManager[RangeClient]:
        """See World."""
        return opener(self.broker)({})


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
