"""A killed producer serves again as soon as it can: its start loads no more than it needs and waits for nothing."""

import subprocess
import sys

import pytest

from tally.kafka.read_range import reader_config
from tests_support.checkout import ROOT


def test_a_service_does_not_load_the_command_line_of_its_http_client() -> None:
    """Importing the registry's HTTP client loads neither rich nor pygments, which would slow each start."""
    code = (
        "import tally.registry.http, httpx, sys; print(httpx.Client and sorted({'rich', 'pygments'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("service", ["producer", "consumer"])
def test_what_is_not_on_the_way_to_the_first_transaction_or_block_is_not_imported_before_it(service: str) -> None:
    """A service imports nothing large before its first transaction or block, which took a quarter of its start."""
    later = {"httpx", "opentelemetry.sdk", "prometheus_client", "litestar", "psutil", "pyarrow"}
    code = f"import sys, {service}.__main__, {service}.wiring; print(sorted({later!r} & {{*sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_end_of_a_partition_is_told_without_the_client_s_usual_wait() -> None:
    """A reader's fetch waits at most 50 ms for data, so a partition's end is known soon after a start."""
    assert int(reader_config({})["fetch.wait.max.ms"]) <= 50
