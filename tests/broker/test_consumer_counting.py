"""What the consumer makes of the records of the topic, on a real Kafka; raw records, no producer of Tally."""

import csv
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from decimal import Decimal

import pytest

from oracle.kafka_reading import read_topic
from stack import Ports
from stack.system import ROOT
from tally.base.framing import frame
from tally.event.partitions import partition_of
from tests_support import rest
from tests_support.consumer.rig import Raw, Rig
from tests_support.running.stacks import stack_factory, temporary_folder
from tests_support.waiting import eventually

pytestmark = [pytest.mark.broker]


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with temporary_folder() as folder, stack_factory(folder) as new:
        stack = new({"TALLY_CONSUMER_SCHEMA_DENIALS_MS": "500"})
        stack.up(("kafka", "registry", "contracts", "consumer"))
        yield Rig(stack)


def test_committed_records_are_counted_once_and_shown_as_one_consistent_total(rig: Rig) -> None:
    """500 committed records move count and total once, and the total is the sum of its partitions."""
    before = rig.get("/v1/total")
    rig.wait_for(rig.commit([rig.addition(str(n), f"0.{n:09d}") for n in range(1, 501)]))
    after = rig.get("/v1/total")
    added = sum(Decimal(n) + Decimal(f"0.{n:09d}") for n in range(1, 501))
    assert after["count"] - before["count"] == 500
    assert Decimal(after["total"]) - Decimal(before["total"]) == added
    assert Decimal(after["total"]) == sum(Decimal(part["total"]) for part in after["partitions"])
    assert after["complete"] is True
    rig.judge()


def test_records_of_an_aborted_transaction_are_never_counted(rig: Rig) -> None:
    """Records of an aborted transaction are skipped, and the committed one behind them is counted."""
    before = rig.get("/v1/total")["count"]
    partition = 2
    rig.abort(rig.additions(50, partition))
    rig.wait_for(rig.commit(rig.additions(1, partition)))
    assert rig.get("/v1/total")["count"] == before + 1
    rig.judge()


def test_the_same_id_counts_once_and_other_operands_are_a_conflict_that_the_request_shows(rig: Rig) -> None:
    """An id counts once; a repetition is a duplicate, and other operands are a conflict that REST shows."""
    before = rig.get("/v1/total")
    own = uuid.uuid4()
    first, again, other = (rig.addition("1", b, request_id=own) for b in ("2", "2.0", "3"))
    places = rig.commit([first]) + rig.commit([again, other])
    rig.wait_for(places)
    after = rig.get("/v1/total")
    assert [after[name] - before[name] for name in ("count", "duplicates", "conflicts")] == [1, 1, 1]
    assert Decimal(after["total"]) - Decimal(before["total"]) == 3
    found = rig.get(f"/v1/requests/{str(own).upper()}")
    assert (found["sum"], found["offset"], found["conflicts"]) == ("3", places[0][1], [places[2][1]])
    rig.judge()


def poison(rig: Rig, reason: str) -> Raw:
    """Return a record with exactly this to be said against it."""
    good = rig.addition()
    assert good.value is not None
    assert good.key is not None
    other = next(raw for raw in iter(rig.addition, None) if raw.partition != good.partition)
    body = good.value[5:]
    values: dict[str, Raw] = {
        "FRAMING": Raw(good.partition, good.key, b"\x02" + good.value[1:]),
        "UNKNOWN_SCHEMA": Raw(good.partition, good.key, frame(987_654) + body),
        "UNREADABLE_SCHEMA": Raw(good.partition, good.key, frame(_other_schema(rig)) + body),
        "UNDECODABLE": Raw(good.partition, good.key, good.value[:-3]),
        "OUT_OF_RANGE": Raw(good.partition, good.key, good.value[:21] + b"\x7f" + good.value[22:]),
        "WRONG_SUM": rig.addition("1", "1", total="3"),
        "WRONG_KEY": Raw(good.partition, b"k" * 16, good.value),
        "WRONG_PARTITION": Raw(other.partition, good.key, good.value),
    }
    return values[reason]


def _other_schema(rig: Rig) -> int:
    """Return the id of the dead letters' schema: Avro, but another record."""
    return rig.schema_id + 1 if rig.schema_id == 1 else rig.schema_id - 1


def test_a_schema_that_only_a_guid_names_is_unknown_to_this_registry(rig: Rig) -> None:
    """Apicurio knows no GUIDs: such a record is poison as one with an unknown id is, in a header or before the body."""
    one, other = rig.additions(2, 4)
    assert one.value is not None
    assert other.value is not None
    name = b"\x01" + uuid.uuid4().bytes
    before = rig.get("/v1/total")["poison"]
    places = rig.commit([
        Raw(one.partition, one.key, one.value[5:], headers=(("__value_schema_id", name),)),
        Raw(other.partition, other.key, name + other.value[5:]),
    ])  # fmt: skip
    rig.wait_for(places)
    assert rig.get("/v1/total")["poison"] == before + 2
    rig.judge()


REASONS = (
    "FRAMING",
    "UNKNOWN_SCHEMA",
    "UNREADABLE_SCHEMA",
    "UNDECODABLE",
    "OUT_OF_RANGE",
    "WRONG_SUM",
    "WRONG_KEY",
    "WRONG_PARTITION",
)


@pytest.mark.parametrize("reason", REASONS)
def test_poison_is_a_row_and_exactly_one_dead_letter_with_its_bytes(rig: Rig, reason: str) -> None:
    """Each kind of poison is a POISON row and one dead letter with its bytes, before its offset is passed."""
    bad = poison(rig, reason)
    places = rig.commit([bad])
    rig.commit(rig.additions(1, bad.partition))
    ((partition, offset),) = places
    rig.wait_for(places)
    # The committed offset passes the poison only together with its dead letter (I10).
    eventually(lambda: (rig.partition(partition)["committed"] or 0) > offset, 20, "the poison is committed")
    page = rig.get(f"/v1/entries?partition={partition}&after={offset - 1}&limit=1")["entries"]
    assert [(row["kind"], row["reason"], row["request_id"]) for row in page] == [("POISON", reason, None)]
    letters = [letter for letter in rig.dead_letters()[partition] if letter.key == f"{partition}:{offset}".encode()]
    assert len(letters) == 1
    assert bad.value is not None
    assert bad.value in (letters[0].value or b"")
    rig.judge()


def test_a_partition_with_poison_goes_on_counting(rig: Rig) -> None:
    """Good records between poison ones are counted, and the partition goes on."""
    partition = 5
    before = rig.partition(partition)
    mixed = [raw for good in rig.additions(20, partition) for raw in (good, Raw(partition, b"x", b"junk"))]
    rig.wait_for(rig.commit(mixed))
    after = rig.partition(partition)
    assert (after["count"] - before["count"], after["poison"] - before["poison"]) == (20, 20)
    rig.wait_for(rig.commit(rig.additions(3, partition)))
    rig.judge()


def test_lag_is_nothing_once_all_is_counted_although_commit_markers_follow(rig: Rig) -> None:
    """Once all is counted no partition lags, although commit markers stand behind the last record."""
    rig.wait_for(rig.commit(rig.additions(10)))
    eventually(lambda: [part["lag"] for part in rig.get("/v1/partitions")] == [0] * 12, 20, "no partition lags")


def test_min_position_waits_for_a_record_that_is_written_meanwhile(rig: Rig) -> None:
    """A read with min_position covers that record, and ends with 504 if it does not come in time."""
    ((partition, offset),) = rig.commit(rig.additions(1))
    body = rig.get(f"/v1/total?min_position={partition}:{offset}&wait_ms=20000")
    assert body["partitions"][partition]["next_offset"] > offset
    late = rest.get(f"{rig.stack.rest_url}/v1/total?min_position={partition}:{offset + 1000}&wait_ms=50")
    assert late.status == 504


def test_an_export_holds_every_row_of_its_moment_and_says_its_hash(rig: Rig) -> None:
    """An export has the announced hash, rows, count and total, and each id in its partition."""
    asked = rest.call("POST", f"{rig.stack.rest_url}/v1/exports", {"format": "csv"})
    assert asked.status == 202
    location = asked.headers["location"]
    done = eventually(lambda: (b := rig.get(location))["state"] == "DONE" and b, 30, "the export is done")
    content = rest.get(f"{rig.stack.rest_url}{location}/file").content
    assert hashlib.sha256(content).hexdigest() == done["sha256"]
    rows = list(csv.DictReader(io.StringIO(content.decode())))
    assert len(rows) == done["rows"]
    counted = [Decimal(row["sum"]) for row in rows if row["kind"] == "COUNTED"]
    assert (len(counted), sum(counted)) == (done["counted"], Decimal(done["total"]))
    assert all(partition_of(uuid.UUID(row["request_id"]).bytes, 12) == int(row["partition"])
               for row in rows if row["request_id"])  # fmt: skip


def test_a_second_consumer_on_the_same_directory_ends_with_a_line_that_names_the_first(rig: Rig) -> None:
    """A second consumer on one directory ends with code 1 and a line with the first one's process id."""
    environment = {**os.environ, **rig.stack.environment(), "TALLY_REST_PORT": str(Ports.free().rest)}
    second = subprocess.run(
        [sys.executable, "-m", "consumer"],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert second.returncode == 1
    last = second.stderr.strip().splitlines()[-1]
    assert str(rig.stack.pid("consumer")) in last
    assert "TALLY_CONSUMER_REPLICA" in last
    assert "Traceback" not in second.stderr


def test_a_port_that_is_taken_ends_the_start_with_a_line_that_names_the_setting(rig: Rig) -> None:
    """A consumer whose REST port is taken ends with code 1 and a line that names the setting."""
    environment = {**os.environ, **rig.stack.environment(), "TALLY_CONSUMER_REPLICA": "other"}
    second = subprocess.run(
        [sys.executable, "-m", "consumer"],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert second.returncode == 1
    assert "TALLY_REST_PORT" in second.stderr.strip().splitlines()[-1]


def test_a_signal_drains_and_exits_with_0_and_a_start_goes_on_without_reading_again(rig: Rig) -> None:
    """At SIGTERM the consumer finishes its work and ends; restarted, it goes on counting."""
    places = rig.commit(rig.additions(200))
    rig.wait_for(places)
    pid = rig.stack.pid("consumer")
    assert pid is not None
    os.kill(pid, signal.SIGTERM)
    eventually(lambda: rig.stack.pid("consumer") is None, 15, "the consumer ended")
    last_lines = rig.stack.log_path("consumer").read_text().splitlines()[-3:]
    assert any(line.rstrip().endswith("ended") for line in last_lines), last_lines
    assert not any("not all was finished" in line for line in last_lines)
    rig.restart()
    rig.wait_for(rig.commit(rig.additions(5)))
    rig.judge()


def test_totals_file_tells_people_the_total(rig: Rig) -> None:
    """totals.json in the data directory has the total that REST shows."""
    rig.wait_for(rig.commit(rig.additions(1)))
    path = rig.stack.data_dir / "consumer" / "0" / "totals.json"

    def same() -> bool:
        return bool(json.loads(path.read_text())["total"] == rig.get("/v1/total")["total"])

    eventually(same, 20, "totals.json is up to date", retry_on=(OSError, ValueError))


def test_nothing_but_the_consumers_dead_letters_is_in_the_dead_letter_topic(rig: Rig) -> None:
    """The dead-letter topic holds as many letters as the ledgers count poison."""
    poisoned = sum(part["poison"] for part in rig.get("/v1/partitions"))
    letters = read_topic(rig.stack.bootstrap_servers, "tally.sums.v1.dlt")
    assert sum(len(some) for some in letters.values()) == poisoned
