"""Trying a mutant: in a copy of the tree, with the one test that must fail."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tests_support.mutants.catalogue import Mutant

TEST_S = 180
"""For one killer; a mutant that makes its test hang is stopped by it, which counts as failing."""
_FAILED, _PASSED = 1, 0  # exit codes of pytest; any other one means that no test ran


class Verdict(StrEnum):
    """What became of a mutant. Only KILLED is good."""

    KILLED = "killed"
    SURVIVED = "SURVIVED"
    NOT_RUN = "NOT RUN"


@dataclass(frozen=True)
class Trial:
    """A mutant's verdict; ``output`` is what pytest said."""

    mutant: Mutant
    verdict: Verdict
    took_s: float
    output: str


def copy_tree(root: Path, names: Iterable[str], into: Path) -> Path:
    """Copy the named files of a checkout into a new folder and return it."""
    for name in names:
        target = into / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / name, target)
    return into


def run_tests(tree: Path, tests: Iterable[str]) -> subprocess.CompletedProcess[str]:
    """Run tests of a tree, on the tree's own code; it stops at the first failure."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "-p", "no:cacheprovider"]
    return subprocess.run(
        [*command, f"--timeout={TEST_S}", *tests],
        cwd=tree,
        # no compiled files: one of a former mutant must not be taken for the next one's
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
        check=False,
    )


def try_mutant(tree: Path, mutant: Mutant) -> Trial:
    """Break the tree, run the killer, and mend the tree. Raises StaleMutantError."""
    began_s = time.monotonic()
    with _broken(tree / mutant.file, mutant):
        done = run_tests(tree, [mutant.killer])
    verdicts = {_FAILED: Verdict.KILLED, _PASSED: Verdict.SURVIVED}
    verdict = verdicts.get(done.returncode, Verdict.NOT_RUN)
    return Trial(mutant, verdict, time.monotonic() - began_s, done.stdout + done.stderr)


@contextmanager
def _broken(path: Path, mutant: Mutant) -> Iterator[None]:
    whole = path.read_text(encoding="utf-8")
    path.write_text(mutant.applied_to(whole), encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(whole, encoding="utf-8")
