"""Replicas that come, go, hang and die under load: who owns a partition, and what the others show.

Invariants: I5 nothing is skipped when a partition changes hands; I6 two ledgers of a partition are prefixes of one
another; I9 the committed offset never goes back; and the total is whole from any replica, or says that it is not.
"""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from confluent_kafka import ConsumerGroupState, ConsumerGroupTopicPartitions, KafkaException, TopicPartition

from oracle.history import History
from tests_support import rest
from tests_support.chaos.cluster import Cluster
from tests_support.chaos.counting import GROUP, POISONED, TOPIC, chains, wait_counted, write
from tests_support.consumer.process import ConsumerProcess
from tests_support.running.faults import Watch
from tests_support.running.recovery import recovered
from tests_support.waiting import eventually

MOVE_S = 90.0
PARTITIONS = 12
CLASSIC, KIP_848 = "classic", "consumer"


def shares(consumers: list[ConsumerProcess]) -> list[int]:
    """Return how many partitions each replica counts."""
    return [sum(part["state"] == "RUNNING" for part in one.get("/v1/partitions")) for one in consumers]


def wait_shared(consumers: list[ConsumerProcess]) -> None:
    """Return when these replicas count all partitions, each some."""
    eventually(
        lambda: sum(found := shares(consumers)) == PARTITIONS and min(found) > 0,
        MOVE_S,
        f"{len(consumers)} replicas share {PARTITIONS} partitions",
        retry_on=(OSError,),
        interval_s=0.2,
    )


def assert_whole_total(consumers: list[ConsumerProcess], count: int) -> None:
    """Every replica tells the same whole total, of its own ledgers and of the others' witnesses."""
    eventually(
        lambda: all(
            (body["count"], body["complete"]) == (count, True) for body in (one.get("/v1/total") for one in consumers)
        ),
        MOVE_S,
        f"each of {len(consumers)} replicas tells {count}",
        retry_on=(OSError,),
        interval_s=0.2,
    )


@contextmanager
def watched(cluster: Cluster) -> Iterator[History]:
    """Look at the committed offsets and at REST all the time (I7, I9)."""
    history = History()
    with Watch(cluster.system, history, replica=cluster.consumers[0].replica):
        yield history


def wait_no_member(cluster: Cluster) -> None:
    """Return when nobody is in the group: only then may one come who speaks the other protocol."""
    admin = cluster.admin()

    def nobody() -> bool:
        groups = admin.list_consumer_groups(request_timeout=5).result(10).valid
        return all(group.state == ConsumerGroupState.EMPTY for group in groups if group.group_id == GROUP)

    eventually(nobody, MOVE_S, "the group is empty", retry_on=(KafkaException,), interval_s=0.3)


@pytest.mark.parametrize("protocol", [CLASSIC, KIP_848])
def test_one_to_three_to_one_replica_under_load(cluster: Cluster, protocol: str) -> None:
    """Partitions that move under load, by either group protocol, lose and double nothing (I2, I5, I6, I9)."""
    wait_no_member(cluster)
    name = protocol[:2]
    settings = {"consumer_group_protocol": protocol}
    first = cluster.consumer(f"{name}0", **settings).wait_ready(90)
    before = first.get("/v1/total")["count"]
    places = list(write(cluster, 300))
    with watched(cluster) as history:
        others = [cluster.consumer(f"{name}{number}", **settings) for number in (1, 2)]
        for _ in range(6):
            places += write(cluster, 100)
        wait_shared([first, *others])
        places += write(cluster, 100)
        for one in others:
            one.process.send_signal(signal.SIGTERM)
            places += write(cluster, 100)
            assert one.wait_end(60) == 0
        places += write(cluster, 100)
        eventually(lambda: shares([first]) == [PARTITIONS], MOVE_S, "the first one has all", interval_s=0.2)
        wait_counted(first, places)
    assert first.get("/v1/total")["count"] == before + 300 + 600 + 100 + 200 + 100
    cluster.examine(history)
    first.process.send_signal(signal.SIGTERM)
    assert first.wait_end(60) == 0
    wait_no_member(cluster)


def test_a_replica_that_was_held_past_its_session_writes_nothing_that_is_not_true(cluster: Cluster) -> None:
    """A replica held past its session comes back to a group that moved on, and does no harm to it (I5, I6, I9)."""
    zombie = cluster.consumer("0").wait_ready(90)
    second = cluster.consumer("1")
    wait_shared([zombie, second])
    with watched(cluster) as history:
        places = list(write(cluster, 200))
        with zombie.held():
            places += write(cluster, 200)
            began_s = time.monotonic()
            eventually(lambda: shares([second]) == [PARTITIONS], MOVE_S, "the second one has all", interval_s=0.2)
            recovered("the other one counts all (session of 6 s)", time.monotonic() - began_s)
            wait_counted(second, places)
        places += write(cluster, 200)
        wait_shared([zombie, second])
        wait_counted(second, places)
        wait_counted(zombie, places)
    cluster.examine(history)
    kept, other = chains(cluster, "0"), chains(cluster, "1")
    equal = [partition for partition in kept if kept[partition] == other.get(partition)]
    print(f"{len(equal)} of {PARTITIONS} ledgers of both replicas end at the same offset, with equal chains")


def test_a_replica_without_a_directory_takes_over_with_equal_chains_and_the_total_stays_whole(cluster: Cluster) -> None:
    """A fresh replica rebuilds a dead one's ledgers from the topic with equal chains, poison included (I6)."""
    first = cluster.consumer("0").wait_ready(90)
    wait_counted(first, write(cluster, 100))
    eventually(lambda: first.get(f"/v1/partitions/{POISONED}")["lag"] == 0, MOVE_S, "all is committed")
    count = first.get("/v1/total")["count"]
    first.kill()
    before = chains(cluster, "0")
    began_s = time.monotonic()
    fresh = cluster.consumer("fresh")
    eventually(lambda: shares([fresh]) == [PARTITIONS], MOVE_S, "it took all over", retry_on=(OSError,), interval_s=0.2)
    recovered("taken over (session of 6 s)", time.monotonic() - began_s)
    assert_whole_total([fresh], count)
    assert chains(cluster, "fresh") == before
    cluster.examine()


def test_the_total_is_incomplete_while_a_witness_is_missing_and_whole_again_with_the_next_commit(
    cluster: Cluster,
) -> None:
    """The total is incomplete while another replica's witness is missing, and complete from its next commit on."""
    first = cluster.consumer("0").wait_ready(90)
    wait_counted(first, [*write(cluster, 60), *write(cluster, 1, partition=2)])
    eventually(lambda: not uncommitted(first), MOVE_S, "all is committed", interval_s=0.2)
    count, offset = first.get("/v1/total")["count"], first.get("/v1/partitions/2")["committed"]
    first.kill()
    forget_witness(cluster, 2, offset)
    both = [first.restart(), cluster.consumer("1")]
    wait_shared(both)
    owner, other = sorted(both, key=lambda one: one.get("/v1/partitions/2")["state"] != "RUNNING")

    def incomplete() -> dict[str, Any] | None:
        body: dict[str, Any] = other.get("/v1/total")
        return None if body["complete"] else body

    told = eventually(incomplete, MOVE_S, "the total is incomplete")
    assert told["count"] < count
    assert next(part for part in told["partitions"] if part["partition"] == 2)["total"] is None
    wait_counted(owner, write(cluster, 1, partition=2))
    assert_whole_total(both, count + 1)


def forget_witness(cluster: Cluster, partition: int, offset: int) -> None:
    """Set a partition's committed offset to what it is, without its metadata, as another tool might."""
    place = ConsumerGroupTopicPartitions(GROUP, [TopicPartition(TOPIC, partition, offset)])

    admin = cluster.admin()

    def altered() -> bool:
        done = admin.alter_consumer_group_offsets([place], request_timeout=5)[GROUP].result(10)
        return all(each.error is None for each in done.topic_partitions)

    # Kafka refuses until the dead member's session is over.
    eventually(altered, MOVE_S, "the group is empty", retry_on=(KafkaException,), interval_s=0.5)


def uncommitted(consumer: ConsumerProcess) -> list[int]:
    """Return the partitions of which something is not counted, or not committed."""
    shown = [part for part in consumer.get("/v1/partitions") if part["next_offset"]]
    return [part["partition"] for part in shown if part["lag"] or part["committed"] != part["next_offset"]]


def test_a_second_consumer_on_one_directory_ends_with_the_reason_and_the_first_goes_on(cluster: Cluster) -> None:
    """A second consumer on a directory ends and names directory, process and setting, and the first counts on (I6)."""
    first = cluster.consumer("0").wait_ready(90)
    second = cluster.consumer("0")
    assert second.wait_end(30) == 1
    text = second.text()
    assert str(first.directory) in text
    assert f"process {first.process.pid}" in text
    assert "TALLY_CONSUMER_REPLICA" in text
    wait_counted(first, write(cluster, 20))
    assert rest.get(f"{first.url}/health/ready").status == 200
