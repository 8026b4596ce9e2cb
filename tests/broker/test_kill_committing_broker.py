"""SIGKILL of the only broker while it ends transactions.

A commit is answered before its markers are in the partitions: for that moment only the state of the transaction tells
what was promised. A broker that forgets the markers when it is back leaves the partitions stuck for ever for whoever
reads what is committed, as Kafka 4.3 does (docs/decisions/0023-kafka-4-2.md). Sixteen transactions that end at once and
have a marker for every partition make the moment long; it is met by a kill at the first answer.
"""

import random
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial

import pytest
from confluent_kafka import KafkaError, Message, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from oracle.kafka_reading import read_topic, wait_until_stable
from stack import Stack
from tests_support.running.faults import chosen_seed
from tests_support.running.stacks import NewStack

pytestmark = [pytest.mark.broker, pytest.mark.slow]

TOPIC = "sums"
PARTITIONS = 24
PRODUCERS = 16
ROUNDS = 6
DEADLINE_S = 60.0

Written = tuple[int, int, bytes]
"""A record: partition, offset, value."""


def test_a_commit_that_was_answered_is_read_after_the_broker_was_killed(new_stack: NewStack) -> None:
    """Each transaction whose commit was answered before the broker was killed is visible to read_committed later."""
    rng = random.Random(chosen_seed())
    stack = new_stack(parts=["kafka"])
    admin = AdminClient({"bootstrap.servers": stack.bootstrap_servers, "log_level": 2})
    admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1)])[TOPIC].result(DEADLINE_S)
    acknowledged: set[Written] = set()
    with ThreadPoolExecutor(PRODUCERS) as threads:
        producers = list(threads.map(partial(initialised, stack), range(PRODUCERS)))
        for _ in range(ROUNDS):
            for _ in range(rng.randint(1, 3)):
                for each in end_at_once(threads, producers, rng):
                    acknowledged |= each.result()
            ending = end_at_once(threads, producers, rng)
            wait(ending, DEADLINE_S, FIRST_COMPLETED)
            stack.kill("kafka")
            stack.up(["kafka"])
            for each in ending:  # the others are asked for again, until they are answered too
                acknowledged |= each.result()
            wait_until_stable(stack.bootstrap_servers, TOPIC, DEADLINE_S)
            assert acknowledged - read_committed(stack) == set()


def initialised(stack: Stack, number: int) -> Producer:
    """Return a producer that may begin transactions."""
    producer = Producer(
        {
            "bootstrap.servers": stack.bootstrap_servers,
            "transactional.id": f"producer-{number}",
            "log_level": 2,
        }
    )
    producer.init_transactions(DEADLINE_S)
    return producer


def end_at_once(
    threads: ThreadPoolExecutor, producers: list[Producer], rng: random.Random
) -> list[Future[set[Written]]]:
    """Write a transaction by each producer, and commit all when all are written: the commits, under way."""
    written = list(threads.map(write, producers, [rng.randbytes(16) for _ in producers]))
    return [threads.submit(commit, producer, each) for producer, each in zip(producers, written, strict=True)]


def write(producer: Producer, value: bytes) -> set[Written]:
    """Begin a transaction and write a record to every partition; return them."""
    delivered: set[Written] = set()
    producer.begin_transaction()
    for partition in range(PARTITIONS):
        producer.produce(TOPIC, value, partition=partition, on_delivery=partial(note, delivered))
    producer.flush(DEADLINE_S)
    assert len(delivered) == PARTITIONS
    return delivered


def note(delivered: set[Written], error: KafkaError | None, message: Message) -> None:
    """Keep where a record was written."""
    partition, offset, value = message.partition(), message.offset(), message.value()
    if error is None and partition is not None and offset is not None:
        delivered.add((partition, offset, bytes(value or b"")))


def commit(producer: Producer, written: set[Written]) -> set[Written]:
    """Commit, however long it takes, and return what is acknowledged by that."""
    producer.commit_transaction(DEADLINE_S)
    return written


def read_committed(stack: Stack) -> set[Written]:
    """Return every record that a consumer reads who reads only what is committed."""
    found = read_topic(stack.bootstrap_servers, TOPIC)
    return {(each.partition, each.offset, each.value or b"") for records in found.values() for each in records}
