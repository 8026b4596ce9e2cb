"""The real core in a world in memory where everything may fail, step by step, in any order.

After each step I1 to I9 and I11 are checked as far as they can be before quiescence; at the end all faults stop, every
process goes on until nothing moves any more, and then they are checked as a whole. TALLY_TEST_EXAMPLES and
TALLY_TEST_STEPS make it longer, TALLY_TEST_SEED repeats a run.
"""

import os
import random
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from loguru import logger

from tests_support.model import consumer, producer
from tests_support.model.truth import USED
from tests_support.model.world import REPLICAS, World
from tests_support.running.faults import chosen_seed

EXAMPLES = int(os.environ.get("TALLY_TEST_EXAMPLES") or 30)
STEPS = int(os.environ.get("TALLY_TEST_STEPS") or 60)

producers = st.integers(0, 1)
replicas = st.sampled_from(REPLICAS)
partitions = st.sampled_from(USED)
numbers = st.integers(0, 5)
"""Few ids, so that they come again."""
operands = st.sampled_from([(2, 40), (7, -7)])


class Machine(RuleBasedStateMachine):
    """Rules are what callers, processes, the network and the disks may do."""

    @initialize(seed=st.integers(0, 2**32 - 1))
    def begin(self, seed: int) -> None:
        self.world = World(random.Random(seed))

    # -- callers -----------------------------------------------------------------------------------------------------

    @rule(
        at=producers,
        wanted=st.lists(st.tuples(partitions, numbers, operands), min_size=1, max_size=4),
        timeout_s=st.sampled_from([0.5, 5.0, 30.0]),
        as_columns=st.booleans(),
    )
    def call(self, at: int, wanted: list[tuple[int, int, tuple[int, int]]], timeout_s: float, as_columns: bool) -> None:
        self.world.call(at, wanted, timeout_s, as_columns=as_columns)

    @rule(seconds=st.sampled_from([0.3, 3.0, 20.0, 400.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.pass_time(seconds)

    # -- producers ---------------------------------------------------------------------------------------------------

    @rule(at=producers, steps=st.integers(1, 8))
    def producer_goes_on(self, at: int, steps: int) -> None:
        self.world.step_producer(at, steps)

    @rule(at=producers, faults=st.lists(st.sampled_from(producer.FAULTS), min_size=1, max_size=4))
    def producer_meets_faults(self, at: int, faults: list[str]) -> None:
        self.world.fault_producer(at, faults)

    @rule(at=producers)
    def producer_dies(self, at: int) -> None:
        self.world.kill_producer(at)

    @rule(at=producers)
    def producer_is_started_twice(self, at: int) -> None:
        self.world.start_twice(at)

    @rule(at=producers)
    def producer_forgets(self, at: int) -> None:
        self.world.producers[at].known.clear()

    @rule(which=st.integers(0, 9))
    def held_request_arrives(self, which: int) -> None:
        self.world.release(which)

    @rule()
    def broker_times_a_transaction_out(self) -> None:
        self.world.time_transaction_out()

    @rule(partition=partitions, number=numbers, how=st.sampled_from(["junk", "wrong sum", "wrong key", "honest"]))
    def foreign_writer(self, partition: int, number: int, how: str) -> None:
        self.world.write_foreign(partition, number, how)

    # -- consumers ---------------------------------------------------------------------------------------------------

    @rule(name=replicas, rounds=st.integers(1, 6))
    def consumer_goes_on(self, name: str, rounds: int) -> None:
        self.world.rounds(name, rounds)

    @rule(name=replicas, faults=st.lists(st.sampled_from(consumer.FAULTS), min_size=1, max_size=3))
    def consumer_meets_faults(self, name: str, faults: list[str]) -> None:
        self.world.replicas[name].faults.queue.extend(faults)

    @rule(name=replicas)
    def consumer_is_killed(self, name: str) -> None:
        self.world.replicas[name].start()

    @rule(name=replicas)
    def power_goes(self, name: str) -> None:
        self.world.replicas[name].power_cut(self.world.rng)

    @rule(name=replicas, partition=partitions, operations=st.integers(0, 9))
    def power_will_go_during_an_operation(self, name: str, partition: int, operations: int) -> None:
        self.world.cut_power_at(name, partition, operations)

    @rule(name=replicas, partition=partitions, error=st.sampled_from([consumer.NO_ROOM, consumer.BROKEN]))
    def disk_fails(self, name: str, partition: int, error: OSError) -> None:
        self.world.fail_disk(name, partition, error)

    @rule(name=replicas, partition=partitions, how=st.sampled_from(["flip", "flip", "cut", "missing", "lost"]))
    def files_are_damaged(self, name: str, partition: int, how: str) -> None:
        self.world.replicas[name].damage(partition, self.world.rng, how)

    @rule(partition=partitions, name=replicas)
    def partition_moves(self, partition: int, name: str) -> None:
        self.world.broker.group.target[partition] = name

    @rule(name=replicas)
    def session_ends(self, name: str) -> None:
        self.world.broker.group.expel(name)

    # -- what holds --------------------------------------------------------------------------------------------------

    @invariant()
    def promises_hold(self) -> None:
        if hasattr(self, "world"):
            self.world.check()

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.quiesce()
            self.world.check_as_a_whole()


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Thousands of processes come and go; what they log helps nobody."""
    logger.disable("consumer")
    yield
    logger.enable("consumer")


def test_the_promises_hold_whatever_fails_in_whatever_order() -> None:
    """I1 to I9 and I11 hold in every history that Hypothesis makes up, whatever fails in it; a seed repeats it."""
    run_state_machine_as_test(
        seeded(chosen_seed())(Machine),
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
