"""SIGKILL of the broker and of the registry."""

import json
import random
import urllib.request
from collections.abc import Iterator
from functools import partial
from typing import Any
from urllib.parse import quote

import pytest

from oracle.history import History, Outcome
from stack import Stack
from tests_support import rest
from tests_support.producer.callers import Caller, Crowd, new_pair
from tests_support.running.faults import Nemesis, Watch, chosen_seed
from tests_support.running.live import examine_live, live_stack, system_of
from tests_support.waiting import eventually

pytestmark = [pytest.mark.broker, pytest.mark.slow]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with live_stack(tmp_path_factory.mktemp("infrastructure")) as live:
        yield live


@pytest.fixture(scope="module")
def history() -> History:
    return History()


def reached(history: History, goal: int) -> bool:
    return len(history.acknowledged()) >= goal


def schemas_of(stack: Stack) -> dict[str, Any]:
    """Return every subject's latest version as the registry has it."""

    def read(path: str) -> Any:
        with urllib.request.urlopen(f"{stack.registry_url}/{path}", timeout=10) as answer:
            return json.loads(answer.read())

    return {subject: read(f"subjects/{quote(subject, safe='')}/versions/latest") for subject in read("subjects")}


def test_a_broker_killed_under_load_loses_and_doubles_nothing(stack: Stack, history: History) -> None:
    """A broker killed twice under load costs no acknowledged addition and doubles none."""
    seed = chosen_seed()
    nemesis = Nemesis(stack, random.Random(seed))
    with Watch(system_of(stack), history), Crowd(stack.grpc_target, history, seed=seed):
        for _ in range(2):
            nemesis.kill_and_restart("kafka", calm_s=(1.0, 2.0))
            goal = len(history.acknowledged()) + 20
            eventually(partial(reached, history, goal), 60, "calls are acknowledged after the broker is back")
    examine_live(stack, history, drain_s=90)


def test_schemas_survive_a_killed_registry(stack: Stack) -> None:
    """A registry killed and started again has every subject and version as before."""
    before = schemas_of(stack)
    assert "tally.sums.v1-value" in before
    stack.kill("registry")
    stack.start("registry")
    stack.wait_ready("registry")
    assert schemas_of(stack) == before


def test_a_dead_registry_stops_nobody_who_runs(stack: Stack, history: History) -> None:
    """With the registry dead, running services still acknowledge and count additions."""
    stack.kill("registry")
    caller = Caller(stack.grpc_target, history)
    rng = random.Random(1)
    try:
        calls = [caller.settle(new_pair(rng), 30) for _ in range(20)]
        assert all(call.outcome is Outcome.OK for call in calls)
        last = calls[-1]
        url = f"{stack.rest_url}/v1/total?min_position={last.partition}:{last.offset}&wait_ms=20000"
        assert rest.get(url).status == 200
    finally:
        caller.close()
        stack.start("registry")
        stack.wait_ready("registry")


def test_everything_killed_at_once_comes_back_with_what_it_had(stack: Stack, history: History) -> None:
    """After all parts were killed at once, `up` restores a system in which every invariant holds."""
    caller = Caller(stack.grpc_target, history)
    rng = random.Random(2)
    calls = [caller.settle(new_pair(rng), 30) for _ in range(20)]
    assert all(call.outcome is Outcome.OK for call in calls)
    for part in stack.running():
        stack.kill(part)
    stack.up()
    again = caller.settle(new_pair(rng), 30)
    caller.close()
    assert again.outcome is Outcome.OK
    examine_live(stack, history)
