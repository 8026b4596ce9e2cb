"""Dead letters that somebody else wrote: they decide nothing, stand for nothing, and are told apart."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from confluent_kafka import Producer

from oracle.kafka_reading import read_topic_id
from oracle.reading import examine
from stack.parts.names import ORDER
from stack.system import ROOT
from tally.base.framing import frame
from tally.event.codes import FRAMING, UNDECODABLE, UNKNOWN_SCHEMA, WRONG_KEY
from tally.event.dead_letter import Copy, Letter, dead_record
from tally.event.digest import undecoded
from tally.generated.topics import SUMS, SUMS_DLT
from tally.registry.lookup import SchemaRegistry
from tests_support.consumer.rig import Raw, Rig
from tests_support.running.live import system_of
from tests_support.running.stacks import KAFKA_ONLY, stack_factory, temporary_folder
from tests_support.waiting import eventually

pytestmark = [pytest.mark.broker, pytest.mark.slow]
EACH, SUMS_EACH = 30, 100
PARTITION = 3


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with temporary_folder() as folder, stack_factory(folder) as new:
        stack = new()
        stack.up(KAFKA_ONLY)
        yield Rig(stack)


def topic_id_of(rig: Rig) -> str:
    return read_topic_id(rig.stack.bootstrap_servers, SUMS.name)


def letter(partition: int, offset: int, reason: int, key: bytes | None, value: bytes | None) -> Letter:
    return Letter(partition, offset, 0, reason, "forged", undecoded(key, value), None, Copy(key), Copy(value))


def publish(rig: Rig, letters: Sequence[Letter], *, headers_only: bool = False) -> None:
    """Write letters as anybody may who can write to the topic."""
    producer = Producer({"bootstrap.servers": rig.stack.bootstrap_servers, "acks": "all"})
    own, schema_id = topic_id_of(rig), letters_schema_id(rig)
    for one in letters:
        record = dead_record(one, SUMS.name, own, schema_id)
        kept = [each for each in record.headers if not headers_only or each[0] != "source-digest"]
        headers: list[tuple[str, str | bytes | None]] = [*kept]
        value = b"" if headers_only else record.value
        producer.produce(SUMS_DLT.name, key=record.key, value=value, headers=headers, partition=one.partition)
    assert producer.flush(20) == 0, "not delivered in 20 s"


def replay(rig: Rig) -> tuple[list[dict[str, Any]], str, int]:
    """Run `tally replay-dlt --json`; return what it said of each letter, what it warned of, and its exit code."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("TALLY_")}
    done = subprocess.run(
        [sys.executable, "-m", "tally", "replay-dlt", "--json"],
        env={**own, **rig.stack.environment(), "PYTHONPATH": str(ROOT)},
        cwd=rig.stack.data_dir, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr, done.returncode


def test_forged_letters_before_the_first_commit_take_nothing_out_of_the_total(rig: Rig) -> None:
    """360 with headers only, written first, and one with copied key and value for each of 1,200 sums (I2)."""
    publish(
        rig,
        [letter(p, offset, UNKNOWN_SCHEMA, None, None) for p in range(12) for offset in range(EACH)],
        headers_only=True,
    )
    good = [raw for p in range(12) for raw in rig.additions(SUMS_EACH, p)]
    places = rig.commit(good)
    by_place = {}
    offsets = dict.fromkeys(range(12), 0)
    for raw in good:
        by_place[raw.partition, offsets[raw.partition]] = raw
        offsets[raw.partition] += 1
    reasons = (UNKNOWN_SCHEMA, UNDECODABLE, WRONG_KEY)
    publish(rig, [letter(p, o, reasons[o % 3], raw.key, raw.value) for (p, o), raw in by_place.items()])
    rig.stack.up(ORDER)
    rig.wait_for(places)
    total = rig.get("/v1/total")
    assert (total["count"], total["poison"], total["complete"]) == (12 * SUMS_EACH, 0, True)
    rig.wait_committed()


def test_a_rebuild_after_commits_believes_no_forged_letter_either(rig: Rig) -> None:
    """I6: a ledger that is rebuilt from the topic takes no verdict from a forged dead letter."""
    rig.stack.stop("consumer")
    shutil.rmtree(rig.ledger_dir(PARTITION))
    rig.restart()
    total = rig.get("/v1/total")
    assert (total["count"], total["poison"], total["complete"]) == (12 * SUMS_EACH, 0, True)


def test_our_own_letter_stands_beside_a_forged_one_and_each_reader_tells_them_apart(rig: Rig) -> None:
    """I10: exactly one genuine letter; what is forged, or no letter at all, is a finding of its own and never sent."""
    ((_, offset),) = rig.commit([Raw(PARTITION, b"x", b"junk")])
    eventually(lambda: len(genuine(rig, offset)) == 1, 30, "the poison has its letter")
    foreign = Raw(PARTITION, b"y", frame(77_777) + b"body")
    publish(rig, [letter(PARTITION, offset, WRONG_KEY, b"x", b"junk"), letter(PARTITION, offset, FRAMING, b"x", b"z")])
    producer = Producer({"bootstrap.servers": rig.stack.bootstrap_servers})
    producer.produce(SUMS_DLT.name, b"\x1b[2J no letter", partition=PARTITION)
    producer.produce(SUMS_DLT.name, None, partition=PARTITION)
    assert producer.flush(20) == 0
    rig.wait_for(rig.commit([foreign, *rig.additions(3, PARTITION)]))
    rig.wait_committed()
    # 1. the consumer reads all of it again and publishes nothing twice
    rig.stack.stop("consumer")
    shutil.rmtree(rig.ledger_dir(PARTITION))
    rig.restart()
    assert len(genuine(rig, offset)) == 1
    # 2. the oracle
    report = examine(system_of(rig.stack))
    assert {finding.invariant for finding in report.findings} == {"LETTERS"}, str(report)
    # 3. replay-dlt
    told, warned, code = replay(rig)
    of_junk = [one for one in told if one["source"] == f"{PARTITION}:{offset}"]
    assert sorted(one["status"] for one in of_junk) == ["forged", "forged", "rejected"]
    assert {one["status"] for one in told if one not in of_junk} == {"forged", "rejected"}
    assert warned.count("is not a dead letter and was skipped") == EACH * 12 + 2
    assert "\x1b" not in warned
    assert code == 1, "the two genuine ones have to be repaired"


def genuine(rig: Rig, offset: int) -> list[bytes | None]:
    """Return the letters about the junk that our consumer wrote."""
    digest = undecoded(b"x", b"junk").hex().encode()
    place = f"{PARTITION}:{offset}".encode()
    return [
        one.value
        for one in rig.dead_letters()[PARTITION]
        if one.key == place and one.source_digest == digest and b"too short for a frame" in (one.value or b"")
    ]


def letters_schema_id(rig: Rig) -> int:
    """Return the registry's id of the dead letters' schema."""
    registry = SchemaRegistry(rig.stack.registry_url)
    try:
        return registry.lookup(SUMS_DLT.subject, SUMS_DLT.schema)
    finally:
        registry.close()
