"""Records that are no sums: one reason word in ledger, dead letters, tail, replay-dlt and verify."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest
from confluent_kafka import Producer

from stack.parts.names import ORDER
from stack.system import ROOT
from tally.base.framing import frame, unframe
from tally.generated.avro.dead_letter import DeadLetter
from tally.generated.avro.sum_added import SumAdded
from tally.generated.topics import SUMS, SUMS_DLT
from tests_support.consumer.rig import Raw, Rig
from tests_support.consumer.strange_schemas import NODE, writer
from tests_support.running.stacks import stack_factory, temporary_folder
from tests_support.waiting import eventually

pytestmark = [pytest.mark.broker, pytest.mark.slow]
PARTITION = 3
SCHEMAS = {
    "string": {"schema": '"string"'},
    "union": {"schema": json.dumps(["null", json.loads(SumAdded.SCHEMA)])},
    "enum": {"schema": '{"type": "enum", "name": "E", "symbols": ["A"]}'},
    "protobuf": {
        "schema": 'syntax = "proto3"; package other; message M { string note = 1; }',
        "schemaType": "PROTOBUF",
    },
    "scale": {"schema": SumAdded.SCHEMA.replace('"scale":9', '"scale":4', 1)},
    "plain": {"schema": SumAdded.SCHEMA.replace('"logicalType":"decimal",', "", 1)},
}
DEEP = {"schema": json.dumps(writer(NODE))}
DEEPER_THAN_FASTAVRO = b"\x02" * 100_000


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with temporary_folder() as folder, stack_factory(folder) as new:
        yield Rig(new(parts=ORDER))


def registered(rig: Rig, name: str, schema: dict[str, str]) -> int:
    """Register a schema as somebody else may; return its id."""
    url = f"{rig.stack.registry_url}/subjects/foreign-{name}-value/versions"
    return int(httpx.post(url, json=schema, timeout=20).raise_for_status().json()["id"])


def tally(rig: Rig, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of `tally` against the stack."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("TALLY_")}
    return subprocess.run(
        [sys.executable, "-m", "tally", *arguments],
        env={**own, **rig.stack.environment(), "PYTHONPATH": str(ROOT)},
        cwd=rig.stack.data_dir, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_every_reader_has_the_ledgers_word_for_what_is_no_sum(rig: Rig) -> None:
    """None of them ends with a traceback, and garbage in the dead letters is told and passed over."""
    good = rig.addition()
    assert good.value is not None
    ids = [registered(rig, *each) for each in SCHEMAS.items()]
    deep = frame(registered(rig, "deep", DEEP))
    bodies = [Raw(PARTITION, good.key, frame(each) + good.value[5:]) for each in ids]
    bodies += [Raw(PARTITION, good.key, deep + good.value[5:] + DEEPER_THAN_FASTAVRO)]
    large = good.value[:21] + (10**38).to_bytes(16, "big") + good.value[37:]
    bodies += [Raw(PARTITION, None, None), Raw(PARTITION, b"", b"\xff" * 90), Raw(PARTITION, b"k", frame(777_777))]
    bodies += [Raw(PARTITION, good.key, large)]
    places = [place for raw in bodies for place in rig.commit([raw])]
    rig.wait_for(places)
    eventually(lambda: len(rig.dead_letters()[PARTITION]) == len(bodies), 60, "each has its dead letter")
    own = f"/v1/partitions/{PARTITION}"
    eventually(lambda: rig.get(own)["committed"] == rig.get(own)["next_offset"], 60, "all is committed")
    # 1. ledger and dead letters
    entries = rig.get(f"/v1/entries?partition={PARTITION}&limit=100")["entries"]
    words = {entry["offset"]: entry["reason"] for entry in entries}
    assert list(words.values()) == [
        *(["UNREADABLE_SCHEMA"] * len(SCHEMAS)),
        *("UNDECODABLE", "FRAMING", "FRAMING", "UNKNOWN_SCHEMA", "OUT_OF_RANGE"),
    ]
    letters = [DeadLetter.decode(unframe(one.value or b"")[1]) for one in rig.dead_letters()[PARTITION]]
    assert {letter.source_offset: letter.reason.value for letter in letters} == words
    # 2. tail
    tailed = tally(rig, "tail", "--from-beginning", "--no-follow", "--partition", str(PARTITION), "--json")
    assert tailed.returncode == 0, tailed.stderr
    assert {one["offset"]: one["poison"] for one in map(json.loads, tailed.stdout.splitlines())} == words
    # 3. the oracle, before and after garbage
    ledgers = str(rig.stack.data_dir)
    where = f"{rig.stack.bootstrap_servers}/{SUMS.name}"
    verified = tally(rig, "verify", "--topic", where, "--ledger", ledgers, "--json")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    producer = Producer({"bootstrap.servers": rig.stack.bootstrap_servers})
    strings = frame(ids[list(SCHEMAS).index("string")]) + b"\x02x"
    for value in (None, b"", b"garbage", strings, frame(999_999) + b"x", deep + DEEPER_THAN_FASTAVRO):
        producer.produce(SUMS_DLT.name, value, partition=PARTITION)
    assert producer.flush(20) == 0
    verified = tally(rig, "verify", "--topic", where, "--ledger", ledgers, "--json")
    failed = [check["name"] for check in json.loads(verified.stdout)["checks"] if check["state"] == "failed"]
    assert (verified.returncode, failed) == (1, ["LETTERS"]), verified.stderr
    # 4. replay-dlt
    told = tally(rig, "replay-dlt", "--json")
    assert "Traceback" not in told.stderr
    assert {one["source"]: one["reason"] for one in map(json.loads, told.stdout.splitlines())} == {
        f"{PARTITION}:{offset}": word for offset, word in words.items()
    }
    assert told.stderr.count("is not a dead letter and was skipped") == 6
