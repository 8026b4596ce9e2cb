"""The soak's report and its catalogue, without a system."""

import random
import subprocess
import sys

from tests_support.checkout import ROOT
from tests_support.soak.faults import CATALOGUE
from tests_support.soak.timeline import Happening, Sample, Timeline, lags, page, rates

SAMPLES = [
    Sample(at_s=1.0, acknowledged=100, unknown=0, counted=90),
    Sample(at_s=3.0, acknowledged=500, unknown=1, counted=None),
    Sample(at_s=4.0, acknowledged=500, unknown=1, counted=600),
]


def test_rates_and_lags_are_those_of_the_samples() -> None:
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
    assert all(fault.__doc__ for fault in CATALOGUE)
    assert len(set(CATALOGUE)) == len(CATALOGUE) >= 20
    drawn = [random.Random(7).sample(CATALOGUE, len(CATALOGUE)) for _ in range(2)]
    assert drawn[0] == drawn[1]


def test_wrong_arguments_are_told_with_what_is_allowed() -> None:
    for arguments in (["0"], ["ten"], ["1", "x"], ["1", "2", "3"]):
        command = [sys.executable, "-m", "tests_support.soak", *arguments]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert "MINUTES" in done.stderr
