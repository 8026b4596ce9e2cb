"""What brokers do to the services: held for a while, killed, or back without the end of what they had acknowledged.

Invariants: I1, I2 every acknowledged id is counted once; I4, I5 offsets and ledgers stay in step; I12 calls settle.
"""

import time
from collections.abc import Iterator

import pytest

from oracle.history import History
from tests.chaos.conftest import Counting
from tests_support.chaos.cluster import Cluster, temporary_cluster, wait_acknowledged
from tests_support.running.faults import chosen_seed
from tests_support.running.recovery import recovered
from tests_support.waiting import pause

SHORT = {"producer_lanes": 1, "producer_socket_timeout_ms": 500, "producer_transaction_timeout_ms": 4_000}
BELOW_S, ABOVE_S = 0.3, 6.0
"""Below the time-out of a request; above that of a transaction, after which the broker would abort it by itself."""


@pytest.mark.chaos
def test_a_broker_that_is_held_for_less_and_for_more_than_the_timeouts(counting: Counting) -> None:
    """A broker held under load for less and for more than the time-outs loses and doubles nothing (I1, I2, I12)."""
    cluster = counting.cluster
    cluster.producer(**SHORT).wait_ready()
    with cluster.traffic(counting.history, chosen_seed()):
        for held_s in (BELOW_S, ABOVE_S):
            wait_acknowledged(counting.history, 20)
            with cluster.brokers[0].held():
                pause(held_s)
            recovered(f"held for {held_s} s: acknowledged", wait_acknowledged(counting.history, 1))
    counting.examine()


def test_a_killed_broker_that_comes_back(counting: Counting) -> None:
    """A broker killed under load and started again loses and doubles nothing (I1, I2, I4, I5)."""
    cluster, [broker] = counting.cluster, counting.cluster.brokers
    cluster.producer(producer_lanes=1).wait_ready()
    with cluster.traffic(counting.history, chosen_seed()):
        wait_acknowledged(counting.history, 20)
        broker.kill()
        began_s = time.monotonic()
        broker.start()
        broker.wait_ready()
        recovered("the broker is ready", time.monotonic() - began_s)
        wait_acknowledged(counting.history, 1)
        recovered("acknowledged, after its start (aim 5 s)", time.monotonic() - began_s)
    counting.examine()


@pytest.fixture(scope="module")
def three_brokers() -> Iterator[Cluster]:
    """Three brokers with three replicas of everything, two of which must be in sync."""
    with temporary_cluster(brokers=3) as made:
        yield made


@pytest.mark.chaos
@pytest.mark.broker
@pytest.mark.timeout(600)
def test_three_brokers_outlive_the_death_of_each_under_load(three_brokers: Cluster) -> None:
    """Of three brokers each may be killed under load and come back, and nothing is lost or doubled (I1, I2, I5)."""
    cluster, history = three_brokers, History()
    producers = [cluster.producer(producer_lanes=2) for _ in range(2)]
    cluster.consumer().wait_ready()
    for producer in producers:
        producer.wait_ready()
    with cluster.traffic(history, chosen_seed()):
        for broker in cluster.brokers:
            wait_acknowledged(history, 50)
            broker.kill()
            recovered("acknowledged by those left", wait_acknowledged(history, 1))
            wait_acknowledged(history, 50)
            broker.start()
            broker.wait_ready()
    cluster.examine(history)
