"""What is acknowledged is counted once, whatever happens to the containers; `tally verify` holds all of it together."""

import csv
import json
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests_support.checkout import ROOT
from tests_support.compose.project import STAYING, Project
from tests_support.compose.seen import Seen
from tests_support.running.recovery import recovered
from tests_support.waiting import eventually

pytestmark = [pytest.mark.compose, pytest.mark.timeout(1_500)]

ROWS = 400
ROWS_UNDER_FAULT = 2_000
ANSWERED_S = 240
ENDS = {"kafka": {0, 143}, "registry": {0, 143}, "producer": {0}, "consumer": {0}}
"""Exit codes of an orderly end: Java's is 143. Whom the engine has to kill when its grace is over has 137."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where histories and files lie."""
    return tmp_path_factory.mktemp("compose")


def numbers(folder: Path, name: str, rows: int) -> Path:
    """Write a file of additions that no other file has: a row's id follows from the content and its line."""
    file = folder / f"{name}.csv"
    file.write_text("a,b,why\n" + "".join(f"{row},0.5,{name}\n" for row in range(rows)), encoding="ascii")
    return file


def load(file: Path) -> list[str]:
    history = file.parent / "calls.jsonl"
    return ["load", str(file), "--a", "a", "--b", "b", "--history", str(history), "--wait", str(ANSWERED_S)]


def total(system: Project) -> dict[str, object]:
    said: dict[str, object] = httpx.get(f"{system.rest_url}/v1/total", timeout=30, trust_env=False).json()
    return said


def verify(system: Project, folder: Path) -> dict[str, object]:
    """Hold topic, ledgers, commits, REST and what callers were told against each other."""
    said = system.tally(
        "verify", "--topic", f"127.0.0.1:{system.ports.kafka}/tally.sums.v1", "--ledger", system.ledgers,
        "--rest", system.rest_url, "--history", folder / "calls.jsonl", "--json",
    )  # fmt: skip
    found: dict[str, object] = json.loads(said)
    return found


def test_a_file_is_counted_once_however_often_it_is_loaded(system: Project, folder: Path) -> None:
    """A second load of a file changes neither the count nor the total."""
    file = numbers(folder, "twice", ROWS)
    system.tally(*load(file))
    once = eventually(lambda: total(system) if total(system)["count"] == ROWS else None, 60, "all rows are counted")
    system.tally(*load(file))
    said = verify(system, folder)
    assert said["counted"] == ROWS
    assert total(system)["total"] == once["total"]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_what_is_counted_is_exported(system: Project, folder: Path, form: str) -> None:
    """A container exports every counted row, as CSV and with the Parquet library of its read-only image."""
    file = folder / f"sums.{form}"
    count = total(system)["count"]
    system.tally("export", "--format", form, "--output", file)
    if form == "csv":
        with file.open(encoding="utf-8", newline="") as rows:
            assert len(list(csv.DictReader(rows))) == count
    else:
        from pyarrow import parquet

        assert parquet.read_metadata(file).num_rows == count


@pytest.mark.parametrize("service", STAYING)
def test_a_killed_process_is_started_again_and_nothing_is_lost_or_doubled(
    system: Project, folder: Path, seen: Seen, service: str
) -> None:
    """SIGKILL by its pid while a file is loaded: the load ends well, and everything agrees."""
    restarts = system.container(service)["RestartCount"]
    counted = int(str(total(system)["count"]))
    command = [sys.executable, "-m", "stack", "run", "tally", *load(numbers(folder, service, ROWS_UNDER_FAULT))]
    with subprocess.Popen(
        command, env=system.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as loading:
        eventually(
            lambda: int(str(total(system)["count"])) > counted, ANSWERED_S, "the load is under way", interval_s=0.01
        )
        system.kill(service)
        killed_s = time.monotonic()
        eventually(lambda: system.container(service)["RestartCount"] > restarts, 60, f"{service} is started again")
        system.wait_healthy(service)
        seen.add(f"{service} is healthy again after SIGKILL", time.monotonic() - killed_s, "s")
        recovered(f"{service} is healthy", time.monotonic() - killed_s)
        said = loading.communicate(timeout=ANSWERED_S)[0]
    assert loading.returncode == 0, said
    system.wait_healthy()
    assert verify(system, folder)["counted"] == counted + ROWS_UNDER_FAULT


def test_a_stopped_container_ends_in_order_within_its_grace(system: Project, folder: Path, seen: Seen) -> None:
    """Stopped containers end by themselves within their time, and after `up` all counts are there."""
    counted = total(system)["count"]
    for service in reversed(STAYING):
        began_s = time.monotonic()
        system.compose("stop", service)
        seen.add(f"{service} has stopped after", time.monotonic() - began_s, "s")
        state = system.container(service)["State"]
        assert state["ExitCode"] in ENDS[service], f"{service}: {state}"
        assert not state["OOMKilled"]
    shown = system.stack("status")
    assert {"stopped"} == {line.split()[1] for line in shown.stdout.splitlines()[1:] if line.split()[0] in STAYING}
    assert system.stack("up", "compose").returncode == 0
    assert verify(system, folder)["counted"] == counted


def test_down_and_up_keep_the_data_and_leave_no_volume(system: Project, folder: Path, seen: Seen) -> None:
    """`just down` tells what it stopped, whatever profile and project are named by then; `just up compose` goes on."""
    counted = total(system)["count"]
    began_s = time.monotonic()
    ended = system.stack("down", COMPOSE_PROJECT_NAME="other", TALLY_PORT_BASE="30100")
    seen.add("`just down`", time.monotonic() - began_s, "s")
    assert ended.returncode == 0
    assert set(ended.stdout.splitlines()[-1].removeprefix("stopped: ").split(", ")) == set(STAYING)
    assert system.engine.docker("ps", "--all", "--quiet") == ""
    assert len(system.engine.docker("volume", "ls", "--quiet").split()) == len(STAYING)
    assert system.stack("down").stdout.splitlines()[-1] == "nothing ran"
    began_s = time.monotonic()
    assert system.stack("up", "compose").returncode == 0
    seen.add("`just up compose` again, all healthy", time.monotonic() - began_s, "s")
    system.tally("add", "1", "1", "--history", folder / "calls.jsonl")
    assert verify(system, folder)["counted"] == int(str(counted)) + 1


def test_logs_of_one_service_are_those_of_its_container(system: Project) -> None:
    """Followed until the reader has seen enough; a name that has no container is told."""
    command = [sys.executable, "-m", "stack", "logs", "consumer"]
    with subprocess.Popen(command, env=system.environment(), cwd=ROOT, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        first = following.stdout.readline()
        following.terminate()
    assert "consumer-1  | " in first, first
    refused = system.stack("logs", "nobody")
    assert refused.returncode == 2
    assert "'nobody' has no container" in refused.stdout
