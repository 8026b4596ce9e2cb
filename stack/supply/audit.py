"""Is a fault known of a pinned package of Python? pip-audit asks a public list; this says which of three answers it is.

pip-audit ends with 1 both when it found something and when it could ask nobody, and a list that answers but knows
nothing looks like a clean one. So its report decides, not its exit code, and it is first asked about a version whose
faults have been known for years: who does not know these has no data.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tally.base.written_file import write_file

KNOWN_TO_ALL: Final = "pyyaml==5.3"
"""Has CVE-2020-1747 and CVE-2020-14343: a file may run any code."""

_DEADLINE_S: Final = 900.0
_ANSWER_S: Final = "15"
_ERROR_LENGTH: Final = 300

Ask = Callable[[Sequence[str]], subprocess.CompletedProcess[str]]


@dataclass(frozen=True)
class Clean:
    """Each package was looked up, and of none a fault is known; one that two files pin is two pins."""

    pins: int


@dataclass(frozen=True)
class Known:
    """Faults are known; a line each: package, version, the fault's names, and the versions that mend it."""

    faults: tuple[str, ...]


@dataclass(frozen=True)
class NoData:
    """Nothing can be said, or not of all packages; ``why`` says what was missing."""

    why: str


Answer = Clean | Known | NoData


def audit(pins: Sequence[Path], ask: Ask) -> Answer:
    """Look up all packages of compiled files of requirements. A known fault is told, whatever else is missing."""
    with tempfile.TemporaryDirectory(prefix="tally-audit-") as work:
        known = Path(work) / "known.txt"
        write_file(known, f"{KNOWN_TO_ALL}\n", durable=False)
        answer = answer_of(ask(["--no-deps", "--requirement", str(known)]))
    if isinstance(answer, Clean):
        return NoData(f"the list that was asked does not even have the faults of {KNOWN_TO_ALL}")
    if isinstance(answer, NoData):
        return answer
    # One file at a time: two may pin a package in two versions, which pip-audit refuses to look up together.
    answers = [answer_of(ask(["--require-hashes", "--requirement", str(file)])) for file in pins]
    faults = [fault for each in answers if isinstance(each, Known) for fault in each.faults]
    if faults:
        return Known(tuple(sorted(set(faults))))
    missing = next((each for each in answers if isinstance(each, NoData)), None)
    return missing or Clean(sum(each.pins for each in answers if isinstance(each, Clean)))


def answer_of(done: subprocess.CompletedProcess[str]) -> Answer:
    """Return what pip-audit's report says, whatever its exit code was."""
    try:
        packages: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        lines = done.stderr.strip().splitlines() or ["pip-audit said nothing"]
        return NoData(lines[-1][-_ERROR_LENGTH:])
    faults = tuple(_line(each, fault) for each in packages for fault in each.get("vulns", ()))
    if faults:
        return Known(faults)
    skipped = [each["name"] for each in packages if "skip_reason" in each]
    if skipped or not packages:
        return NoData(f"the list that was asked has nothing on {', '.join(skipped) or 'any package'}")
    return Clean(len(packages))


def pip_audit(folder: Path) -> Ask:
    """Return how to ask the pip-audit in a folder of packages."""

    def ask(arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--format=json", "--progress-spinner=off"]
        try:
            return subprocess.run(
                [*command, f"--timeout={_ANSWER_S}", *arguments],
                env={**os.environ, "PYTHONPATH": str(folder)},
                capture_output=True,
                text=True,
                timeout=_DEADLINE_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(command, 1, "", f"no answer within {_DEADLINE_S:.0f} s")

    return ask


def _line(package: dict[str, Any], fault: dict[str, Any]) -> str:
    names = ", ".join([fault["id"], *fault.get("aliases", ())])
    mended = ", ".join(fault.get("fix_versions", ())) or "no version yet"
    return f"{package['name']} {package['version']}: {names}; mended in {mended}"
