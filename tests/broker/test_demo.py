"""The demonstration, with the first rows of the real file."""

import os
import re
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

pytestmark = [pytest.mark.broker, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
ROWS = 4000


def test_the_demo_survives_its_sigkills_and_every_figure_is_right(tmp_path: Path) -> None:
    """The short demo ends with exit code 0 and leaves neither a process nor a directory."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TALLY_")}
    if "TALLY_CACHE_DIR" in os.environ:
        environment["TALLY_CACHE_DIR"] = os.environ["TALLY_CACHE_DIR"]
    done = subprocess.run(
        [sys.executable, "-m", "demo", "--limit", str(ROWS)],
        env={**environment, "TALLY_DATA_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)},
        cwd=tmp_path, capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    assert re.search(r"All \d+ checks hold", done.stdout)
    assert re.search(rf"rows in the file +{ROWS:,} +{ROWS:,} +ok", done.stdout)
    assert done.stdout.count("SIGKILL producer (process") == 4
    assert done.stdout.count("SIGKILL consumer (process") == 3
    assert list((tmp_path / "demo").iterdir()) == []
    left = [
        p.info["pid"]
        for p in psutil.process_iter(["pid", "cmdline"])
        if str(tmp_path) in " ".join(p.info["cmdline"] or [])
    ]
    assert left == []
