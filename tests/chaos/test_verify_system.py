"""``tally verify --topic`` on a live system: clean when all is well, and each thing that is not is named."""

import json
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from oracle.history import Call, HistoryFile, Outcome, read_history
from stack import Stack
from stack.system import ROOT
from tests_support.consumer.rig import Raw, Rig
from tests_support.running.stacks import ORDER, stack_factory, temporary_folder

pytestmark = pytest.mark.broker
ROWS = 200


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with temporary_folder() as folder, stack_factory(folder) as new:
        yield new(parts=ORDER)


@pytest.fixture(scope="module")
def history(stack: Stack) -> Path:
    """What a load was told; beside it a poison and a duplicate are on the topic."""
    csv, path = stack.data_dir / "numbers.csv", stack.data_dir / "calls.jsonl"
    csv.write_text("a,b\n" + "".join(f"{row},0.25\n" for row in range(ROWS)))
    run(stack, "load", csv, "--a", "a", "--b", "b", "--history", path)
    rig = Rig(stack)
    twice = rig.addition()
    rig.wait_for(rig.commit([twice, twice, Raw(3, b"k", b"garbage")]))
    return path


def run(stack: Stack, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tally", *map(str, arguments)],
        cwd=ROOT, env=stack.environment(), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def verify(stack: Stack, *more: object, ledger: Path | None = None) -> subprocess.CompletedProcess[str]:
    topic = f"{stack.bootstrap_servers}/tally.sums.v1"
    where = ledger or stack.data_dir
    return run(stack, "verify", "--topic", topic, "--ledger", where, "--rest", stack.rest_url, *more)


def test_a_sound_system_passes_and_what_was_not_looked_at_is_told(stack: Stack, history: Path) -> None:
    """A sound system passes every check of I1 to I12 but I7 and I9, which are reported as not checked."""
    result = verify(stack, "--history", history, "--json")
    assert result.returncode == 0, result.stdout + result.stderr
    said = json.loads(result.stdout)
    states = {check["name"]: check["state"] for check in said["checks"]}
    assert {name for name, state in states.items() if state == "not checked"} == {"I7", "I9"}
    assert set(states.values()) == {"ok", "not checked"}
    assert (said["counted"], said["duplicates"], said["poison"]) == (ROWS + 1, 1, 1)
    assert (said["calls"], said["acknowledged"]) == (ROWS, ROWS)


def test_an_acknowledged_id_that_is_nowhere_is_named(stack: Stack, history: Path, tmp_path: Path) -> None:
    """An id that the history has as OK and the topic lacks fails I1 and is named."""
    lost = str(uuid.uuid4())
    copy = Path(shutil.copy(history, tmp_path))
    file = HistoryFile(copy)
    file.write(calls=[Call(request_id=lost, a="1", b="1", outcome=Outcome.OK, sum="2", started_s=time.monotonic())])
    file.close()
    result = verify(stack, "--history", copy)
    assert (result.returncode, f"{lost} was acknowledged and is not in the topic" in result.stdout) == (1, True)
    assert "I1       FAILED" in result.stdout


def test_an_id_that_was_only_refused_and_is_counted_is_named(stack: Stack, history: Path, tmp_path: Path) -> None:
    """An id that is counted though its only answer was not-committed fails I11 and is named."""
    first = read_history(history)[0][0]
    file = HistoryFile(tmp_path / "calls.jsonl")
    file.write(calls=[Call(request_id=first.request_id, a=first.a, b=first.b, outcome=Outcome.FAIL, status="ABORTED")])
    file.close()
    result = verify(stack, "--history", tmp_path / "calls.jsonl")
    assert (result.returncode, f"{first.request_id} was only ever refused" in result.stdout) == (1, True)


def test_a_ledger_that_lacks_its_end_is_named_with_the_record_it_lacks(stack: Stack, history: Path) -> None:
    """A ledger that lacks its last block fails I5 and I8, and its partition is named."""
    copy = stack.data_dir.parent / "copy"
    shutil.copytree(stack.data_dir / "consumer", copy)
    cut = max((copy / "0" / "ledger").glob("tally.sums.v1-*/*.avro"), key=lambda path: path.stat().st_size)
    cut.write_bytes(cut.read_bytes()[:-20])
    result = verify(stack, ledger=copy)
    assert result.returncode == 1, result.stdout
    assert "I8       FAILED" in result.stdout
    assert "I5       FAILED" in result.stdout
    assert cut.parent.name.rpartition("-")[2] in result.stdout


def test_what_cannot_be_read_is_told_with_its_address(stack: Stack, tmp_path: Path) -> None:
    """A topic, broker or ledger that cannot be read is reported by its name, with the command's own exit code."""
    nowhere = "127.0.0.1:1"
    unreachable = run(stack, "verify", "--topic", f"{nowhere}/tally.sums.v1", "--ledger", stack.data_dir)
    assert (unreachable.returncode, nowhere in unreachable.stderr) == (69, True)
    absent = run(stack, "verify", "--topic", f"{stack.bootstrap_servers}/absent", "--ledger", stack.data_dir)
    assert (absent.returncode, "no topic absent" in absent.stderr) == (69, True)
    empty = verify(stack, ledger=tmp_path)
    assert (empty.returncode, "no ledger of tally.sums.v1" in empty.stderr) == (1, True)
