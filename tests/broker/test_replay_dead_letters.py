"""A writer that ignores the contracts lands in the dead letters; `tally replay-dlt` puts what it meant back, once."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from stack import Stack
from stack.parts.names import ORDER
from stack.system import ROOT
from tests_support.consumer.rig import Raw, Rig
from tests_support.running.stacks import stack_factory, temporary_folder
from tests_support.waiting import eventually

pytestmark = [pytest.mark.broker, pytest.mark.slow]
COMMAND_S = 120.0


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with temporary_folder() as folder, stack_factory(folder) as new:
        yield Rig(new(parts=ORDER))


def place_of(position: str) -> tuple[int, int]:
    """Return (partition, offset) of a position as the command writes it."""
    partition, offset = position.split(":")
    return int(partition), int(offset)


def replay(stack: Stack, *arguments: object, code: int = 0) -> list[dict[str, Any]]:
    """Run `tally replay-dlt --json`, require its exit code, and return what it said of each letter."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("TALLY_")}
    done = subprocess.run(
        [sys.executable, "-m", "tally", "replay-dlt", "--json", *map(str, arguments)],
        env={**own, **stack.environment(), "PYTHONPATH": str(ROOT)},
        cwd=stack.data_dir, capture_output=True, text=True, timeout=COMMAND_S, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_what_a_rogue_writer_meant_is_put_back_once_under_its_own_ids(rig: Rig, tmp_path: Path) -> None:
    """Looking changes nothing, sending counts each original id once, and sending again adds nothing (I2, I10)."""
    rogue = rig.of_a_breaking_version()
    wrong_sum, astray = rig.addition("2", "2", total="5"), rig.addition("7", "8")
    junk = Raw(astray.partition, uuid.uuid4().bytes, b"2 and 3, kindly")
    astray = Raw((astray.partition + 1) % 12, astray.key, astray.value)
    retried = rig.addition("1", "1", total="3")  # its writer noticed, and sent it again with the right sum
    honest = rig.addition("1", "1", request_id=uuid.UUID(bytes=retried.key))
    poison = [rogue, wrong_sum, astray, junk, retried]
    places = [place for raw in (*poison, honest) for place in rig.commit([raw])]
    rig.wait_for(places)
    eventually(lambda: sum(map(len, rig.dead_letters().values())) == len(poison), 30, "the dead letters are published")
    before = rig.get("/v1/total")
    assert (before["count"], before["poison"]) == (1, len(poison))

    # 1. a look: what can be read is ready, the rest says what it lacks
    looked = {one["source"]: one for one in replay(rig.stack, code=1)}
    of = {name: looked[f"{place[0]}:{place[1]}"] for name, place in zip(
        ("rogue", "wrong_sum", "astray", "junk", "retried"), places, strict=False)}  # fmt: skip
    assert {name: one["status"] for name, one in of.items()} == {
        "rogue": "ready", "astray": "ready", "wrong_sum": "rejected", "junk": "rejected", "retried": "rejected",
    }  # fmt: skip
    assert (of["rogue"]["reason"], of["rogue"]["a"], of["rogue"]["b"]) == ("UNREADABLE_SCHEMA", "2.5", "-40.25")
    assert "2 + 2 = 5" in of["wrong_sum"]["why"]
    assert rig.get("/v1/total")["count"] == before["count"]

    # 2. a person says which numbers are right
    repairs = tmp_path / "repairs.jsonl"
    right = {"wrong_sum": ("2", "3"), "junk": ("2", "3"), "retried": ("1", "2")}
    lines = [json.dumps({"source": of[name]["source"], "a": a, "b": b}) for name, (a, b) in right.items()]
    repairs.write_text("\n".join(lines))
    sent = {one["source"]: one for one in replay(rig.stack, "--repair-with", repairs, "--send", code=1)}
    statuses = {name: sent[one["source"]]["status"] for name, one in of.items()}
    assert statuses == {"rogue": "sent", "astray": "sent", "wrong_sum": "sent", "junk": "sent", "retried": "rejected"}
    assert "counted with 1 + 1" in sent[of["retried"]["source"]]["why"]
    rig.wait_for([place_of(one["position"]) for one in sent.values() if one["status"] == "sent"])
    after = rig.get("/v1/total")
    assert (after["count"], after["poison"]) == (before["count"] + 4, before["poison"])
    assert Decimal(after["total"]) == Decimal(2) + Decimal("-37.75") + 5 + 15 + 5
    for raw in (rogue, wrong_sum, astray, junk):
        assert raw.key is not None
        assert rig.get(f"/v1/requests/{uuid.UUID(bytes=raw.key)}")["conflicts"] == []

    # 3. again, from here and from a machine that knows nothing of it: not one record more
    records = sum(part["next_offset"] for part in after["partitions"])
    again = replay(rig.stack, "--repair-with", repairs, "--send", code=1)
    assert {one["status"] for one in again} == {"replayed before", "rejected"}
    (rig.stack.data_dir / "client" / "replays.jsonl").unlink()
    elsewhere = replay(rig.stack, "--repair-with", repairs, "--send", code=1)
    assert {one["status"] for one in elsewhere} == {"counted already", "rejected"}
    now = rig.get("/v1/total")
    assert (now["total"], now["count"], now["duplicates"]) == (after["total"], after["count"], 0)
    assert sum(part["next_offset"] for part in now["partitions"]) == records

    # 4. the oracle, which knows nothing of replays, finds each poison in the dead letters once
    assert [one["status"] for one in replay(rig.stack, "--reason", "WRONG_PARTITION")] == ["counted already"]
    rig.judge()
