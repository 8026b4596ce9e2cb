"""SIGKILL of the consumer at every moment of a block, of a new segment, and of a commit.

Invariants: I2 nothing is counted twice; I4 at the moment of death nothing is committed that is not in the ledger;
I7 no fsynced block is lost; I8 what is half made is no damage; I10 each poison has one dead letter.
"""

import shutil

import pytest

from tests_support.chaos.cluster import Cluster
from tests_support.chaos.counting import (
    POISONED,
    SIGKILLED,
    WAIT_S,
    assert_committed_is_on_disk,
    chains,
    count_again,
    wait_counted,
    write,
)


@pytest.mark.parametrize(
    "point",
    [
        "after_fetch",
        "before_append",
        "before_fsync",
        "after_fsync",
        "before_commit",
        "after_commit",
        "letters_before_commit",
        "letters_after_commit",
    ],
)
def test_killed_on_the_way_of_a_block(cluster: Cluster, point: str) -> None:
    """A consumer killed anywhere between fetch and commit counts each record once after its start (I2, I4, I7, I10)."""
    places = write(cluster)
    consumer = cluster.consumer("0", fault_points=f"consumer.{point}=kill@1")
    assert consumer.wait_end(WAIT_S) == SIGKILLED
    assert_committed_is_on_disk(cluster)
    count_again(cluster, consumer, places)


@pytest.mark.parametrize(
    "point",
    [
        "segment_before_write",
        "segment_before_fsync",
        "segment_before_rename",
        "segment_before_dir_fsync",
        "segment_after_dir_fsync",
    ],
)
def test_killed_while_a_segment_begins(cluster: Cluster, point: str) -> None:
    """A first segment that a kill left half-made is no damage, and the ledger is rebuilt as before (I2, I7, I8)."""
    places = write(cluster)
    consumer = cluster.consumer("0")
    wait_counted(consumer, places)
    consumer.kill()
    before = chains(cluster, "0")[POISONED]
    shutil.rmtree(consumer.ledger_dir(POISONED))
    consumer.restart(fault_points=f"consumer.{point}=kill@1")
    assert consumer.wait_end(WAIT_S) == SIGKILLED
    count_again(cluster, consumer, places)
    assert chains(cluster, "0")[POISONED] == before


@pytest.mark.chaos
@pytest.mark.parametrize("point", ["before_append", "before_fsync", "after_fsync", "before_commit", "after_commit"])
def test_killed_again_and_again_at_the_same_point(cluster: Cluster, point: str) -> None:
    """A consumer killed at its first, second and third pass of a point never goes back (I2, I4, I7)."""
    consumer = cluster.consumer("0").wait_ready()
    places: list[tuple[int, int]] = []
    for number in range(1, 4):
        consumer.kill()
        consumer.restart(fault_points=f"consumer.{point}=kill@{number}")
        for _ in range(50):  # each commit is a block or more; the point is passed at least once a block
            places += write(cluster, 20)
            if not consumer.lives:
                break
        assert consumer.wait_end(WAIT_S) == SIGKILLED
        assert_committed_is_on_disk(cluster)
    count_again(cluster, consumer, places)
