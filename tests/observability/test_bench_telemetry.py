"""The benchmarks of telemetry run from end to end and print their table; nothing is asserted about time."""

import subprocess
import sys

import pytest

from tests_support.checkout import ROOT

pytestmark = [pytest.mark.observability, pytest.mark.timeout(600)]


def test_a_quick_run_of_the_benches_of_telemetry_prints_its_table() -> None:
    """The benches of telemetry measure a backend that accepts, is down and hangs, and print a table."""
    command = [sys.executable, "-m", "benchmarks", "telemetry", "telemetry-consumer", "--quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    for expected in ("traces 100%", "backend hangs", "backend down", "consumer", "ratio", "written to"):
        assert expected in " ".join(done.stdout.split())
