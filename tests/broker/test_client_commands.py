"""The command `tally` on real parts: a Kafka, a registry, the producer and the consumer of this module's own."""

import csv
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from stack import Stack
from tally.cli.loading.ids import request_id
from tally.event.partitions import partition_of
from tally.generated.topics import SUMS
from tests_support import rest
from tests_support.running.live import live_stack
from tests_support.waiting import eventually

pytestmark = [pytest.mark.broker, pytest.mark.slow]

COMMAND_S = 120.0


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with live_stack(tmp_path_factory.mktemp("client")) as live:
        yield live


def environment_of(stack: Stack) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("TALLY_")}
    return {**own, **stack.environment(), "PYTHONPATH": str(Path(__file__).parents[2])}


def tally(stack: Stack, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command to its end, somewhere else than in the checkout."""
    command = [sys.executable, "-m", "tally", *(str(argument) for argument in arguments)]
    return subprocess.run(
        command, env=environment_of(stack), cwd=stack.data_dir, capture_output=True, text=True, timeout=COMMAND_S,
        check=False,
    )  # fmt: skip


def documents(stack: Stack, *arguments: object) -> list[dict[str, Any]]:
    """Run `tally tail --json` and return its lines."""
    result = tally(stack, "tail", "--json", *arguments)
    assert result.returncode == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def total(stack: Stack, position: str) -> dict[str, Any]:
    result = tally(stack, "total", "--json", "--min-position", position, "--wait", "30")
    assert result.returncode == 0, result.stderr
    answer = json.loads(result.stdout)
    assert isinstance(answer, dict)
    return answer


def add(stack: Stack, a: str, b: str, own_id: str) -> dict[str, Any]:
    result = tally(stack, "add", "--json", "--request-id", own_id, a, b)
    assert result.returncode == 0, result.stderr
    answer = json.loads(result.stdout)
    assert isinstance(answer, dict)
    return answer


def place_of(answer: dict[str, Any]) -> str:
    return f"{answer['position']['partition']}:{answer['position']['offset']}"


def test_a_load_names_the_cluster_that_it_adds_to_and_refuses_another(stack: Stack, tmp_path: Path) -> None:
    """The producer tells the id in Kafka's own storage, a load prints it with the total, and another is refused."""
    file = tmp_path / "f.csv"
    file.write_text("a,b\n1,2\n")
    kept = (stack.data_dir / "kafka" / "meta.properties").read_text()
    cluster = dict(line.split("=", 1) for line in kept.splitlines() if "=" in line)["cluster.id"]
    told = tally(stack, "load", file, "--a", "a", "--b", "b", "--expect-cluster", cluster)
    assert told.returncode == 0, told.stderr
    first = told.stderr.splitlines()[0]
    assert first.startswith(f"adding to cluster {cluster} at {stack.grpc_target}; {stack.rest_url} has counted ")
    refused = tally(stack, "add", "1", "2", "--expect-cluster", "another")
    assert refused.returncode == 1
    assert f"adds to cluster {cluster}, and --expect-cluster is another; nothing was sent" in refused.stderr


def settled(stack: Stack) -> dict[str, Any]:
    """Return the total once it covers a new addition of zero."""
    return total(stack, place_of(add(stack, "0", "0", str(uuid.uuid4()))))


def test_an_addition_shows_in_the_total_and_in_the_tail_and_its_repetition_in_neither(stack: Stack) -> None:
    """An addition moves total, count and tail once; its repetition moves none of them."""
    own_id = str(uuid.uuid4())
    before = settled(stack)
    first = add(stack, "-2", "-40.25", own_id)
    again = add(stack, "-2.00", "-40.25", own_id)
    after = total(stack, place_of(first))
    assert (first["sum"], first["duplicate"], again["duplicate"]) == ("-42.25", False, True)
    assert Decimal(after["total"]) - Decimal(before["total"]) == Decimal("-42.25")
    assert after["count"] == before["count"] + 1
    seen = [line for line in documents(stack, "--from-beginning", "--no-follow") if line.get("request_id") == own_id]
    assert [(line["a"], line["b"], line["sum"], line["offset"]) for line in seen] == [
        ("-2", "-40.25", "-42.25", first["position"]["offset"])
    ]


def test_tail_follows_one_partition_until_its_limit(stack: Stack) -> None:
    """`tally tail` with a partition and a limit prints so many of its records from the beginning and ends."""
    own_id = str(uuid.uuid4())
    add(stack, "1", "1", own_id)
    partition = partition_of(uuid.UUID(own_id).bytes, SUMS.partitions)
    lines = documents(stack, "--from-beginning", "--partition", partition, "--limit", 1)
    assert [(line["partition"], line["offset"]) for line in lines] == [(partition, 0)]


def test_tail_shows_a_foreign_record_as_poison(stack: Stack) -> None:
    """`tally tail` shows a record without a frame as poison, with its reason and its bytes."""
    producer = Producer({"bootstrap.servers": stack.bootstrap_servers})
    producer.produce(SUMS.name, b"no frame at all", key=b"foreign", partition=3)
    assert producer.flush(30) == 0
    lines = documents(stack, "--from-beginning", "--no-follow", "--partition", 3)
    assert [line["poison"] for line in lines if "poison" in line] == ["FRAMING"]
    assert bytes.fromhex(next(line["value"] for line in lines if "poison" in line)) == b"no frame at all"


def test_a_tail_that_waits_ends_with_ctrl_c(stack: Stack) -> None:
    """A tail that waits for records ends at Ctrl-C with exit code 0 and without a message."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tally", "tail", "--from-beginning"],
        env={**environment_of(stack), "PYTHONUNBUFFERED": "1"}, cwd=stack.data_dir, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        add(stack, "1", "1", str(uuid.uuid4()))
        assert process.stdout is not None
        assert "=" in process.stdout.readline() + process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=COMMAND_S)
    finally:
        process.kill()
    assert (process.returncode, errors) == (0, "")


def test_a_file_that_is_loaded_twice_with_the_producer_killed_on_the_way_is_counted_once(
    stack: Stack, tmp_path: Path
) -> None:
    """A file loaded twice, with the producer killed meanwhile, moves count and total by its rows once."""
    rows = 30_000
    file = tmp_path / "numbers.csv"
    file.write_text("a,b\n" + "".join(f"{n},0.5\n" for n in range(rows)) + "NA,1\n")
    before = settled(stack)
    load = ["load", file, "--a", "a", "--b", "b", "--json", "--wait", 100, "--max-rejects", 1]

    command = [sys.executable, "-m", "tally", *(str(word) for word in load)]
    process = subprocess.Popen(
        command, env=environment_of(stack), cwd=stack.data_dir, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    process.stderr.readline()  # the first tenth is acknowledged
    stack.kill("producer")
    stack.start("producer")
    output, errors = process.communicate(timeout=COMMAND_S)
    assert process.returncode == 0, errors
    stack.wait_ready("producer")
    again = json.loads(tally(stack, *load).stdout)
    first = json.loads(output)

    for run in (first, again):
        assert (run["acknowledged"], run["rejected"], run["unknown"]) == (rows, 1, 0)
        assert Decimal(run["sum"]) == sum(range(rows)) + Decimal("0.5") * rows
    for partition, offset in again["positions"].items():
        answer = rest.get(f"{stack.rest_url}/v1/total?min_position={partition}:{offset}&wait_ms=30000")
        assert answer.status == 200, answer.content
    after = answer.body
    assert after["count"] - before["count"] == rows
    assert Decimal(after["total"]) - Decimal(before["total"]) == Decimal(first["sum"])


def test_an_export_holds_every_counted_sum_and_verify_agrees_with_the_total(stack: Stack, tmp_path: Path) -> None:
    """Exports and `tally verify` have the count and the total that REST shows."""
    now = settled(stack)
    for form in ("csv", "jsonl"):
        output = tmp_path / f"sums.{form}"
        result = tally(stack, "export", "--format", form, "--output", output)
        assert result.returncode == 0, result.stderr
        with output.open(newline="") as file:
            rows = list(csv.DictReader(file)) if form == "csv" else [json.loads(line) for line in file]
        sums = [Decimal(row["sum"]) for row in rows if row["kind"] == "COUNTED"]
        assert (len(sums), sum(sums)) == (now["count"], Decimal(now["total"]))
    verified = json.loads(tally(stack, "verify", stack.data_dir, "--json").stdout)
    assert (verified["ok"], verified["count"]) == (True, now["count"])
    assert Decimal(verified["total"]) == Decimal(now["total"])


def test_verify_names_the_file_and_the_position_of_a_flipped_byte(stack: Stack, tmp_path: Path) -> None:
    """`tally verify` finds one flipped byte and names its file and position."""
    settled(stack)
    ledgers = sorted((stack.data_dir / "consumer").rglob("*.avro"), key=lambda path: path.stat().st_size)
    copy = tmp_path / ledgers[-1].parent.name / ledgers[-1].name
    copy.parent.mkdir()
    damaged = bytearray(ledgers[-1].read_bytes())
    damaged[len(damaged) // 2] ^= 0x10
    copy.write_bytes(damaged)
    result = tally(stack, "verify", copy.parent)
    assert result.returncode == 1
    assert f"{copy} at byte" in result.stdout
    assert "1 problems in 1 of 1 ledgers" in result.stderr


def test_ids_of_a_load_are_those_that_the_documents_tell(stack: Stack, tmp_path: Path) -> None:
    """A row loaded under a source id is in the topic under the documented request id."""
    file = tmp_path / "one.csv"
    file.write_text("a,b\n20,22\n")
    assert tally(stack, "load", file, "--a", "a", "--b", "b", "--source-id", "answer").returncode == 0
    due = request_id("answer", 2)
    lines = eventually(
        lambda: [line for line in documents(stack, "--from-beginning", "--no-follow") if line.get("request_id") == due],
        30,
        "the row is in the topic",
    )
    assert [line["sum"] for line in lines] == ["42"]
