"""What the tests of the consumer's faults do: write records, wait until they are counted, look at the disk."""

import time
from collections.abc import Sequence
from typing import Final

from oracle.kafka_reading import read_committed_offsets, read_topic
from oracle.ledger_reading import read_ledgers
from tests_support.chaos.cluster import Cluster
from tests_support.consumer.process import ConsumerProcess
from tests_support.consumer.rig import Raw, Rig
from tests_support.running.recovery import recovered
from tests_support.waiting import eventually

TOPIC: Final = "tally.sums.v1"
GROUP: Final = "tally-ledger"
POISONED: Final = 7
"""The partition that gets the poison."""
SIGKILLED: Final = -9
WAIT_S: Final = 60.0

Places = Sequence[tuple[int, int]]
"""(partition, offset) of records."""


def write(cluster: Cluster, number: int = 60, partition: int | None = None) -> Places:
    """Write additions over all partitions and one poison, or additions to one partition; return where they are."""
    rig = Rig(cluster.registry)
    poison = [Raw(POISONED, b"k", b"garbage")] if partition is None else []
    return rig.commit([*rig.additions(number, partition), *poison])


def wait_counted(consumer: ConsumerProcess, places: Places, timeout_s: float = WAIT_S) -> float:
    """Return after how many seconds all of these were in ledgers, by the consumer's REST."""
    began_s = time.monotonic()
    last: dict[int, int] = {}
    for partition, offset in places:
        last[partition] = max(offset, last.get(partition, -1))

    def behind() -> list[int]:
        shown = {part["partition"]: part["next_offset"] or 0 for part in consumer.get("/v1/total")["partitions"]}
        return [partition for partition, offset in last.items() if shown[partition] <= offset]

    eventually(
        lambda: not behind(), timeout_s, f"{len(places)} records are counted", retry_on=(OSError,), interval_s=0.01
    )
    return time.monotonic() - began_s


def next_offsets(cluster: Cluster) -> dict[int, int]:
    """Return how far the whole blocks on the disk reach, as the oracle reads them, of the longest ledgers."""
    reached: dict[int, int] = {}
    for ledger in read_ledgers([cluster.data_dir], TOPIC):
        reached[ledger.partition] = max(ledger.next_offset, reached.get(ledger.partition, 0))
    return reached


def chains(cluster: Cluster, replica: str) -> dict[int, tuple[int, bytes]]:
    """Return (next offset, chain) at the end of each ledger of a replica."""
    ledgers = [ledger for ledger in read_ledgers([cluster.data_dir], TOPIC) if ledger.replica == replica]
    return {each.partition: (each.next_offset, each.marks[-1].chain) for each in ledgers if each.marks}


def assert_committed_is_on_disk(cluster: Cluster, taken_away: int | None = None) -> None:
    """Assert I4 at this moment: every record below a committed offset is in a whole block on the disk.

    ``taken_away``: a partition whose ledger the test itself has deleted, and which is being rebuilt.
    """
    committed = read_committed_offsets(cluster.direct, TOPIC, GROUP)
    reached = next_offsets(cluster)
    for partition, records in read_topic(cluster.direct, TOPIC).items():
        if partition == taken_away:
            continue
        below = committed[partition].offset if partition in committed else 0
        lacking = [record.offset for record in records if reached.get(partition, 0) <= record.offset < below]
        assert not lacking, f"partition {partition}: {below} is committed, the ledger lacks {lacking[:3]}"


def count_again(cluster: Cluster, consumer: ConsumerProcess, places: Places) -> None:
    """Start a dead consumer without faults: it keeps what was on the disk, counts all, and the oracle agrees."""
    on_disk = next_offsets(cluster)
    consumer.restart(fault_points=None)
    recovered("the consumer counts on (aim 1.5 s)", wait_counted(consumer, places))
    kept = next_offsets(cluster)
    assert all(kept[partition] >= reached for partition, reached in on_disk.items()), (on_disk, kept)
    cluster.examine()
