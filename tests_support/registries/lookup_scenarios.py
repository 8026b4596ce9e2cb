"""What a consumer does about schemas that it does not know, as scenarios for the model and for real processes.

One partition, UNKNOWN, gets records with ids of schemas that nobody registered; another, HEALTHY, must go on whatever
the registry does.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

from consumer.core.partition.state import StateName
from tests_support.registries.proxy import Mood

UNKNOWN, HEALTHY = 3, 5
_IDS_BEGIN = 1_000_000


class LookupWorld(Protocol):
    """Where the scenarios run. ``many`` is a number of ids that takes more than one wait."""

    many: int

    def write_unknown(self, schema_ids: Sequence[int]) -> None:
        """Commit a good record's bytes to UNKNOWN for each id, framed with it, and a good record behind them."""

    def write_healthy(self, *, poison: int = 0) -> None:
        """Commit a good record to HEALTHY, and records that are no frame."""

    def set_mood(self, mood: Mood) -> None:
        """Let the registry answer questions about ids so."""

    def asked(self) -> list[int]:
        """Return the ids that the registry was asked for, one a question."""

    def poison(self, partition: int) -> int:
        """Return how much poison is in the ledger."""

    def counted(self, partition: int) -> int:
        """Return how many additions are."""

    def letters(self, partition: int) -> int:
        """Return how many dead letters there are."""

    def state(self, partition: int) -> StateName:
        """Return what REST shows."""

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Let the consumer work until a condition holds. Raises AssertionError when it does not in time."""


def one_unknown_id_is_settled_by_two_questions(world: LookupWorld) -> None:
    """An id that the registry denies twice is poison with a dead letter; what stands behind it is counted then."""
    world.write_unknown([_IDS_BEGIN])
    world.until(lambda: world.counted(UNKNOWN) == 1, "the record behind the unknown id is counted")
    assert (world.poison(UNKNOWN), world.asked()) == (1, [_IDS_BEGIN] * 2)
    world.until(lambda: world.letters(UNKNOWN) == 1, "its dead letter is published")


def many_unknown_ids_of_one_partition_are_all_settled(world: LookupWorld) -> None:
    """More unknown ids than one wait holds are all poison in the end, none of them asked for more than twice."""
    ids = range(_IDS_BEGIN, _IDS_BEGIN + world.many)
    world.write_unknown(ids)
    world.write_healthy()
    world.until(lambda: world.counted(HEALTHY) == 1, "the other partition goes on")
    world.until(lambda: world.counted(UNKNOWN) == 1, "the record behind all unknown ids is counted")
    assert world.poison(UNKNOWN) == world.many
    assert Counter(world.asked()) == dict.fromkeys(ids, 2)
    world.until(lambda: world.letters(UNKNOWN) == world.many, "each has its dead letter")


def _no_verdict_while(world: LookupWorld, mood: Mood) -> None:
    world.set_mood(mood)
    world.write_unknown([_IDS_BEGIN])
    world.until(lambda: len(world.asked()) >= 1, "the registry is asked")
    for done in range(1, 4):
        world.write_healthy(poison=1)
        world.until(lambda: world.letters(HEALTHY) == done, "the other partition publishes its poison")  # noqa: B023
        world.until(lambda: world.counted(HEALTHY) == done, "the other partition goes on counting")  # noqa: B023
    if mood != "silent":
        world.until(lambda: world.state(UNKNOWN) is StateName.PAUSED, "it tells that it waits")
        world.until(lambda: len(world.asked()) >= 3, "the registry is asked again and again")
    assert (world.poison(UNKNOWN), world.counted(UNKNOWN)) == (0, 0)
    world.set_mood("honest")
    world.until(lambda: world.counted(UNKNOWN) == 1, "the record behind the unknown id is counted")
    assert world.poison(UNKNOWN) == 1


def a_registry_that_fails_is_no_verdict_and_holds_up_nobody_else(world: LookupWorld) -> None:
    """Errors of the registry poison nothing, and other partitions count and publish as ever."""
    _no_verdict_while(world, "failing")


def a_registry_that_hangs_is_no_verdict_and_holds_up_nobody_else(world: LookupWorld) -> None:
    """A registry that does not answer poisons nothing, and other partitions count and publish as ever."""
    _no_verdict_while(world, "silent")


def a_gateway_without_that_path_is_no_verdict(world: LookupWorld) -> None:
    """A 404 that is not a registry's word on a schema poisons nothing."""
    _no_verdict_while(world, "elsewhere")


LOOKUP_SCENARIOS: Sequence[Callable[[LookupWorld], None]] = (
    one_unknown_id_is_settled_by_two_questions,
    many_unknown_ids_of_one_partition_are_all_settled,
    a_registry_that_fails_is_no_verdict_and_holds_up_nobody_else,
    a_registry_that_hangs_is_no_verdict_and_holds_up_nobody_else,
    a_gateway_without_that_path_is_no_verdict,
)
