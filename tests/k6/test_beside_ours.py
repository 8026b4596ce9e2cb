"""The k6 script beside our own generator: the same profile and seed make the same operations in the same shares."""

import random
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from loadtests.traffic.profiles import MIXED
from stack import Stack
from tests_support.load.loads import command, summary_in

pytestmark = [pytest.mark.k6, pytest.mark.broker]

TIME_SCALE = "3"  # five users for 15 s, some 650 iterations: few users, so that few add first what they use again
CHI_SQUARE_MAX = 29.88
"""Of two samples in eight classes (7 degrees of freedom): more than that is chance in 1 of 10,000 runs."""


def operations_of(summary: Mapping[str, Any]) -> Counter[str]:
    """Return how often each operation was done; a request that REST refuses is an invalid one, too."""
    found: Counter[str] = Counter()
    for code, count in summary["codes"].items():
        name = code.split()[0]
        found["invalid" if name == "invalid_rest" else name] += count
    return found


def chi_square(one: Counter[str], other: Counter[str]) -> float:
    """Return how far two samples are from having the same shares."""
    total = one.total() + other.total()
    distance = 0.0
    for name in one | other:
        for sample in (one, other):
            expected = (one[name] + other[name]) * sample.total() / total
            distance += (sample[name] - expected) ** 2 / expected
    return distance


def test_both_do_the_same_operations_in_the_same_shares(stack: Stack, k6: Path, tmp_path: Path) -> None:
    """Two runs of one seed differ in their shares no more than chance does, and each does every operation."""
    seed = random.randrange(10**6)
    print("seed", seed)
    shares = {}
    for name, more in (("ours", []), ("k6", ["--k6"])):
        folder = tmp_path / name
        command(
            stack, tmp_path, "run", "smoke", *more, "--folder", str(folder), "--seed", str(seed),
            "--time-scale", TIME_SCALE, TALLY_K6=str(k6),
        )  # fmt: skip
        summary = summary_in(folder)
        assert summary["seed"] == seed
        assert summary["verdict"]["holds"]
        assert summary["unexpected"] == {}
        shares[name] = operations_of(summary)
        print("ROW", name, dict(shares[name]), f"Add p50 {summary['figures']['add_p50_ms']} ms")
    assert set(shares["ours"]) == set(shares["k6"]) == {name for name, _ in MIXED}
    distance = chi_square(shares["ours"], shares["k6"])
    print("ROW chi square", round(distance, 2), "of at most", CHI_SQUARE_MAX)
    assert distance <= CHI_SQUARE_MAX


def test_other_shares_are_seen() -> None:
    """The comparison tells samples with other shares apart and takes like ones for like."""
    weights: dict[str, int] = {str(name): weight for name, weight in MIXED}
    one = Counter({name: 6 * weight for name, weight in weights.items()})
    other = Counter({**one, "conflict": 60})
    assert chi_square(one, Counter(one)) == 0
    assert chi_square(one, other) > CHI_SQUARE_MAX
