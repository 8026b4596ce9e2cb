"""What the network does to a producer and a consumer: answers lost, requests that come late, nobody at the other end.

Invariants: I1 and I2 whatever is retried is counted once; I3 nothing of an aborted transaction is counted; I11 what was
answered not-committed never appears; I12 every call settles by its deadline.
"""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import grpc
import pytest

from oracle.history import Call, Outcome
from tally.client.outcomes import Addition
from tests.chaos.conftest import Counting
from tests_support.chaos.cluster import wait_acknowledged
from tests_support.chaos.proxy import COORDINATOR, Direction
from tests_support.producer.callers import Caller, new_pair
from tests_support.producer.process import ProducerProcess, addition, committed, outcome_of
from tests_support.producer.topic_settings import max_message_bytes
from tests_support.running.faults import chosen_seed
from tests_support.running.recovery import recovered
from tests_support.waiting import pause

SHORT = {"producer_lanes": 1, "producer_socket_timeout_ms": 500, "producer_transaction_timeout_ms": 6_000}
"""Time-outs that let a test see them pass."""
LATE_S = 15.0
"""How much later than its deadline a call may be seen to settle by a caller on a busy machine."""


def new_pairs(number: int = 10) -> list[Addition]:
    rng = Random(chosen_seed())
    return [new_pair(rng) for _ in range(number)]


def added(counting: Counting, producer: ProducerProcess, pairs: list[Addition], deadline_s: float = 40.0) -> list[Call]:
    """Add a batch once and return what its caller was told."""
    caller = Caller(producer.target, counting.history, deadline_s)
    calls = caller.add_batch(pairs)
    caller.close()
    recovered("answered", max(call.ended_s - call.started_s for call in calls))
    return calls


def outcomes(calls: list[Call]) -> set[Outcome]:
    return {call.outcome for call in calls}


def ids_in_topic(counting: Counting) -> set[str]:
    """Return the ids of everything that is committed."""
    return {str(uuid.UUID(bytes=key)) for _, _, key, _ in committed(counting.cluster.direct)}


def test_a_lost_answer_to_a_commit_is_asked_for_again(counting: Counting) -> None:
    """A call is OK and counted once when the connection breaks with the answer to its commit (I1)."""
    producer = counting.cluster.producer(**SHORT).wait_ready()
    cut = counting.cluster.proxy.cut("EndTxn", "answer")
    assert outcomes(added(counting, producer, new_pairs())) == {Outcome.OK}
    assert cut.caught == 1
    producer.wait_log("suspicious transaction, a new instance follows")
    counting.examine()


def test_an_unknown_outcome_is_resolved_by_reading_back(counting: Counting) -> None:
    """A call whose commit is never answered is resolved by reading the partitions back, and is OK (I1, I12)."""
    producer = counting.cluster.producer(**SHORT).wait_ready()
    counting.cluster.proxy.drop(["EndTxn"], "answer")
    assert outcomes(added(counting, producer, new_pairs())) == {Outcome.OK}
    producer.wait_log("RESOLVING->READY found=all")
    counting.examine()


def test_a_late_commit_ends_no_later_transaction(counting: Counting) -> None:
    """A commit that was held back and sent again does not commit the transaction during which it arrives."""
    faults = "producer.after_produce=stop@2,producer.before_commit=kill@2"
    producer = counting.cluster.producer(fault_points=faults, **SHORT).wait_ready()
    stray = counting.cluster.proxy.hold("EndTxn")
    assert outcomes(added(counting, producer, new_pairs())) == {Outcome.OK}
    later = new_pairs()
    with ThreadPoolExecutor(1) as pool:
        calls = pool.submit(added, counting, producer, later)
        producer.wait_stopped()  # its transaction is open, its records are in the log
        stray.release()
        producer.go_on()
        producer.wait_end()
        assert outcomes(calls.result(60)) == {Outcome.UNKNOWN}
    producer.restart(fault_points=None).wait_ready()
    assert not ids_in_topic(counting) & {pair.request_id for pair in later}, "the stray commit ended it"
    assert outcomes(added(counting, producer, later)) == {Outcome.OK}
    counting.examine()


def test_a_late_abort_ends_no_later_transaction(counting: Counting) -> None:
    """An abort that was held back does not end the transaction during which it arrives, which is counted once."""
    producer = counting.cluster.producer(fault_points="producer.after_produce=stop@1", **SHORT).wait_ready()
    with ThreadPoolExecutor(1) as pool:
        with max_message_bytes(counting.cluster.direct, 100):
            stray = counting.cluster.proxy.hold("EndTxn")
            calls = pool.submit(added, counting, producer, new_pairs(1))
            stray.wait_caught()
        producer.wait_stopped()  # the abort was sent again, and the calls are in the next transaction
        stray.release()
        producer.go_on()
        assert outcomes(calls.result(60)) == {Outcome.OK}
    assert "fenced" not in producer.text()
    counting.examine()


def test_a_silent_coordinator_keeps_nobody_waiting(counting: Counting) -> None:
    """Calls end at their deadlines while the coordinator is silent, and all goes on when it is back (I12)."""
    producer = counting.cluster.producer(**SHORT).wait_ready()
    pairs = new_pairs()
    hole = counting.cluster.proxy.drop(COORDINATOR)
    began_s = time.monotonic()
    assert outcomes(added(counting, producer, pairs, deadline_s=2.0)) == {Outcome.UNKNOWN}
    assert time.monotonic() - began_s < 2.0 + LATE_S
    hole.end()
    began_s = time.monotonic()
    caller = Caller(producer.target, counting.history)
    assert outcomes([caller.settle(pair, 40) for pair in pairs]) == {Outcome.OK}
    recovered("acknowledged, after it is back", time.monotonic() - began_s)
    counting.examine()


def test_an_attempt_lives_as_long_as_one_of_its_callers(counting: Counting) -> None:
    """Through an abort an attempt lives for its most patient caller, and nobody is told not-committed (I11, I1)."""
    producer = counting.cluster.producer(**SHORT).wait_ready()
    request = addition()
    with max_message_bytes(counting.cluster.direct, 100):
        patient, hasty, gone = (producer.service.Add.future(request, timeout=limit) for limit in (40, 1, 40))
        producer.wait_log("transaction aborted")
        gone.cancel()
        assert hasty.code() in (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.ABORTED)
    assert _told(hasty) != "not-committed"
    assert patient.result().sum == "42.5"
    assert request.request_id in ids_in_topic(counting)
    counting.examine()


@pytest.mark.parametrize(
    "directions",
    [
        ("request", "answer"),
        pytest.param(("request",), marks=pytest.mark.chaos),
        pytest.param(("answer",), marks=pytest.mark.chaos),
    ],
    ids=" and ".join,
)
def test_a_partition_of_the_network_loses_and_doubles_nothing(
    counting: Counting, directions: tuple[Direction, ...]
) -> None:
    """Three seconds without a network, in one direction or both and under load, lose and double nothing (I1, I2)."""
    cluster = counting.cluster
    cluster.producer(**SHORT).wait_ready()
    with cluster.traffic(counting.history, chosen_seed()):
        wait_acknowledged(counting.history, 20)
        with cluster.proxy.partitioned(*directions):
            pause(3.0)
        recovered("acknowledged, after the network is back", wait_acknowledged(counting.history, 1))
        wait_acknowledged(counting.history, 20)
    counting.examine()


@pytest.mark.chaos
def test_a_slow_link_makes_it_slow_and_nothing_else(counting: Counting) -> None:
    """With 30 ms and 64 kB/s for each frame everything takes longer, and each id is counted once (I1)."""
    cluster = counting.cluster
    cluster.producer(**SHORT).wait_ready()
    with cluster.proxy.slow(0.03, 64_000), cluster.traffic(counting.history, chosen_seed(), callers=2):
        wait_acknowledged(counting.history, 20)
    counting.examine()


def _told(call: Any) -> str:
    """Return the outcome in a call's details, or nothing."""
    try:
        return outcome_of(call)[1]
    except KeyError:
        return ""
