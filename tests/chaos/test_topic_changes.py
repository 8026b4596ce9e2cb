"""What happens to the topic and the registry behind Tally's back: refused, or gone on with, and never counted wrongly.

Invariants: I2 and I8 what may be counted otherwise is refused with its reason, the other partitions go on. The tests
share a topic, so each takes partitions of its own, and the last one changes their number.
"""

import json
import shutil
import urllib.request
from pathlib import Path

from confluent_kafka import TopicPartition
from confluent_kafka.admin import NewPartitions

from tally.generated.topics import SUMS
from tests_support.chaos.cluster import Cluster
from tests_support.consumer.process import ConsumerProcess
from tests_support.consumer.rig import Rig
from tests_support.waiting import eventually


def test_a_log_that_lost_its_end_and_grew_again_is_refused(cluster: Cluster) -> None:
    """A log that lost its end and grew again is refused, nothing new in it counts, and others count on (I8)."""
    rig = Rig(cluster.registry)
    consumer = cluster.consumer().wait_ready()
    partition, another = 3, 4
    rig.commit(rig.additions(3, partition))
    rig.commit(rig.additions(2, partition))
    eventually(lambda: _next_offset(consumer, partition) >= 6, 40, "all is in the ledger")
    consumer.kill()
    [broker] = cluster.brokers
    broker.kill()
    _cut_off_last_transaction(broker.folder, partition)
    broker.start()
    broker.wait_ready()
    fresh = Rig(cluster.registry)
    fresh.commit(fresh.additions(5, partition))
    [place] = fresh.commit(fresh.additions(1, another))
    counted = consumer.restart()
    shown = counted.wait_state(partition, "REFUSED")
    assert "holds another record there" in shown["reason"]
    assert shown["next_offset"] < 10, "nothing that took the place of lost records is counted"
    eventually(lambda: _next_offset(counted, another) > place[1], 40, "the other partitions go on", retry_on=(OSError,))


def _next_offset(consumer: ConsumerProcess, partition: int) -> int:
    return int(consumer.get(f"/v1/partitions/{partition}")["next_offset"] or 0)


def _cut_off_last_transaction(folder: Path, partition: int) -> None:
    """Shorten a partition's log on disk by its last two batches: records and the marker that commits them."""
    [log] = (folder / f"tally.sums.v1-{partition}").glob("*.log")
    raw = log.read_bytes()
    starts, at = [], 0
    while at < len(raw):
        starts.append(at)
        at += 12 + int.from_bytes(raw[at + 8 : at + 12], "big")  # base offset, then the length of what follows
    log.write_bytes(raw[: starts[-2]])


def test_records_deleted_from_the_head_stop_only_whom_they_are_missing_to(cluster: Cluster) -> None:
    """Records deleted from the head do not matter to a ledger that has them, and refuse one that lacks them (I8)."""
    rig, partition = Rig(cluster.registry), 5
    consumer = cluster.consumer()
    consumer.wait_state(partition, "RUNNING")  # the test before may have left it with a refused partition: not ready
    before = rig.commit(rig.additions(4, partition))
    eventually(lambda: _next_offset(consumer, partition) > before[-1][1], 40, "the first are in the ledger")
    admin = cluster.admin()
    [done] = admin.delete_records([TopicPartition(SUMS.name, partition, before[1][1])]).values()
    done.result(10)
    after = rig.commit(rig.additions(1, partition))
    eventually(lambda: _next_offset(consumer, partition) > after[-1][1], 40, "it counts on")
    consumer.kill()
    shutil.rmtree(consumer.ledger_dir(partition))
    shown = consumer.restart().wait_state(partition, "REFUSED")
    assert "records that it needs were deleted" in shown["reason"]
    assert not shown["next_offset"]


def test_a_registry_that_was_reset_and_gives_other_ids_is_noticed(cluster: Cluster) -> None:
    """A partition whose schema id means another schema after a reset is refused instead of read by it (I2, I8)."""
    rig, partition = Rig(cluster.registry), 6
    consumer = cluster.consumer()
    consumer.wait_state(partition, "RUNNING")  # the test before may have left it with a refused partition: not ready
    places = rig.commit(rig.additions(2, partition))
    eventually(lambda: _next_offset(consumer, partition) > places[-1][1], 40, "they are in the ledger")
    consumer.kill()
    registry = cluster.registry
    registry.stop("registry")
    shutil.rmtree(registry.data_dir / "registry")
    registry.start("registry")
    registry.wait_ready("registry")
    for number in range(rig.schema_id + 1):
        _register_stranger(registry.registry_url, number)
    registry.start("contracts")
    consumer.restart()
    rig.commit(rig.additions(1, partition))  # by a writer that still uses the old id
    shown = consumer.wait_state(partition, "REFUSED")
    assert "schema" in shown["reason"]
    assert shown["next_offset"] == places[-1][1] + 1, "nothing more is counted there"


def test_partitions_that_are_added_end_the_producer(cluster: Cluster) -> None:
    """Partitions that are added end the producer with that reason, as ids would get other places (I2)."""
    producer = cluster.producer(producer_lanes=1).wait_ready()
    admin = cluster.admin()
    [done] = admin.create_partitions([NewPartitions(SUMS.name, SUMS.partitions + 1)]).values()
    done.result(10)
    assert producer.wait_end(60) == 1
    assert f"{SUMS.partitions + 1} partitions" in producer.text()


def _register_stranger(registry_url: str, number: int) -> None:
    schema = {"type": "record", "name": f"Stranger{number}", "fields": [{"name": "n", "type": "int"}]}
    request = urllib.request.Request(
        f"{registry_url}/subjects/stranger-{number}/versions",
        data=json.dumps({"schema": json.dumps(schema)}).encode(),
        headers={"Content-Type": "application/vnd.schemaregistry.v1+json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200
