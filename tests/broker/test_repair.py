"""A REFUSED partition tells a command, and that command repairs it, on a real Kafka."""

import json
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

from tally.base.framing import frame
from tally.generated.avro.sum_added import SumAdded
from tally.generated.topics import SUMS
from tally.ledger.verify import verify_directory
from tests_support.client.tally_command import tally as run_tally
from tests_support.consumer.rig import Raw, Rig
from tests_support.running.stacks import KAFKA_ONLY, stack_factory, temporary_folder
from tests_support.waiting import eventually

pytestmark = [pytest.mark.broker, pytest.mark.slow]
FIGURES = ("count", "total", "poison", "next_offset")


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with temporary_folder() as folder, stack_factory(folder) as new:
        rig = Rig(new(parts=(*KAFKA_ONLY, "consumer")))
        junk = [Raw(partition, b"x", b"junk") for partition in range(SUMS.partitions)]
        rig.wait_for(rig.commit([*junk, *rig.additions(600)]))
        yield rig


def tally(rig: Rig, *arguments: object, code: int = 0) -> str:
    return run_tally(rig.stack, *arguments, code=code)


def settled(rig: Rig, *partitions: int) -> dict[int, dict[str, Any]]:
    """Return the figures of partitions, once all is counted and committed, and stop the consumer."""
    rig.wait_committed()
    figures = {number: {name: rig.partition(number)[name] for name in FIGURES} for number in partitions}
    rig.stack.stop("consumer")
    return figures


def refused(rig: Rig, partition: int, reason: str, command: str) -> None:
    """Start the consumer, and stop it when the partition is refused and its cure names the command."""
    rig.stack.start("consumer")
    shown = rig.wait_for_state(partition, "REFUSED")
    assert reason in shown["reason"]
    assert f"`tally {command}`" in re.sub(r" --peer URL-OR-DIRECTORY", "", shown["cure"])
    rig.stack.stop("consumer")


def right_again(rig: Rig, before: dict[int, dict[str, Any]], chains: dict[int, str]) -> None:
    """Start the consumer and hold figures and chains against those from before."""
    rig.restart()
    for partition, figures in before.items():
        shown = rig.wait_for_state(partition, "RUNNING")
        assert {name: shown[name] for name in FIGURES} == figures
    assert {partition: rig.chains()[partition] for partition in before} == {p: chains[p] for p in before}


def test_exchanged_ledgers_are_refused_and_rebuilt_from_the_topic_with_equal_chains(rig: Rig) -> None:
    """Two exchanged ledgers are refused, and the suggested command rebuilds both with their old chains."""
    before = settled(rig, 3, 4)
    chains = rig.chains()
    third, fourth = rig.ledger_dir(3), rig.ledger_dir(4)
    third.rename(third.with_name("away"))
    fourth.rename(third)
    third.with_name("away").rename(fourth)
    assert "named as partition 3" in tally(rig, "verify", rig.stack.data_dir, code=1)
    for partition in before:
        refused(rig, partition, "is the ledger of partition", f"repair --partition {partition} --from topic")
    rig.stack.start("consumer")
    rig.wait_for_state(3, "REFUSED")
    assert "while its consumer is stopped" in tally(rig, "repair", "--partition", 3, "--from", "topic", code=1)
    rig.stack.stop("consumer")
    for partition in before:
        said = tally(rig, *shlex.split(f"repair --partition {partition} --from topic"))
        assert f"tally.sums.v1-{partition}.quarantined-1" in said
    right_again(rig, before, chains)
    assert sorted(path.name for path in third.parent.glob("*.quarantined-*")) == [
        "tally.sums.v1-3.quarantined-1",
        "tally.sums.v1-4.quarantined-1",
    ]
    rig.judge()


def test_a_commit_that_belongs_to_nothing_is_forgotten_and_no_poison_published_twice(rig: Rig) -> None:
    """A commit beyond the log is refused; forgotten as suggested, the partition counts on."""
    before = settled(rig, 5)
    chains = rig.chains()
    admin = AdminClient({"bootstrap.servers": rig.stack.bootstrap_servers})

    def commit_beyond() -> bool:
        foreign = ConsumerGroupTopicPartitions("tally-ledger", [TopicPartition(SUMS.name, 5, 999_999)])
        (done,) = admin.alter_consumer_group_offsets([foreign]).values()
        return all(place.error is None for place in done.result(10).topic_partitions)

    eventually(commit_beyond, 40, "the group is empty and takes a foreign commit", retry_on=(Exception,))
    refused(rig, 5, "the log ends at", "repair --forget-commits")
    tally(rig, "repair", "--forget-commits")
    rig.restart()
    rig.wait_for(rig.commit(rig.additions(2, 5)))
    shown = rig.wait_for_state(5, "RUNNING")
    assert (shown["count"], shown["poison"]) == (before[5]["count"] + 2, before[5]["poison"])
    assert rig.chains()[5] != chains[5]
    rig.judge()


def test_a_running_replicas_sealed_files_are_copied_over_http(rig: Rig) -> None:
    """A second writer's schema begins a second file, so the first one never changes again."""
    schema = json.loads(SumAdded.SCHEMA)
    schema["fields"].append({"name": "note", "type": "string", "default": ""})
    url = f"{rig.stack.registry_url}/subjects/foreign-value/versions"
    schema_id = httpx.post(url, json={"schema": json.dumps(schema)}, timeout=20).raise_for_status().json()["id"]
    good = rig.additions(1, 9)[0]
    assert good.value is not None
    rig.wait_for(rig.commit([Raw(9, good.key, frame(schema_id) + good.value[5:] + b"\x04hi")]))
    (rig.stack.data_dir / "consumer" / "other").mkdir()
    where = ("--from", "peer", "--peer", rig.stack.rest_url, "--replica", "other")
    assert "no segment to copy" in tally(rig, "repair", "--partition", 8, *where, code=1)
    assert "copied 1 files" in tally(rig, "repair", "--partition", 9, *where)
    (copy,) = verify_directory(rig.stack.data_dir / "consumer" / "other").ledgers
    (original,) = verify_directory(rig.ledger_dir(9)).ledgers
    assert 0 < copy.next_offset < original.next_offset
    assert verify_directory(rig.stack.data_dir).ok  # a prefix with an equal chain
    shutil.rmtree(rig.stack.data_dir / "consumer" / "other")


def test_a_lost_ledger_whose_records_the_topic_has_no_more_comes_back_from_a_backup(rig: Rig, tmp_path: Path) -> None:
    """The backup is behind: what it lacks is read from the topic, and the chain is that of the commit."""
    before = settled(rig, 6)
    backup = tmp_path / "backup"
    shutil.copytree(rig.ledger_dir(6), backup / rig.ledger_dir(6).name)
    tally(rig, "verify", backup)
    rig.restart()
    rig.wait_for(rig.commit(rig.additions(20, 6)))
    after = settled(rig, 6)
    chains = rig.chains()
    admin = AdminClient({"bootstrap.servers": rig.stack.bootstrap_servers})
    (done,) = admin.delete_records([TopicPartition(SUMS.name, 6, before[6]["next_offset"])]).values()
    done.result(20)
    shutil.rmtree(rig.ledger_dir(6))
    refused(rig, 6, "records that it needs were deleted", "repair --partition 6 --from peer")
    said = tally(rig, "repair", "--partition", 6, "--from", "peer", "--peer", backup)
    assert f"up to offset {before[6]['next_offset']}" in said
    right_again(rig, after, chains)
