"""Schemas that the consumer does not know: one suite of scenarios, on the model and on real processes."""

import uuid
from collections.abc import Callable, Iterator, Sequence

import pytest

from consumer.core.partition.state import StateName
from stack import Stack
from tally.base.framing import frame
from tests_support.consumer.rig import Raw, Rig
from tests_support.model.lookups import ModelLookups
from tests_support.registries.lookup_scenarios import HEALTHY, LOOKUP_SCENARIOS, UNKNOWN, LookupWorld
from tests_support.registries.proxy import Mood, RegistryProxy
from tests_support.running.stacks import NewStack
from tests_support.waiting import eventually

WAIT_S = 120.0


class RealLookups:
    """A real consumer, which reaches its real registry through a proxy."""

    many = 2_100  # one wait has 2,000 names

    def __init__(self, stack: Stack, proxy: RegistryProxy) -> None:
        self._rig = Rig(stack)
        self._proxy = proxy

    def write_unknown(self, schema_ids: Sequence[int]) -> None:
        """See LookupWorld."""
        good = self._rig.additions(1, UNKNOWN)[0]
        assert good.value is not None
        bodies = [Raw(UNKNOWN, uuid.uuid4().bytes, frame(schema_id) + good.value[5:]) for schema_id in schema_ids]
        self._rig.commit([*bodies, good])

    def write_healthy(self, *, poison: int = 0) -> None:
        """See LookupWorld."""
        self._rig.commit([Raw(HEALTHY, b"x", b"junk")] * poison + self._rig.additions(1, HEALTHY))

    def set_mood(self, mood: Mood) -> None:
        """See LookupWorld."""
        self._proxy.mood = mood

    def asked(self) -> list[int]:
        """See LookupWorld."""
        return list(self._proxy.asked)

    def poison(self, partition: int) -> int:
        """See LookupWorld."""
        return int(self._rig.partition(partition)["poison"] or 0)

    def counted(self, partition: int) -> int:
        """See LookupWorld."""
        return int(self._rig.partition(partition)["count"] or 0)

    def letters(self, partition: int) -> int:
        """See LookupWorld."""
        return len(self._rig.dead_letters().get(partition, []))

    def state(self, partition: int) -> StateName:
        """See LookupWorld."""
        return StateName(self._rig.partition(partition)["state"])

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """See LookupWorld."""
        eventually(condition, WAIT_S, what, retry_on=(OSError,))


@pytest.fixture(params=["model", pytest.param("real", marks=pytest.mark.broker)])
def world(request: pytest.FixtureRequest) -> Iterator[LookupWorld]:
    if request.param == "model":
        model = ModelLookups()
        yield model
        model.close()
        return
    new_stack: NewStack = request.getfixturevalue("new_stack")
    with RegistryProxy() as proxy:
        stack = new_stack(
            {"TALLY_REGISTRY_URL": f"http://127.0.0.1:{proxy.port}/apis/ccompat/v7", "TALLY_CONSUMER_RETRY_MS": "100"}
        )
        proxy.upstream_port = stack.ports.registry
        stack.up(("kafka", "registry", "contracts", "consumer"))
        yield RealLookups(stack, proxy)


@pytest.mark.parametrize("scenario", LOOKUP_SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_scenario(world: LookupWorld, scenario: Callable[[LookupWorld], None]) -> None:
    """The scenario's docstring is its promise."""
    scenario(world)
