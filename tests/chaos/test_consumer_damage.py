"""Files of a ledger that are damaged while the consumer is stopped.

Invariants: I7 what was fsynced and is sound stays; I8 damage is cut off or put aside and built again from the topic,
never silently shorter; I6 the chain at the end is the one from before. (The index of ids is in memory only: there is no
file of it that could belong to another ledger.)
"""

import json
import shutil
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tally.base.framing import frame
from tally.generated.avro.sum_added import SumAdded
from tests_support.chaos.cluster import Cluster
from tests_support.chaos.counting import POISONED, WAIT_S, chains, wait_counted, write
from tests_support.consumer.process import ConsumerProcess
from tests_support.consumer.rig import Raw, Rig
from tests_support.running.recovery import recovered
from tests_support.waiting import eventually

PARTITION = POISONED


def torn(folder: Path) -> None:
    """A power cut in the middle of the last block."""
    newest = segments(folder)[-1]
    newest.write_bytes(newest.read_bytes()[:-20])


def zeroed_tail(folder: Path) -> None:
    """The file's length reached the disk and its last data did not."""
    newest = segments(folder)[-1]
    content = newest.read_bytes()
    newest.write_bytes(content[:-40] + bytes(40))


def flipped_bit(folder: Path) -> None:
    """Rot in the middle of a file."""
    newest = segments(folder)[-1]
    content = bytearray(newest.read_bytes())
    content[len(content) * 2 // 3] ^= 0x04
    newest.write_bytes(content)


def lost_directory(folder: Path) -> None:
    """All of it."""
    shutil.rmtree(folder)


def missing_first_segment(folder: Path) -> None:
    """The series begins too late."""
    segments(folder)[0].unlink()


def missing_middle_segment(folder: Path) -> None:
    """The series has a hole."""
    assert len(segments(folder)) >= 3
    segments(folder)[1].unlink()


def emptied_segment(folder: Path) -> None:
    """A file of no bytes under the newest name."""
    segments(folder)[-1].write_bytes(b"")


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.avro"))


@pytest.mark.parametrize(
    "damage",
    [
        torn,
        zeroed_tail,
        flipped_bit,
        lost_directory,
        missing_first_segment,
        missing_middle_segment,
        emptied_segment,
    ],
)
def test_a_damaged_ledger_is_rebuilt_with_an_equal_chain(cluster: Cluster, damage: Callable[[Path], None]) -> None:
    """Whatever happened to its files, a ledger is at the same offset with the same chain after a start (I6, I7, I8)."""
    consumer = cluster.consumer("0")
    wait_counted(consumer, write(cluster))
    for _ in range(2):
        wait_counted(consumer, of_another_schema(cluster))
    eventually(lambda: settled(consumer), WAIT_S, "all is committed", retry_on=(OSError,))
    consumer.kill()
    before = chains(cluster, "0")
    damage(consumer.ledger_dir(PARTITION))
    began_s = time.monotonic()
    consumer.restart().wait_ready()
    recovered("the ledger is whole", time.monotonic() - began_s)
    assert chains(cluster, "0") == before
    wait_counted(consumer, write(cluster))
    cluster.examine()


def settled(consumer: ConsumerProcess) -> bool:
    return not any(part["lag"] or part["state"] != "RUNNING" for part in consumer.get("/v1/partitions"))


def of_another_schema(cluster: Cluster) -> list[tuple[int, int]]:
    """Write an addition under a writer schema that was not seen before: a new segment begins."""
    rig = Rig(cluster.registry)
    name = f"note_{uuid.uuid4().hex}"
    schema = json.loads(SumAdded.SCHEMA)
    schema["fields"].append({"name": name, "type": "string", "default": ""})
    url = f"{cluster.registry.registry_url}/subjects/foreign-{name}/versions"
    schema_id = httpx.post(url, json={"schema": json.dumps(schema)}, timeout=20).raise_for_status().json()["id"]
    good = rig.additions(1, PARTITION)[0]
    assert good.value is not None
    return rig.commit([Raw(PARTITION, good.key, frame(schema_id) + good.value[5:] + b"\x04hi")])


def test_a_ledger_under_another_partition_s_name_is_refused_and_the_others_go_on(cluster: Cluster) -> None:
    """A ledger in another partition's place is refused with a cure that works, and the others count on (I8)."""
    consumer = cluster.consumer("0")
    wait_counted(consumer, write(cluster))
    eventually(lambda: settled(consumer), WAIT_S, "all is committed", retry_on=(OSError,))
    consumer.kill()
    shutil.rmtree(consumer.ledger_dir(1))
    shutil.copytree(consumer.ledger_dir(2), consumer.ledger_dir(1))
    consumer.restart()
    shown = consumer.wait_state(1, "REFUSED")
    assert "is the ledger of partition 2, not 1" in shown["reason"]
    assert "put the directory of partition 1 there" in shown["cure"]
    wait_counted(consumer, write(cluster, 10, partition=3))
    consumer.kill()
    shutil.rmtree(consumer.ledger_dir(1))
    consumer.restart().wait_ready()
    cluster.examine()
