"""SIGKILL of the producer at every moment of a transaction.

Invariants: I1, I2 what callers send again is counted once, with its first committed operands; I3 nothing of a
transaction that was not committed is counted; I11 what was answered not-committed never appears.
"""

import time
from collections.abc import Callable
from random import Random

import pytest

from oracle.history import Call, Outcome
from tally.client.outcomes import Addition
from tests.chaos.conftest import Counting
from tests_support.producer.callers import Caller, new_pair
from tests_support.producer.process import ProducerProcess
from tests_support.producer.topic_settings import max_message_bytes
from tests_support.running.faults import chosen_seed
from tests_support.running.recovery import recovered

PAIRS = 30
SETTLE_S = 60.0
ONE_LANE = {"producer_lanes": 1}


def new_pairs() -> list[Addition]:
    rng = Random(chosen_seed())
    return [new_pair(rng) for _ in range(PAIRS)]


def start_again_and_settle(counting: Counting, producer: ProducerProcess, pairs: list[Addition]) -> None:
    """Start the producer without faults, settle every pair, print how long it took, and let the oracle judge."""
    began_s = time.monotonic()
    producer.restart(fault_points=None)
    caller = Caller(producer.target, counting.history)
    first = caller.settle(pairs[0], SETTLE_S)
    recovered("the producer acknowledges (aim 2 s)", time.monotonic() - began_s)
    calls = [first, *(call for pair in pairs[1:] for call in [caller.settle(pair, SETTLE_S)])]
    caller.close()
    assert {call.outcome for call in calls} == {Outcome.OK}
    counting.examine()


@pytest.mark.parametrize(
    ("point", "committed", "send"),
    [
        pytest.param("after_begin", False, Caller.add_batch, marks=pytest.mark.chaos),
        ("after_produce", False, Caller.add_batch),
        pytest.param("after_produce", False, Caller.add_columns, marks=pytest.mark.chaos),
        pytest.param("before_commit", False, Caller.add_batch, marks=pytest.mark.chaos),
        ("after_commit", True, Caller.add_batch),
        ("after_commit", True, Caller.add_columns),
    ],
    ids=lambda value: value.__name__ if callable(value) else str(value),
)
def test_killed_in_a_transaction(
    counting: Counting, point: str, committed: bool, send: Callable[[Caller, list[Addition]], list[Call]]
) -> None:
    """A producer killed in a transaction answers no call, and a retry is a duplicate exactly where it had committed."""
    producer = counting.cluster.producer(fault_points=f"producer.{point}=kill@1", **ONE_LANE).wait_ready()
    pairs = new_pairs()
    caller = Caller(producer.target, counting.history)
    assert {call.outcome for call in send(caller, pairs)} == {Outcome.UNKNOWN}
    producer.wait_end()
    start_again_and_settle(counting, producer, pairs)
    known = {call.request_id: call.duplicate for call in counting.history.calls() if call.outcome is Outcome.OK}
    assert {known[pair.request_id] for pair in pairs} == {committed}


@pytest.mark.parametrize("direction", ["request", "answer"])
def test_killed_while_its_commit_is_on_the_way(counting: Counting, direction: str) -> None:
    """A producer killed while its commit is on its way, before the broker or behind it, loses and doubles nothing."""
    producer = counting.cluster.producer(**ONE_LANE).wait_ready()
    pairs = new_pairs()
    held = counting.cluster.proxy.hold("EndTxn", "request" if direction == "request" else "answer")
    caller = Caller(producer.target, counting.history, deadline_s=1.0)
    assert {call.outcome for call in caller.add_batch(pairs)} == {Outcome.UNKNOWN}
    held.wait_caught()
    producer.kill()
    producer.restart().wait_ready()
    held.release()
    producer.kill()
    start_again_and_settle(counting, producer, pairs)


@pytest.mark.parametrize("point", [pytest.param("before_abort", marks=pytest.mark.chaos), "after_abort"])
def test_killed_at_an_abort(counting: Counting, point: str) -> None:
    """A producer killed at an abort has committed nothing of it, and the retry is counted once."""
    producer = counting.cluster.producer(fault_points=f"producer.{point}=kill@1", **ONE_LANE).wait_ready()
    pairs = new_pairs()
    with max_message_bytes(counting.cluster.direct, 100):
        caller = Caller(producer.target, counting.history)
        assert {call.outcome for call in caller.add_batch(pairs)} == {Outcome.UNKNOWN}
        producer.wait_end()
    start_again_and_settle(counting, producer, pairs)


@pytest.mark.parametrize("point", [pytest.param("before_init", marks=pytest.mark.chaos), "after_init"])
def test_killed_at_init_transactions(counting: Counting, point: str) -> None:
    """A producer killed while it starts leaves nothing that holds up the next start, which serves the retry."""
    producer = counting.cluster.producer(fault_points="producer.before_commit=kill", **ONE_LANE).wait_ready()
    pairs = new_pairs()
    Caller(producer.target, counting.history).add_batch(pairs)
    producer.wait_end()
    producer.restart(fault_points=f"producer.{point}=kill").wait_end()
    start_again_and_settle(counting, producer, pairs)
