"""SIGKILL of producer and consumer at random moments under load; the seed is printed, the oracle decides."""

import random
from collections.abc import Iterator

import pytest

from stack import Stack
from tests_support.callers import Crowd
from tests_support.faults import Nemesis, Watch, chosen_seed
from tests_support.history import History, Outcome
from tests_support.live import live_stack, system_of
from tests_support.oracle.reading import examine
from tests_support.waiting import eventually

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


def test_a_producer_killed_again_and_again_loses_and_doubles_nothing(stack: Stack, history: History) -> None:
    seed = chosen_seed()
    nemesis = Nemesis(stack, random.Random(seed))
    with Watch(system_of(stack), history), Crowd(stack.grpc_target, history, seed=seed):
        for _ in range(5):
            nemesis.kill_and_restart("producer")
            wait_for_acknowledgements(history, 20)
    report = examine(system_of(stack), history).require_clean()
    print(report, history.counts())
    assert history.counts().get("unknown", 0) > 0, "the kills hit no call"


def test_a_consumer_killed_again_and_again_loses_and_doubles_nothing(stack: Stack, history: History) -> None:
    seed = chosen_seed()
    nemesis = Nemesis(stack, random.Random(seed))
    with Watch(system_of(stack), history), Crowd(stack.grpc_target, history, seed=seed):
        for _ in range(6):
            nemesis.kill_and_restart("consumer", calm_s=(0.1, 2.0))
    print(examine(system_of(stack), history).require_clean())


def test_producer_and_consumer_killed_in_turns_lose_and_double_nothing(stack: Stack, history: History) -> None:
    seed = chosen_seed()
    rng = random.Random(seed)
    nemesis = Nemesis(stack, rng)
    with Watch(system_of(stack), history), Crowd(stack.grpc_target, history, seed=seed):
        for _ in range(4):
            nemesis.kill_and_restart(rng.choice(["producer", "consumer"]), calm_s=(0.0, 0.8))
    print(examine(system_of(stack), history).require_clean())


def test_a_producer_that_is_told_to_stop_answers_every_call_in_flight(stack: Stack, history: History) -> None:
    """SIGTERM drains: each call that was under way is answered OK or with a refusal that says "not committed"."""
    before = len(history.calls())
    seed = chosen_seed()
    crowd = Crowd(stack.grpc_target, history, seed=seed, callers=16)
    crowd.start()
    wait_for_acknowledgements(history, 100)
    stack.stop("producer")
    stack.start("producer")
    stack.wait_ready("producer")
    crowd.stop()
    # A call that met a closed port was never under way: its status has no details from the service.
    lost = [
        call
        for call in history.calls()[before:]
        if call.outcome is Outcome.UNKNOWN and "refused" not in call.detail.lower()
    ]
    assert lost == []
    print(examine(system_of(stack), history).require_clean())
