"""Partitions that change hands while the broker hangs, again and again."""

import time
from random import Random

import pytest

from tests_support.chaos.cluster import Cluster
from tests_support.chaos.counting import wait_counted, write
from tests_support.consumer.process import ConsumerProcess
from tests_support.running.faults import chosen_seed
from tests_support.running.recovery import recovered
from tests_support.waiting import eventually, pause

ROUNDS = 6
PARTITIONS = 12
WAIT_S = 60.0
"""For everything after a hold: the session of 6 s, a rebalance, and what was written meanwhile."""
GIVING_UP = "giving up partitions"


def owned(consumer: ConsumerProcess) -> int:
    """Return how many partitions a replica counts."""
    return sum(part["state"] == "RUNNING" for part in consumer.get("/v1/partitions"))


@pytest.mark.timeout(600)
def test_revokes_with_the_broker_held_end_soon_after_it_again_and_again(cluster: Cluster) -> None:
    """With the broker held while a revoke's commit is on its way, all is counted once after each hold (I2, I5, I12)."""
    rng = Random(chosen_seed())
    # The delay of each commit is the moment in which the broker can be stopped before the commit leaves.
    first = cluster.consumer("0", fault_points="consumer.before_commit=delay:300").wait_ready(90)
    for number in range(ROUNDS):
        told = first.text().count(GIVING_UP)
        places = list(write(cluster, 120))
        second = cluster.consumer(f"late-{number}")

        def revoked(before: int = told) -> bool:
            return first.text().count(GIVING_UP) > before

        eventually(revoked, WAIT_S, "partitions are taken away", interval_s=0.01)
        with cluster.brokers[0].held():
            pause(rng.choice((0.5, 2.0, 4.0, 8.0)))
        began_s = time.monotonic()
        places += write(cluster, 120)
        wait_counted(first, places, WAIT_S)
        wait_counted(second, places, WAIT_S)
        eventually(lambda: owned(first), WAIT_S, "the first one counts")
        recovered("both show all counted", time.monotonic() - began_s)
        assert first.lives
        second.kill()
        eventually(lambda: owned(first) == PARTITIONS, WAIT_S, "the first one has all again")
    cluster.examine()
