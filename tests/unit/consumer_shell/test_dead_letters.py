"""Publishing poison once, whatever becomes of the transaction."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from common.framing import unframe
from consumer.core.dead_letter import Letter, dead_record, verdict_of
from consumer.core.recovery import Absent, Committed, Known, Unreadable
from consumer.core.rows import WRONG_SUM
from consumer.core.witness import Unreadable as NoWitness
from consumer.shell.dead_letters import DeadLetterPublisher, NotPublished, Publication, Published
from contracts.generated.avro.dead_letter import DeadLetter

LETTER = Letter(3, 7, 1_764_000_000_000, WRONG_SUM, "sum is not a + b", 4_000_000_000, b"k", b"\x00v")


@dataclass
class Cluster:
    """What was committed, and what the next commit does."""

    committed: int | None = None
    letters: list[bytes] = field(default_factory=list)
    instances: int = 0
    unreadable: bool = False
    on_commit: Callable[["Transaction"], None] | None = None

    def committed_of(self) -> Committed:
        if self.unreadable:
            return Unreadable("undecided")
        return Absent() if self.committed is None else Known(self.committed, NoWitness("none"))


class Transaction:
    """A transactional producer in memory."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.pending: list[bytes] = []
        self.offset = 0
        cluster.instances += 1

    def init_transactions(self, _timeout_s: float) -> None:
        """Nothing is open in memory."""

    def begin_transaction(self) -> None:
        self.pending = []

    def produce(self, _topic: str, **record: Any) -> None:
        self.pending.append(record["key"])

    def send_offsets_to_transaction(self, places: list[Any], _group: object, _timeout_s: float) -> None:
        self.offset = places[0].offset

    def commit_transaction(self, _timeout_s: float) -> None:
        if self.cluster.on_commit is not None:
            self.cluster.on_commit(self)
        self.apply()

    def apply(self) -> None:
        """Commit for real."""
        self.cluster.letters += self.pending
        self.cluster.committed = self.offset


def timed_out(_transaction: Transaction) -> None:
    raise KafkaException(KafkaError(KafkaError._TIMED_OUT))


def answer_lost(transaction: Transaction) -> None:
    transaction.apply()
    raise KafkaException(KafkaError(KafkaError._TIMED_OUT))


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def publisher(cluster: Cluster) -> DeadLetterPublisher:
    class Offsets:
        def committed(self, partitions: list[int]) -> dict[int, Committed]:
            return dict.fromkeys(partitions, cluster.committed_of())

    offsets: Any = Offsets()
    make: Any = lambda _config: Transaction(cluster)  # noqa: E731
    return DeadLetterPublisher({}, offsets, "t", "t.dlt", 1.0, new_producer=make)


PUBLICATION = Publication(3, (LETTER,), 8, "witness", b"group", "topic-1", 2)


def test_the_letters_and_the_offset_are_committed_together(publisher: DeadLetterPublisher, cluster: Cluster) -> None:
    assert publisher.publish(PUBLICATION) == Published(8)
    assert (cluster.letters, cluster.committed) == ([b"3:7"], 8)


def test_a_clean_producer_is_kept(publisher: DeadLetterPublisher, cluster: Cluster) -> None:
    publisher.publish(PUBLICATION)
    publisher.publish(PUBLICATION)
    assert cluster.instances == 1


@pytest.mark.parametrize("fault", [timed_out, answer_lost])
def test_after_an_unknown_outcome_a_new_instance_looks_before_it_publishes(
    publisher: DeadLetterPublisher, cluster: Cluster, fault: Callable[[Transaction], None]
) -> None:
    cluster.on_commit = fault
    assert isinstance(publisher.publish(PUBLICATION), NotPublished)
    cluster.on_commit = None
    assert publisher.publish(PUBLICATION) == Published(8)
    assert cluster.letters == [b"3:7"]
    assert cluster.instances == 2


def test_settling_takes_a_new_instance_which_is_used_on(publisher: DeadLetterPublisher, cluster: Cluster) -> None:
    publisher.settle(3)
    assert publisher.publish(PUBLICATION) == Published(8)
    assert cluster.instances == 1


def test_nothing_is_published_while_the_committed_offset_cannot_be_read(
    publisher: DeadLetterPublisher, cluster: Cluster
) -> None:
    cluster.unreadable = True
    for _ in range(2):
        assert isinstance(publisher.publish(PUBLICATION), NotPublished)
    assert cluster.letters == []


def test_a_dead_letter_holds_the_bytes_and_its_headers_tell_the_verdict_again() -> None:
    record = dead_record(LETTER, "t", "topic-1", 2)
    schema_id, body = unframe(record.value)
    dead = DeadLetter.decode(body)
    assert (schema_id, dead.key, dead.value, dead.reason.value) == (2, b"k", b"\x00v", "WRONG_SUM")
    assert dead.schema_id is None  # more than Avro's int holds; the value has it
    assert verdict_of(record.headers, "topic-1", 3) == (7, WRONG_SUM)
    assert verdict_of(record.headers, "topic-2", 3) is None
    assert verdict_of(record.headers, "topic-1", 4) is None


@pytest.mark.parametrize(
    "headers",
    [None, [], [("source-topic-id", b"topic-1"), ("source-partition", b"3")],
     [("source-topic-id", b"topic-1"), ("source-partition", b"3"), ("source-offset", b"x"), ("reason", b"FRAMING")],
     [("source-topic-id", b"topic-1"), ("source-partition", b"3"), ("source-offset", b"1"), ("reason", b"NONE")],
     [("source-topic-id", b"topic-1"), ("source-partition", b"3"), ("source-offset", b"1"), ("reason", b"\xff")]],
)  # fmt: skip
def test_a_record_of_somebody_else_in_the_dead_letter_topic_is_no_verdict(headers: Any) -> None:
    assert verdict_of(headers, "topic-1", 3) is None
