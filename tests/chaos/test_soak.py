"""A minute and a half of everything at once, with a fresh seed each time.

Invariants: all that the oracle knows, over faults of the whole catalogue under load; the seed repeats a run.
"""

import os
from pathlib import Path

import pytest

from tests.chaos.conftest import SOAK_SEED
from tests_support.soak.run import soak

SOAK_S = 90.0


@pytest.mark.timeout(600)
def test_every_promise_holds_under_faults_at_random(tmp_path: Path) -> None:
    """Under random faults of every kind the load's history shows no broken promise, and calls were acknowledged."""
    done = soak(tmp_path, duration_s=SOAK_S, seed=int(os.environ[SOAK_SEED]), say=print)
    print(f"{done.faults} faults, {done.acknowledged} acknowledged, {done.unknown} unknown; {done.page}")
    done.report.require_clean()
    assert done.faults
    assert done.acknowledged
