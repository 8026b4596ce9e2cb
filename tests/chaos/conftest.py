"""Clusters for the tests of faults: each module shares one, and each test starts producers of its own."""

import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random, SystemRandom

import pytest

from oracle.history import History, Outcome
from tests_support.chaos.cluster import Cluster, temporary_cluster
from tests_support.consumer.process import ConsumerProcess
from tests_support.producer.callers import Caller, new_pair
from tests_support.producer.process import ProducerProcess

SOAK_SEED = "TALLY_SOAK_SEED"

_IN_EVERY_RUN = {"test_consumer_killed", "test_producer_killed"}
"""Modules that `just test` runs too. All of this folder takes more than a quarter of an hour on two cores."""

_CLUSTERS = {"cluster", "counting", "module_cluster", "module_counting"}


def pytest_configure() -> None:
    """Draw the soak's seed for the whole run; a process that shares its tests inherits it."""
    os.environ.setdefault(SOAK_SEED, str(SystemRandom().randrange(10**6)))


def pytest_report_header() -> str:
    """Print it, whatever becomes of the run."""
    seed = os.environ[SOAK_SEED]
    return f"seed of the soak: {seed} ({SOAK_SEED}={seed} or `just chaos 1.5 {seed}` draws the same)"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that start a real Kafka, and those that only `just test-chaos` runs."""
    for item in items:
        if item.path.parent == Path(__file__).parent and item.path.stem not in _IN_EVERY_RUN:
            item.add_marker(pytest.mark.chaos)
        if _CLUSTERS & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.broker)
    items.sort(key=lambda item: item.path.stem != "test_soak")  # the longest one first, where two run side by side


@dataclass(frozen=True)
class Counting:
    """A cluster whose consumer counts all the time, and the history of every call of the module."""

    cluster: Cluster
    consumer: ConsumerProcess
    history: History

    def examine(self) -> None:
        """Let the oracle compare everything with what every caller was told."""
        self.cluster.examine(self.history)


@pytest.fixture(scope="module")
def module_cluster() -> Iterator[Cluster]:
    """One broker behind a proxy, a registry and the contracts, for a module."""
    with temporary_cluster() as made:
        yield made


@pytest.fixture
def cluster(module_cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """The module's cluster without services; those that a test starts end with it."""
    assert not module_cluster.consumers, "the module's own consumer counts: its tests take `counting`, not `cluster`"
    failed = request.session.testsfailed
    yield module_cluster
    if request.session.testsfailed > failed:
        module_cluster.show_logs()
    module_cluster.end_services()


@pytest.fixture(scope="module")
def module_counting(module_cluster: Cluster) -> Counting:
    """The module's cluster with one consumer that runs through all its tests."""
    return Counting(module_cluster, module_cluster.consumer().wait_ready(), History())


@pytest.fixture
def counting(module_counting: Counting, request: pytest.FixtureRequest) -> Iterator[Counting]:
    """The module's cluster and consumer; the producers that a test starts end with it."""
    failed = request.session.testsfailed
    yield module_counting
    if request.session.testsfailed > failed:
        module_counting.cluster.show_logs()
    module_counting.cluster.end_producers()


def add_once(producer: ProducerProcess, history: History, deadline_s: float = 5.0) -> Outcome:
    """Make one addition of a caller of its own, and tell how it ended."""
    caller = Caller(producer.target, history, deadline_s)
    try:
        return caller.add(new_pair(Random(uuid.uuid4().int))).outcome
    finally:
        caller.close()
