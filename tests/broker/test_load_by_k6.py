"""`just load --k6`: the user's k6 makes the load, and the ledger of a real stack judges what it says of itself.

A stand-in takes k6's place here. The real script runs in tests/k6, in a harness that has the part of k6 that it uses.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from loadtests.reporting.compare import comparison, summary_at
from stack import Stack
from stack.parts.services import foreign_environment
from stack.ports import SETTINGS
from stack.system import ROOT
from tests_support.load.fake_k6 import ADDITIONS
from tests_support.running.live import live_stack
from tests_support.running.stacks import temporary_folder

pytestmark = [pytest.mark.broker]


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with temporary_folder() as folder, live_stack(folder) as one:
        yield one


@pytest.fixture
def k6(tmp_path: Path) -> Path:
    """Return the file of a stand-in for k6."""
    file = tmp_path / "k6"
    file.write_text(f'#!/bin/sh\nexec {sys.executable} -m tests_support.load.fake_k6 "$@"\n', encoding="utf-8")
    file.chmod(0o755)
    return file


def load(
    stack: Stack, k6: Path, folder: Path, *more: str, fault: str = ""
) -> tuple[subprocess.CompletedProcess[str], Mapping[str, Any]]:
    """Run `just load smoke --k6`; return what became of it, and the summary (empty without one)."""
    ports = {SETTINGS[name]: str(port) for name, port in stack.ports.by_name().items()}
    environment = {
        **foreign_environment(), **ports, "TALLY_DATA_DIR": str(stack.data_dir), "PYTHONPATH": str(ROOT),
        "TALLY_K6": str(k6), "FAKE_K6": fault,
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "loadtests", "run", "smoke", "--k6", "--seed", "7", "--folder", str(folder), *more],
        env=environment, cwd=folder.parent, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    print(done.stdout, done.stderr)
    file = folder / "summary.json"
    return done, json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def test_an_honest_run_holds(stack: Stack, k6: Path, tmp_path: Path) -> None:
    """A run whose additions are all in the ledger once ends with 0, and its verdict counts exactly its own rows."""
    done, summary = load(stack, k6, tmp_path / "run")
    assert done.returncode == 0
    assert f"verdict HOLDS: lost 0, doubled 0; {ADDITIONS} acknowledged" in done.stdout
    verdict = summary["verdict"]
    assert (verdict["holds"], verdict["counted"], verdict["counted_sum"]) == (
        True, ADDITIONS, verdict["digest"]["acked_sum"],
    )  # fmt: skip
    assert summary["machine"]["generator"] == "k6 v2.3.0 (a stand-in of the tests)"
    assert sorted(each.name for each in (tmp_path / "run").iterdir()) == ["summary.json"]


def test_its_summary_can_be_compared_with_one_of_ours(stack: Stack, k6: Path, tmp_path: Path) -> None:
    """The folder of a run by k6 is one that `just load-compare` reads, beside any other."""
    load(stack, k6, tmp_path / "a")
    load(stack, k6, tmp_path / "b")
    table, notes = comparison(summary_at(tmp_path / "a"), summary_at(tmp_path / "b"))
    assert table.row_count > 0
    assert notes[0].startswith("A: verdict HOLDS")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("claims-more", "verdict BROKEN: lost 1, doubled 0"),
        ("claims-fewer", "never sent 1"),
        ("claims-a-sum", "acknowledged sums make 42"),
        ("aborted", "k6 ended with exit code 105 (it was interrupted)"),
    ],
)
def test_what_the_ledger_denies_breaks_the_verdict(
    stack: Stack, k6: Path, tmp_path: Path, fault: str, words: str
) -> None:
    """A count or a sum that the ledger does not have, and a k6 that was interrupted, end with 1 and the reason."""
    done, summary = load(stack, k6, tmp_path / "run", fault=fault)
    assert done.returncode == summary["exit_code"] == 1
    assert words in done.stdout


def test_an_unknown_outcome_may_be_missing(stack: Stack, k6: Path, tmp_path: Path) -> None:
    """An addition whose outcome is unknown may be in the ledger or not: the verdict holds without it."""
    done, summary = load(stack, k6, tmp_path / "run", fault="invents-an-unknown")
    assert done.returncode == 0
    assert (summary["verdict"]["holds"], summary["verdict"]["unknown_counted"]) == (True, 0)


def test_a_crossed_threshold_ends_with_99(stack: Stack, k6: Path, tmp_path: Path) -> None:
    """A threshold that k6 says was crossed ends the command with 99 when the verdict holds."""
    done, summary = load(stack, k6, tmp_path / "run", fault="crosses")
    assert done.returncode == summary["exit_code"] == 99
    assert "add_p50_ms <= 250: 300 CROSSED" in done.stdout


def test_a_k6_that_fails_says_so(stack: Stack, k6: Path, tmp_path: Path) -> None:
    """A k6 that ends without a summary ends the command with 1 and one sentence that has k6's exit code."""
    done, summary = load(stack, k6, tmp_path / "run", fault="crashes")
    assert (done.returncode, summary) == (1, {})
    assert "k6 ended with exit code 107 (the script raised an exception); it wrote no summary" in done.stderr


def test_without_a_k6_two_lines_tell_what_to_do(tmp_path: Path) -> None:
    """Where there is no k6, two lines say how to get one and which command does the same now; the exit code is 2."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": str(tmp_path), "TALLY_K6": ""}
    done = subprocess.run(
        [sys.executable, "-m", "loadtests", "run", "peak", "--k6"],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    first, second = done.stderr.splitlines()
    assert first.startswith("There is no k6 on PATH: install version 2")
    assert "TALLY_K6" in first
    assert "`just load peak` runs the same profile now" in second


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nonsense",), "there is no profile 'nonsense'; there are smoke, load"),
        (("kafka",), "lacks the extension k6/x/tally"),
        (("breakpoint", "--limit"), "--limit and --k6 exclude each other"),
    ],
)
def test_what_k6_cannot_run_is_refused(k6: Path, tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    """An unknown profile, one that needs the extension, and a limit are refused with one sentence and exit code 2."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TALLY_K6": str(k6)}
    done = subprocess.run(
        [sys.executable, "-m", "loadtests", "run", *arguments, "--k6"],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
