"""The scenarios of the transaction port on a real broker: the same suite that the fake passes."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from threading import Barrier

import pytest

from producer.core.ports import LaneTransactions, Place
from producer.shell.kafka_transaction import LaneClient
from stack import Stack
from tally.kafka.read_range import RangeClient, reader
from tally.kafka.transaction_port import CommitReturned, Kind, Outgoing, ProduceFailed, Renewed, Suspected
from tally.kafka.transactions import transactional_config
from tests_support.kafka.range_scenarios import RANGE_SCENARIOS
from tests_support.kafka.transaction_scenarios import SCENARIOS, World, delivered, name, records, seen
from tests_support.producer.process import SUMS, committed
from tests_support.waiting import eventually


class KafkaWorld:
    """The real one."""

    topic = SUMS

    def __init__(self, bootstrap_servers: str, tuning: Mapping[str, str] | None = None) -> None:
        self._servers = bootstrap_servers
        self._tuning = tuning or {}

    def transactions(self, transactional_id: str) -> LaneTransactions:
        """See World."""
        base = {"bootstrap.servers": self._servers, **self._tuning}
        return LaneClient(transactional_config(base, transactional_id, 15_000, 3_000), base, SUMS)

    def reading(self) -> AbstractContextManager[RangeClient]:
        """See World."""
        return reader({"bootstrap.servers": self._servers, **self._tuning})

    def committed(self, partition: int) -> list[tuple[int, bytes, bytes]]:
        """See World."""
        return [(offset, key, value) for at, offset, key, value in committed(self._servers) if at == partition]


@pytest.mark.parametrize("scenario", [*SCENARIOS, *RANGE_SCENARIOS], ids=lambda scenario: scenario.__name__)
def test_scenario(kafka_stack: Stack, scenario: Callable[[World], None]) -> None:
    """The scenario's docstring is its promise."""
    scenario(KafkaWorld(kafka_stack.bootstrap_servers))


def test_every_offset_is_exact_while_two_producers_write_in_small_requests(kafka_stack: Stack) -> None:
    """Each record stands at its offset, though requests of a few records of two producers alternate in the log."""
    world = KafkaWorld(kafka_stack.bootstrap_servers, {"batch.num.messages": "3", "linger.ms": "0"})

    together = Barrier(2)

    def write(client: LaneTransactions) -> list[Place]:
        assert client.renew() == Renewed()
        together.wait()
        places = delivered(client, records(1_000))
        assert client.commit(10.0) == CommitReturned()
        return places

    clients = [world.transactions(name()) for _ in range(2)]
    with ThreadPoolExecutor() as threads:
        one, two = threads.map(write, clients)
    assert seen(world, one + two) == 2_000
    spans = [[place.offset for place in places if place.partition == 0] for places in (one, two)]
    assert max(map(min, spans)) < min(map(max, spans)), "they did write in turns"
    for client in clients:
        client.close()


def test_a_producer_that_is_fenced_while_it_hands_records_over_tells_so(kafka_stack: Stack) -> None:
    """The client says `_FATAL` to the records behind the fencing's answer; the trouble is FENCED all the same."""
    world = KafkaWorld(kafka_stack.bootstrap_servers)
    shared = name()
    older, newer = world.transactions(shared), world.transactions(shared)
    assert older.renew() == Renewed()
    assert newer.renew() == Renewed()

    class HandedOverSlowly(list[Outgoing]):
        def __iter__(self) -> Iterator[Outgoing]:
            first, *others = list.__iter__(self)
            yield first
            eventually(lambda: isinstance(older.idle_signs(), Suspected), 30, "the client heard that it is fenced")
            yield from others

    refused = older.produce(HandedOverSlowly(records(2)))
    assert isinstance(refused, ProduceFailed), refused
    assert refused.trouble.kind is Kind.FENCED, refused
    older.close()
    newer.close()
