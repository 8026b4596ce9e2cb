"""Records that are larger than they look: what the broker lets in, and what older topics hold already."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError, Message, Producer
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from stack.parts.names import ORDER
from stack.system import ROOT
from tally.base.framing import unframe
from tally.generated.avro.dead_letter import DeadLetter
from tally.generated.topics import SUMS, SUMS_DLT
from tests_support.consumer.rig import Rig
from tests_support.running.stacks import stack_factory, temporary_folder
from tests_support.waiting import eventually

pytestmark = [pytest.mark.broker, pytest.mark.slow]
MB = 1_000_000
RSS_MAX_KB = 1_200_000
"""Twice what was seen; two of these records side by side would already be above it."""


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with temporary_folder() as folder, stack_factory(folder) as new:
        yield Rig(new(parts=ORDER))


def produce(rig: Rig, partition: int, value: bytes, codec: str, key: bytes = b"large") -> KafkaError | int | None:
    """Write one compressed record as somebody else may; return its offset, or why the broker does not take it."""
    outcome: list[KafkaError | int | None] = []

    def delivered(error: KafkaError | None, message: Message) -> None:
        outcome.append(error if error is not None else message.offset())

    config = {"bootstrap.servers": rig.stack.bootstrap_servers, "message.max.bytes": 1_000_000_000}
    producer = Producer({**config, "compression.type": codec, "enable.idempotence": True})
    producer.produce(SUMS.name, value, key, partition, on_delivery=delivered)
    assert producer.flush(60) == 0, "not delivered in 60 s"
    return outcome[0]


def compression(rig: Rig, topic: str, wanted: str | None = None) -> str:
    """Return a topic's compression.type, after setting it as somebody may have done."""
    admin = AdminClient({"bootstrap.servers": rig.stack.bootstrap_servers})
    if wanted is not None:
        entry = ConfigEntry("compression.type", wanted, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
        for done in admin.incremental_alter_configs([resource]).values():
            done.result(20)
        eventually(lambda: compression(rig, topic) == wanted, 20, f"{topic} has compression.type={wanted}")
    (found,) = admin.describe_configs([ConfigResource(ResourceType.TOPIC, topic)]).values()
    return str(found.result(20)["compression.type"].value)


def peak_kb(rig: Rig) -> int:
    """Return the most memory that the consumer's process has had."""
    pid = rig.stack.pid("consumer")
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])


def letter_of(rig: Rig, partition: int, offset: int) -> DeadLetter:
    """Return the dead letter of a record, once it is there."""

    def found() -> bytes | None:
        key = f"{partition}:{offset}".encode()
        return next((one.value for one in rig.dead_letters()[partition] if one.key == key), None)

    return DeadLetter.decode(unframe(eventually(found, 60, f"{partition}:{offset} has its dead letter"))[1])


def test_the_broker_measures_what_a_record_is_and_not_what_it_compresses_to(rig: Rig) -> None:
    """A record is measured uncompressed, so one of 3 MB is refused whatever its codec makes of it."""
    for codec in ("gzip", "lz4", "zstd", "snappy"):
        refused = produce(rig, 2, bytes(3 * MB), codec)
        assert isinstance(refused, KafkaError)
        assert refused.code() == KafkaError.MSG_SIZE_TOO_LARGE, codec
        assert isinstance(produce(rig, 2, bytes(900_000), codec), int)
    rig.wait_for(rig.commit(rig.additions(1, 2)))


def test_the_plan_brings_existing_topics_to_the_contract(rig: Rig) -> None:
    """A topic of before, with the broker's default, is changed in place by what `just up` runs."""
    for topic in (SUMS.name, SUMS_DLT.name):
        assert compression(rig, topic) == "uncompressed"
        assert compression(rig, topic, "producer") == "producer"
    rig.stack.start("contracts")
    both = [SUMS.name, SUMS_DLT.name]
    eventually(lambda: [compression(rig, topic) for topic in both] == ["uncompressed"] * 2, 60, "both are as agreed")


@pytest.mark.parametrize(
    ("partition", "size", "codec"),
    [(3, 3 * MB, "gzip"), (4, 60 * MB, "gzip"), (5, 200 * MB, "zstd"), (6, 120 * MB, "lz4"), (7, 15 * MB, "snappy")],
)
def test_a_large_record_of_an_older_topic_is_poison_once_and_what_stands_behind_it_is_counted(
    rig: Rig, partition: int, size: int, codec: str
) -> None:
    """I5, I10: no limit of a client makes it an error; its letter has its beginning, its length and its SHA-256."""
    compression(rig, SUMS.name, "producer")
    before = rig.partition(partition)
    value = b"\x00\x00\x00\x00" + bytes(size - 4)
    offset = produce(rig, partition, value, codec)
    assert isinstance(offset, int), offset
    places = rig.commit(rig.additions(5, partition))
    rig.wait_for(places)
    dead = letter_of(rig, partition, offset)
    assert (dead.value_bytes, dead.value_sha256) == (size, hashlib.sha256(value).digest())
    assert dead.value == value[:65_536]
    eventually(lambda: rig.partition(partition)["state"] == "RUNNING", 30, "it is read on")
    after = rig.partition(partition)
    assert (after["count"], after["poison"]) == ((before["count"] or 0) + 5, (before["poison"] or 0) + 1)
    assert peak_kb(rig) < RSS_MAX_KB


def test_a_replica_that_rebuilds_from_large_records_has_an_equal_chain(rig: Rig) -> None:
    """I6: the verdict does not depend on how a batch was read; the oracle and replay-dlt read the originals."""
    places = [(p, rig.partition(p)["next_offset"]) for p in range(3, 8)]
    committed(rig)
    rig.stack.stop("consumer")
    for partition, _ in places:
        for path in rig.ledger_dir(partition).iterdir():
            path.unlink()
        rig.ledger_dir(partition).rmdir()
    rig.restart()
    rig.wait_for([(partition, after - 2) for partition, after in places if after > 2])
    committed(rig)
    assert all(part["state"] == "RUNNING" for part in rig.get("/v1/partitions"))
    assert peak_kb(rig) < RSS_MAX_KB
    rig.judge()
    told = replay(rig)
    large = [one for one in told if one["source"].partition(":")[0] in {"3", "4", "5", "6", "7"}]
    assert {one["status"] for one in large} == {"rejected"}, large
    assert all("gone" not in one["why"] for one in large)


def committed(rig: Rig) -> None:
    """Return when all that the partitions of these tests have is committed."""

    def behind() -> list[int]:
        parts = [rig.partition(number) for number in range(2, 8)]
        return [part["partition"] for part in parts if part["lag"] or part["committed"] != part["next_offset"]]

    eventually(lambda: not behind(), 90, "all is committed", retry_on=(OSError,))


def replay(rig: Rig) -> list[dict[str, Any]]:
    """Run `tally replay-dlt --json` and return what it said of each letter."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("TALLY_")}
    done = subprocess.run(
        [sys.executable, "-m", "tally", "replay-dlt", "--json"],
        env={**own, **rig.stack.environment(), "PYTHONPATH": str(ROOT)},
        cwd=rig.stack.data_dir, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]
