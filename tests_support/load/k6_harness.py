"""The harness that runs k6 scripts in tests (tests/k6/harness): building it, and running a script by it.

``python -m tests_support.load.k6_harness`` builds it and prints where it is.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from stack import Stack
from stack.fetch import go_programs
from stack.fetch.go_programs import ROOT, GoProgram
from stack.parts.services import foreign_environment
from tally.base.cache_folder import cache_folder

MAIN: Final = ROOT / "loadtests" / "main.js"
TALLY: Final = ROOT / "loadtests" / "tally.js"
_MODULE: Final = ROOT / "tests" / "k6" / "harness"
_PROGRAM: Final = GoProgram(
    name="k6-harness", module=_MODULE, package=".", seconds=45,
    replaced=(ROOT / "tests" / "k6" / "stub", ROOT / "loadtests" / "xk6-tally"),
)  # fmt: skip
_RUN_S: Final = 200.0


def harness() -> Path:
    """Return the program, building it when the cache does not have it. Raises CannotBuildError."""
    return go_programs.ensure(_PROGRAM, cache_folder(), print)


def go() -> Path:
    """Return the Go that builds it."""
    return go_programs.go_for(_MODULE, cache_folder(), print)


@dataclass(frozen=True)
class Ran:
    """What a run of a script gave. ``summary`` is empty when it wrote none."""

    code: int
    said: str
    summary: Mapping[str, Any]


def run_script(folder: Path, script: Path = MAIN, **variables: str | float) -> Ran:
    """Run a script with ``-e`` variables; show what it said."""
    file = folder / "k6-summary.json"
    file.unlink(missing_ok=True)
    given = [part for each in {"SUMMARY": file, **variables}.items() for part in ("-e", "{}={}".format(*each))]
    line = [str(harness()), "run", *given, str(script)]
    done = subprocess.run(
        line, env=foreign_environment(), cwd=folder, capture_output=True, text=True, timeout=_RUN_S, check=False
    )
    print(done.stdout, done.stderr)
    summary = json.loads(file.read_text()) if file.exists() else {}
    return Ran(done.returncode, done.stderr, summary)


def addresses(stack: Stack) -> dict[str, str]:
    """Return the script's variables that say where a stack is."""
    return {"GRPC": stack.grpc_target, "REST": stack.rest_url}


def main() -> int:
    """Build it."""
    try:
        print(harness())
    except go_programs.CannotBuildError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
