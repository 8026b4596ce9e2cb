"""What the consumer relies on of Kafka: one suite of scenarios, on the Kafka in memory and on a real one."""

import uuid
from collections.abc import Callable, Iterator

import pytest

from consumer.shell.kafka import ports
from consumer.shell.kafka.dead_letters import DeadLetterPublisher, letter_clients
from consumer.shell.kafka.group_offsets import GroupOffsets
from consumer.shell.kafka.record_reader import RecordReader
from consumer.shell.kafka.source import KafkaSource, SourceConfig
from producer.core.ports import LaneTransactions
from producer.shell.kafka_transaction import LaneClient
from stack import Stack
from tally.base.deadline import Deadline
from tally.generated.topics import SUMS_DLT
from tally.kafka.facts import KafkaFacts
from tally.kafka.transaction_port import Transactions
from tally.kafka.transactions import transactional_config
from tests_support.kafka.consumer_scenarios import CONSUMER_SCENARIOS, ConsumerWorld, FakeWorld
from tests_support.producer.process import SUMS


class KafkaWorld:
    """A real broker, and a group of its own."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._shared = {"bootstrap.servers": bootstrap_servers}
        self._group = f"scenario-{uuid.uuid4()}"
        self._sources: list[KafkaSource] = []

    def transactions(self, transactional_id: str) -> LaneTransactions:
        """See ConsumerWorld."""
        return LaneClient(transactional_config(self._shared, transactional_id, 15_000, 3_000), self._shared, SUMS)

    def source(self) -> ports.Source:
        """See ConsumerWorld."""
        config = SourceConfig(
            topic=SUMS, group=self._group, replica="scenario", group_protocol="classic", session_timeout_ms=6_000,
            block_records_max=100, block_wait_ms=50, prefetch_kbytes=1024,
        )  # fmt: skip
        self._sources.append(KafkaSource(self._shared, config))
        return self._sources[-1]

    def facts(self) -> ports.Identities:
        """See ConsumerWorld."""
        return KafkaFacts(self._shared, SUMS, 10.0)

    def offsets(self) -> ports.CommittedOffsets:
        """See ConsumerWorld."""
        return GroupOffsets(self._shared, SUMS, self._group, 10.0)

    def reader(self) -> ports.Records:
        """See ConsumerWorld."""
        return RecordReader(self._shared, SUMS, 10.0)

    def letters(self) -> ports.Records:
        """See ConsumerWorld."""
        return RecordReader(self._shared, SUMS_DLT.name, 10.0)

    def letter_client(self, transactional_id: str) -> Transactions:
        """See ConsumerWorld."""
        return letter_clients(self._shared, SUMS_DLT.name, 10.0)(transactional_id)

    def publisher(self) -> ports.Publisher:
        """See ConsumerWorld."""
        offsets = GroupOffsets(self._shared, SUMS, self._group, 10.0)
        return DeadLetterPublisher(letter_clients(self._shared, SUMS_DLT.name, 10.0), offsets, SUMS, 10.0)

    def close(self) -> None:
        """Leave the group."""
        for source in self._sources:
            source.close(Deadline.after(10.0))


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.broker)])
def world(request: pytest.FixtureRequest) -> Iterator[ConsumerWorld]:
    if request.param == "memory":
        yield FakeWorld()
        return
    stack: Stack = request.getfixturevalue("kafka_stack")
    real = KafkaWorld(stack.bootstrap_servers)
    yield real
    real.close()


@pytest.mark.parametrize("scenario", CONSUMER_SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_scenario(world: ConsumerWorld, scenario: Callable[[ConsumerWorld], None]) -> None:
    """The scenario's docstring is its promise."""
    scenario(world)
