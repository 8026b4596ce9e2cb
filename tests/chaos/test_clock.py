"""A wall clock that jumps an hour back and forth, and one that is an hour off from the start: nothing changes by it."""

from pathlib import Path

import pytest

from oracle.history import History, Outcome
from tests.chaos.conftest import add_once
from tests_support.chaos.clock import Clock, no_clock
from tests_support.chaos.cluster import Cluster, wait_acknowledged
from tests_support.running.faults import chosen_seed
from tests_support.running.recovery import recovered

pytestmark = pytest.mark.broker

HOUR_S = 3600


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    if no_clock():
        pytest.skip(no_clock())
    return Clock(tmp_path)


def test_a_clock_that_jumps_an_hour_back_and_forth_changes_nothing(cluster: Cluster, clock: Clock) -> None:
    """Sums are acknowledged and counted as ever while the clock jumps an hour, under load or idle (I1, I2, I5, I12)."""
    cluster.prefix = clock.prefix
    try:
        producer, consumer = cluster.producer(producer_lanes=2).wait_ready(), cluster.consumer("0").wait_ready()
    finally:
        cluster.prefix = []
    history, seed = History(), chosen_seed()
    for number, offset_s in enumerate((HOUR_S, -HOUR_S, 0)):
        with cluster.traffic(history, seed + 10 * number):
            wait_acknowledged(history, 20)
            clock.set(offset_s)
            recovered(f"{offset_s:+} s: 50 more acknowledged", wait_acknowledged(history, 50))
    for offset_s in (-HOUR_S, HOUR_S, 0):
        counted = consumer.get("/v1/total")["count"]
        clock.set(offset_s)
        assert add_once(producer, history) is Outcome.OK
        consumer.wait_count(counted + 1).wait_ready()
    cluster.examine(history)


@pytest.mark.parametrize("offset_s", [-HOUR_S, HOUR_S])
def test_services_whose_clock_is_an_hour_off_from_the_start_change_nothing(
    cluster: Cluster, clock: Clock, offset_s: int
) -> None:
    """Sums are counted as ever when the services' clocks are an hour off Kafka's from the start (I1, I2)."""
    clock.set(offset_s)
    cluster.prefix = clock.prefix
    try:
        producer, consumer = cluster.producer(producer_lanes=1).wait_ready(), cluster.consumer("0").wait_ready()
    finally:
        cluster.prefix = []
    history = History()
    counted = consumer.get("/v1/total")["count"]
    assert add_once(producer, history) is Outcome.OK
    consumer.wait_count(counted + 1)
    cluster.examine(history)
