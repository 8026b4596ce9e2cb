"""Strangers at every door at once, beside callers who behave: `just hostile` in small, on a system of its own."""

import os
import random
from pathlib import Path

import pytest

from tally.base.hints import hint
from tests_support.hostile.run import Plan, run

SEED = "TALLY_HOSTILE_SEED"
PLAN = Plan(warm_s=15.0, quiet_s=10.0, hostile_s=40.0)


@pytest.mark.timeout(600)
def test_hostile_load_leaves_no_trace_and_loses_nothing(tmp_path: Path) -> None:
    """After attacks of every kind memory and descriptors are what they were, each part is ready, and the sums agree."""
    seed = int(os.environ.get(SEED, random.SystemRandom().randrange(10**6)))
    print(f"seed {seed}: {SEED}={seed} or `{hint(f'hostile 1 {seed}')}` draws the same")
    verdict = run(tmp_path, PLAN, seed=seed, say=print)
    for check in verdict.checks:
        print(f"{check.name}: {check.seen}; wanted: {check.wanted}")
    # How quick calls are is for the bench: other tests may be using the machine.
    assert [f"{each.name}: {each.seen}" for each in verdict.checks if not (each.holds or each.timing)] == []
    assert all(verdict.attempts.values()), verdict.attempts
