"""The benchmarks run from end to end and print their table; nothing is asserted about time."""

import subprocess
import sys

import pytest

from tests_support.checkout import ROOT

pytestmark = [pytest.mark.broker, pytest.mark.slow]


def test_a_quick_run_of_the_benches_prints_its_table() -> None:
    """A quick run of the benches ends with exit code 0 and a table with each bench's ratio and target."""
    command = [
        sys.executable,
        "-m",
        "benchmarks",
        "unary",
        "batch",
        "columns",
        "idle",
        "consumer",
        "codegen",
        "refusals",
        "--quick",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    for expected in ("unary", "batch", "columns", "idle", "consumer", "refusals", "ratio", "target", "written to"):
        assert expected in done.stdout
