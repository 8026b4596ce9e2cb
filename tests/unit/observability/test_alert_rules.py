"""The alerts by promtool: each fires when it must and is silent when it must."""

import subprocess
from pathlib import Path

import pytest

from stack.parts.engines import PROMTOOL
from tally.base.cache_folder import cache_folder
from tests_support.checkout import ROOT

FOLDER = ROOT / "observability" / "alerts"


@pytest.fixture(scope="module")
def promtool() -> Path:
    path = PROMTOOL.path_in(cache_folder())
    if not path.exists():
        pytest.skip("promtool is not built on this machine: `just observe full` builds it")
    return path


def test_every_alert_fires_and_is_silent_as_its_cases_say(promtool: Path) -> None:
    """By promtool each alert fires on its firing case and is silent on the other one."""
    done = subprocess.run(
        [promtool, "test", "rules", "rules_test.yml"], cwd=FOLDER, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_changed_threshold_is_noticed(promtool: Path, tmp_path: Path) -> None:
    """An alert rule that asks for something else fails its cases by the alert's name."""
    rules = (FOLDER / "rules.yml").read_text()
    (tmp_path / "rules.yml").write_text(rules.replace('"REFUSED"', '"RUNNING"'))
    (tmp_path / "rules_test.yml").write_text((FOLDER / "rules_test.yml").read_text())
    done = subprocess.run(
        [promtool, "test", "rules", "rules_test.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "PartitionRefused" in done.stdout + done.stderr
