"""The limit of open files."""

import resource
import subprocess
import sys

import pytest

from stack.system import ROOT

ASKS = (
    "import resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[2])));"
    "from tally.service.descriptors import raise_limit;"
    "print(raise_limit(int(sys.argv[3])), resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
)


@pytest.mark.parametrize(
    ("soft", "hard", "wanted", "left"),
    [
        pytest.param(256, 1000, 65_536, 1000, id="as far as allowed"),
        pytest.param(256, 1000, 600, 600, id="no further than wanted"),
        pytest.param(900, 1000, 600, 900, id="never lowered"),
    ],
)
def test_the_limit_of_open_files_is_raised_and_never_lowered(soft: int, hard: int, wanted: int, left: int) -> None:
    """A process raises its limit of open files to what it wants and may have, and knows what it got."""
    assert hard <= resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    command = [sys.executable, "-c", ASKS, *map(str, (soft, hard, wanted))]
    asked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert asked.stdout.split() == [str(left), str(left)]
