"""SIGKILL of producer and consumer at random moments under load; the seed is printed, the oracle decides."""

import random
import time
from collections.abc import Iterator

import pytest

from oracle.history import History, Outcome
from stack import Stack
from tests_support.consumer import foreign
from tests_support.producer.callers import Crowd
from tests_support.running.faults import Nemesis, Watch, chosen_seed
from tests_support.running.live import examine_live, live_stack, system_of
from tests_support.waiting import eventually

NOTICED_S = 0.01
"""A call made so long before the signal has reached the service."""

pytestmark = [pytest.mark.broker, pytest.mark.slow]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with live_stack(tmp_path_factory.mktemp("kill")) as live:
        yield live


@pytest.fixture(scope="module")
def history() -> History:
    """Return one history for the module: the ledgers are shared, so the truth is too."""
    return History()


def wait_for_acknowledgements(history: History, more: int, timeout_s: float = 30.0) -> None:
    """Return when as many further ids are acknowledged."""
    goal = len(history.acknowledged()) + more
    eventually(lambda: len(history.acknowledged()) >= goal, timeout_s, f"{more} more ids are acknowledged")


def repeat_some(stack: Stack, history: History) -> None:
    """Write acknowledged ids again behind the producer's back, with the same operands and with others."""
    known = [call for call in history.calls() if call.outcome is Outcome.OK][-20:]
    same = [(call.request_id, call.a, call.b) for call in known]
    other = [(call.request_id, "1", "1") for call in known[:5]]
    system = system_of(stack)
    foreign.repeat(system, same + other, foreign.schema_id_of(system))


def test_a_producer_killed_again_and_again_loses_and_doubles_nothing(stack: Stack, history: History) -> None:
    """A producer killed four times under load costs no acknowledged addition and doubles none."""
    seed = chosen_seed()
    nemesis = Nemesis(stack, random.Random(seed))
    with Watch(system_of(stack), history), Crowd(stack.grpc_target, history, seed=seed):
        for _ in range(4):
            nemesis.kill_and_restart("producer")
            wait_for_acknowledgements(history, 20)
    examine_live(stack, history)
    assert history.counts().get("unknown", 0) > 0, "the kills hit no call"


def test_a_consumer_killed_again_and_again_loses_and_doubles_nothing(stack: Stack, history: History) -> None:
    """A consumer killed four times, with repeated ids in the topic, counts each id once."""
    seed = chosen_seed()
    nemesis = Nemesis(stack, random.Random(seed))
    with Watch(system_of(stack), history), Crowd(stack.grpc_target, history, seed=seed):
        for _ in range(4):
            repeat_some(stack, history)
            nemesis.kill_and_restart("consumer", calm_s=(0.1, 2.0))
    report = examine_live(stack, history)
    assert report.duplicates > 0
    assert report.conflicts > 0


def test_producer_and_consumer_killed_in_turns_lose_and_double_nothing(stack: Stack, history: History) -> None:
    """Producer and consumer killed in random order under load lose and double nothing."""
    seed = chosen_seed()
    rng = random.Random(seed)
    nemesis = Nemesis(stack, rng)
    with Watch(system_of(stack), history), Crowd(stack.grpc_target, history, seed=seed):
        for _ in range(4):
            nemesis.kill_and_restart(rng.choice(["producer", "consumer"]), calm_s=(0.0, 0.8))
    examine_live(stack, history)


def test_a_producer_that_is_told_to_stop_answers_every_call_in_flight(stack: Stack, history: History) -> None:
    """SIGTERM drains: each call that was under way is answered OK or with a refusal that says "not committed"."""
    before = len(history.calls())
    seed = chosen_seed()
    crowd = Crowd(stack.grpc_target, history, seed=seed, callers=16)
    crowd.start()
    wait_for_acknowledgements(history, 100)
    stopped_s = time.monotonic()
    stack.stop("producer")
    stack.start("producer")
    stack.wait_ready("producer")
    crowd.stop()
    # A call that was made after the signal may have met a closed port, and knows nothing.
    lost = [
        call
        for call in history.calls()[before:]
        if call.outcome is Outcome.UNKNOWN and call.started_s < stopped_s - NOTICED_S
    ]
    assert lost == []
    examine_live(stack, history)
