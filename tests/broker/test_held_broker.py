"""A broker that hangs while a consumer gives partitions up: the ingest loop's thread waits for none of its clients."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest

from consumer.core.partition.job_events import LettersPublished
from consumer.core.publication import Publication
from consumer.shell.kafka.dead_letters import DeadLetterPublisher, letter_clients
from consumer.shell.kafka.group_offsets import GroupOffsets
from consumer.shell.kafka.ports import CommitOutcome, CommitSent, OffsetsCommitted, Ownership
from consumer.shell.kafka.source import KafkaSource, SourceConfig
from stack import Stack
from tally.base.deadline import Deadline
from tally.event.codes import WRONG_SUM
from tally.event.dead_letter import Copy, Letter
from tally.event.digest import undecoded
from tally.generated.topics import SUMS, SUMS_DLT
from tally.kafka.transaction_port import Delivered, Outgoing, Renewed
from tally.kafka.transactions import KafkaTransactions, Limits, TransactionPoints, transactional_config
from tests_support.running.service_process import held
from tests_support.running.stacks import KAFKA_ONLY, NewStack
from tests_support.waiting import eventually

GROUP = "held-broker"
KAFKA_S = 5.0
WAIT_S = 60.0
DEADLINE_S = 8.0
"""Shorter than the time-outs by which a client would give a broker up that hangs."""


@pytest.fixture
def stack(new_stack: NewStack) -> Stack:
    return new_stack(parts=KAFKA_ONLY)


def pid_of(stack: Stack) -> int:
    pid = stack.pid("kafka")
    assert pid is not None
    return pid


def shared_config(stack: Stack) -> dict[str, str]:
    return {"bootstrap.servers": stack.bootstrap_servers, "log_level": "2"}


def source_of(stack: Stack, replica: str) -> KafkaSource:
    config = SourceConfig(
        topic=SUMS.name, group=GROUP, replica=replica, group_protocol="classic", session_timeout_ms=45_000,
        block_records_max=100, block_wait_ms=50, prefetch_kbytes=1024,
    )  # fmt: skip
    return KafkaSource(shared_config(stack), config)


def publication(partition: int, member: object) -> Publication:
    digest = undecoded(b"k", b"\x00v")
    letter = Letter(partition, 0, 1, WRONG_SUM, "sum is not a + b", digest, None, Copy(b"k"), Copy(b"\x00v"))
    return Publication(partition, (letter,), 1, "", member, "topic-1", 1)


@contextmanager
def running(work: Callable[[], object]) -> Iterator[None]:
    """Do something again and again in a thread of its own."""
    stopping = threading.Event()

    def run() -> None:
        while not stopping.is_set():
            work()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join(WAIT_S)


def test_a_revoke_ends_while_the_broker_hangs_and_the_poll_thread_goes_on(stack: Stack) -> None:
    """I12: a revoke lets clients of dead letters go, sends a commit and waits for no broker that hangs."""
    shared = shared_config(stack)
    publisher = DeadLetterPublisher(
        letter_clients(shared, SUMS_DLT.name, KAFKA_S),
        GroupOffsets(shared, SUMS.name, GROUP, KAFKA_S),
        SUMS.name,
        KAFKA_S,
        idle_s=600.0,
    )
    owned: set[int] = set()
    of_the_second: set[int] = set()
    rounds: list[int] = []
    revoked: list[int] = []
    member: list[object] = []
    answers: list[CommitOutcome] = []
    first, second = source_of(stack, "0"), source_of(stack, "1")
    with ExitStack() as holding:

        def released(partitions: list[int], lost: bool) -> None:
            if not partitions or lost or revoked:
                return  # the end of the test gives everything up as well
            holding.enter_context(held(pid_of(stack)))  # from here to the end of the revoke and beyond
            for partition in partitions:
                publisher.forget(partition)
            assert first.commit(dict.fromkeys(partitions, (2, ""))) == CommitSent()
            revoked.extend(partitions)

        def polled() -> None:
            first.fetch()
            if len(owned) == SUMS.partitions and not member:
                member.append(first.group_metadata())  # in this thread, as its docstring wants
            if revoked:
                rounds.append(1)

        first.subscribe(Ownership(owned.update, released, answers.append))
        with running(polled):
            eventually(lambda: member, WAIT_S, "every partition is assigned")
            with ThreadPoolExecutor(SUMS.partitions) as jobs:
                outcomes = list(jobs.map(lambda p: publisher.publish(publication(p, member[0])), sorted(owned)))
            assert outcomes == [LettersPublished(1)] * SUMS.partitions
            second.subscribe(Ownership(of_the_second.update, lambda _, __: None, lambda _: None))
            with running(second.fetch):
                eventually(lambda: revoked, WAIT_S, "partitions are taken away")
                eventually(lambda: len(rounds) > 3, DEADLINE_S, "the poll thread goes on with the broker held")
                assert not answers, "the broker cannot have answered"
                holding.close()
                eventually(lambda: of_the_second == set(revoked), WAIT_S, "they are the other's")
                assert answers == [OffsetsCommitted(dict.fromkeys(revoked, 2))]
    publisher.close()
    second.close(Deadline.after(10.0))
    first.close(Deadline.after(10.0))


def test_a_client_with_an_open_transaction_is_let_go_while_the_broker_hangs(stack: Stack) -> None:
    """Nobody waits for it, nothing of it is ended by that, and the next instance ends it."""
    config = transactional_config(shared_config(stack), "held", 60_000, 30_000)
    client = KafkaTransactions(config, SUMS_DLT.name, Limits(), TransactionPoints())
    assert client.renew() == Renewed()
    assert isinstance(client.produce([Outgoing(b"k", b"v", 3)]), Delivered)
    done = threading.Event()

    def close() -> None:
        client.close()
        done.set()

    with held(pid_of(stack)):
        threading.Thread(target=close, daemon=True).start()
        eventually(done.is_set, DEADLINE_S, "the client is let go")
    assert client.renew() == Renewed()
    client.close()
