"""What is said of the pinned packages, by pip-audit's report."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from stack.fetch import pinned_wheel
from stack.fetch.downloads import NetworkError
from stack.supply import __main__ as commands
from stack.supply import audit as audit_module
from stack.supply.audit import KNOWN_TO_ALL, Answer, Clean, Known, NoData, answer_of, audit

FAULT = {"id": "PYSEC-2021-142", "aliases": ["CVE-2020-14343"], "fix_versions": ["5.4"], "description": "…"}
LINE = "pyyaml 5.3: PYSEC-2021-142, CVE-2020-14343; mended in 5.4"
SOUND: dict[str, Any] = {"name": "click", "version": "8.2.1", "vulns": []}
FAULTY: dict[str, Any] = {"name": "pyyaml", "version": "5.3", "vulns": [FAULT]}
SKIPPED: dict[str, Any] = {"name": "own", "skip_reason": "Dependency not found on PyPI and could not be audited"}
OFFLINE = "ERROR:pip_audit._cli:Could not connect to PyPI's vulnerability feed\n"
SILENT = subprocess.CompletedProcess[str]([], 1, "", OFFLINE)
UNKNOWING: dict[str, Any] = {**FAULTY, "vulns": []}


def report(*packages: dict[str, Any], code: int = 0) -> subprocess.CompletedProcess[str]:
    """Return a run of pip-audit that looked packages up."""
    return subprocess.CompletedProcess([], code, json.dumps({"dependencies": packages, "fixes": []}), "")


@pytest.mark.parametrize(
    ("done", "answer"),
    [
        (report(SOUND), Clean(1)),
        (report(SOUND, FAULTY, code=1), Known((LINE,))),
        (report(SKIPPED, FAULTY, code=1), Known((LINE,))),
        (report(SOUND, SKIPPED), NoData("the list that was asked has nothing on own")),
        (report(), NoData("the list that was asked has nothing on any package")),
        (subprocess.CompletedProcess([], 1, "", OFFLINE), NoData(OFFLINE.strip())),
        (subprocess.CompletedProcess([], 0, "", ""), NoData("pip-audit said nothing")),
        (subprocess.CompletedProcess([], 0, "[]", ""), NoData("pip-audit said nothing")),
    ],
)
def test_the_report_decides_and_not_the_exit_code(done: subprocess.CompletedProcess[str], answer: Answer) -> None:
    """Only a report in which every package was looked up is clean; without a report there is no data."""
    assert answer_of(done) == answer


@pytest.mark.parametrize(
    ("runs", "answer"),
    [
        ([report(FAULTY), report(SOUND), report(SOUND, SOUND)], Clean(3)),
        ([report(FAULTY), report(SOUND), report(FAULTY)], Known((LINE,))),
        ([report(FAULTY), report(SKIPPED), report(FAULTY)], Known((LINE,))),
        ([report(FAULTY), report(SOUND), SILENT], NoData(OFFLINE.strip())),
        ([report(UNKNOWING)], NoData(f"the list that was asked does not even have the faults of {KNOWN_TO_ALL}")),
        ([SILENT], NoData(OFFLINE.strip())),
    ],
)
def test_only_a_list_that_knows_an_old_fault_and_every_pin_is_believed(
    runs: list[subprocess.CompletedProcess[str]], answer: Answer
) -> None:
    """Before two files of pins a version with well-known faults is looked up; a fault of any file is always told."""
    asked: list[Sequence[str]] = []

    def ask(arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
        asked.append(arguments)
        return runs[len(asked) - 1]

    assert audit([Path("one.txt"), Path("two.txt")], ask) == answer
    assert len(asked) == len(runs)
    assert [list(each) for each in asked[1:]] == [
        ["--require-hashes", "--requirement", name] for name in ("one.txt", "two.txt")[: len(runs) - 1]
    ]


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        (Clean(7), 0, "7 pins of "),
        (Known((LINE,)), 1, LINE),
        (NoData("nobody answers"), 69, "no data, so nothing can be said about the pinned packages: nobody answers"),
    ],
)
def test_each_answer_has_an_exit_code_and_says_what_it_is(
    answer: Answer, code: int, said: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A missing answer is never taken for a clean one by whoever runs the command."""
    monkeypatch.setattr(pinned_wheel, "ensure", lambda *_: Path())
    monkeypatch.setattr(audit_module, "audit", lambda *_: answer)
    assert commands.program.main(["audit-pins"], standalone_mode=False) == code
    assert said in "".join(capfd.readouterr())


def test_without_pip_audit_there_is_no_data(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """A download that fails is told as missing data, with its own reason."""

    def fail(*_: object) -> Path:
        raise NetworkError("PyPI does not answer")

    monkeypatch.setattr(pinned_wheel, "ensure", fail)
    assert commands.program.main(["audit-pins"], standalone_mode=False) == 69
    assert capfd.readouterr().err.endswith("packages: PyPI does not answer\n")
