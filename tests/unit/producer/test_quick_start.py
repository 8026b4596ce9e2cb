"""A killed producer serves again as soon as it can: its start loads no more than it needs and waits for nothing."""

import subprocess
import sys

from producer.shell.read_back import reader_config
from tests_support.checkout import ROOT


def test_a_service_does_not_load_the_command_line_of_its_http_client() -> None:
    code = (
        "import common.registry_http, httpx, sys; print(httpx.Client and sorted({'rich', 'pygments'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_end_of_a_partition_is_told_without_the_client_s_usual_wait() -> None:
    assert int(reader_config({})["fetch.wait.max.ms"]) <= 50
