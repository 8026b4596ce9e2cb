"""The soak's report and its catalogue, without a system."""

import random
import subprocess
import sys
import time
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests_support.checkout import ROOT
from tests_support.soak import faults, run
from tests_support.soak.faults import CATALOGUE, clock_jumps
from tests_support.soak.target import Target
from tests_support.soak.timeline import Happening, Sample, Timeline, lags, page, rates

SAMPLES = [
    Sample(at_s=1.0, acknowledged=100, unknown=0, counted=90),
    Sample(at_s=3.0, acknowledged=500, unknown=1, counted=None),
    Sample(at_s=4.0, acknowledged=500, unknown=1, counted=600),
]


def test_rates_and_lags_are_those_of_the_samples() -> None:
    """Rates are per second between samples, and a lag is unknown where no count was read."""
    assert rates(SAMPLES) == [200.0, 0.0]
    assert lags(SAMPLES) == [10, None, 0]


def test_the_page_tells_every_fault_and_needs_nothing_from_elsewhere() -> None:
    """Self-contained: no script, no link, no image; what a fault says is text and never markup."""
    fault = Happening(name="kill broker", began_s=1.5, ended_s=2.5, what="and <started> again")
    text = page(Timeline(SAMPLES, [fault]), title="A soak", verdict="every invariant holds", clean=True)
    assert "kill broker" in text
    assert "&lt;started&gt;" in text
    assert "every invariant holds" in text
    assert not any(word in text for word in ("src=", "href=", "<script", "url(", "http"))


def test_every_fault_of_the_catalogue_says_what_it_is_and_the_same_seed_draws_the_same() -> None:
    """Each of the 20 or more faults is documented, and a seed draws them in one order."""
    assert all(fault.__doc__ for fault in CATALOGUE)
    assert len(set(CATALOGUE)) == len(CATALOGUE) >= 20
    drawn = [random.Random(7).sample(CATALOGUE, len(CATALOGUE)) for _ in range(2)]
    assert drawn[0] == drawn[1]


def test_a_seed_draws_the_same_where_the_clock_cannot_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """A seed draws the same faults on a machine whose clock cannot be set, which leaves out only that one."""
    monkeypatch.setattr(faults, "pause", lambda _duration_s: None)
    left = []
    for clock in (None, SimpleNamespace(set=lambda _offset_s: None)):
        target = cast("Target", SimpleNamespace(rng=random.Random(7), clock=clock))
        clock_jumps(target)
        left.append(target.rng.random())
    assert left[0] == left[1]


def test_a_service_that_ended_after_a_fault_is_started_again_before_the_next_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A process that is gone cannot be stopped, limited or asked; its end is told with the fault that met it."""
    ended = ["consumer-0.log ended with 74"]

    def revive() -> list[str]:
        told, ended[:] = ended[:], []
        return told

    def harm(_target: Any) -> str:
        assert not ended, "it was started again"
        return "harm was done"

    def say(_line: str) -> None:
        raise KeyboardInterrupt  # one fault is enough

    monkeypatch.setattr(run, "pause", lambda _duration_s: None)
    monkeypatch.setattr(run, "CATALOGUE", (harm,))
    target = cast("Target", SimpleNamespace(rng=random.Random(7), revive=revive))
    timeline = Timeline()
    with pytest.raises(KeyboardInterrupt):
        run._harm(target, timeline, time.monotonic(), 600, say)
    assert timeline.faults[0].what == "consumer-0.log ended with 74; harm was done"


def test_wrong_arguments_are_told_with_what_is_allowed() -> None:
    """A soak with wrong arguments ends with exit code 2 and its usage."""
    for arguments in (["0"], ["ten"], ["1", "x"], ["1", "2", "3"]):
        command = [sys.executable, "-m", "tests_support.soak", *arguments]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert "MINUTES" in done.stderr
