"""Plans, offline: a plan is carried out as planned or not at all, and completed after a kill."""

from contextlib import suppress
from pathlib import Path
from typing import cast

import httpx
import pytest

from codegen.errors import DriftError
from codegen.plan.file import load, save
from codegen.plan.terms import FoundTopic
from codegen.remote.kafka_admin import KafkaAdmin
from codegen.remote.publish import Publisher
from tally.registry.http import RegistryHttp
from tests_support.contracts.publishing_world import World


def test_a_plan_that_was_saved_is_carried_out_and_then_there_is_nothing_to_do(tmp_path: Path) -> None:
    """A saved plan makes exactly its changes, and the next plan finds nothing to do."""
    world = World()
    save(tmp_path / "plan.json", world.plan())
    planned = load(tmp_path / "plan.json")
    assert [line.kind for line in planned.changes] == ["CREATE", "CREATE"]
    assert world.publisher().apply(planned).pending == 2
    assert [line.kind for line in world.plan().changes] == ["NOOP", "NOOP"]


def test_a_registry_that_somebody_else_changed_since_the_plan_is_left_alone() -> None:
    """A plan is void once a subject has versions that it did not know, and nothing is changed."""
    world = World()
    planned = world.plan()
    world.registry.subjects["s-value"] = ['"string"']
    with pytest.raises(DriftError, match=r"since the plan was made[^$]*s-value: had versions none .*, has versions 1"):
        world.publisher().apply(planned)
    assert not world.kafka.topics


def test_a_topic_that_somebody_else_changed_since_the_plan_is_left_alone() -> None:
    """A plan is void once a topic that it was to create exists, and nothing is changed."""
    world = World()
    planned = world.plan()
    world.kafka.topics["t"] = FoundTopic(12, 1, {"retention.ms": "5"})
    with pytest.raises(DriftError, match=r"topic t: had nothing of that name, has 12 partitions"):
        world.publisher().apply(planned)
    assert not world.registry.subjects


@pytest.mark.parametrize("requests", range(1, 20))
def test_a_plan_that_was_killed_anywhere_is_completed_by_carrying_it_out_again(requests: int) -> None:
    """Killed after any request, the same plan completes the rest and registers no schema twice."""
    world = World()
    planned = world.plan()
    left = requests

    class Killed(BaseException):
        pass

    def dying(request: httpx.Request) -> httpx.Response:
        nonlocal left
        if left == 0:
            raise Killed
        left -= 1
        return world.registry.answer(request)

    http = RegistryHttp("http://r", attempts=1, clock=world.clock, transport=httpx.MockTransport(dying))
    with suppress(Killed):
        Publisher(http, cast(KafkaAdmin, world.kafka), world.clock, 60.0, world.said.append).apply(planned)
    world.publisher().apply(planned)
    assert [line.kind for line in world.plan().changes] == ["NOOP", "NOOP"]
    assert len(world.registry.subjects["s-value"]) == 1
