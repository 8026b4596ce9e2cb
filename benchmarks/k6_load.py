"""The k6 script beside our own generator: the same profile, the same seed in each pair, in turns.

The k6 on PATH, or the one that TALLY_K6 names, runs the script. Where there is none, the harness of the tests takes its
place: it is no load generator, but shows whether the script sees the latencies that our generator sees.
"""

import itertools
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.results import Comparison, Sample, Target, alternate
from stack import Stack
from stack.parts.services import foreign_environment
from stack.ports import SETTINGS
from tests_support.load.k6_harness import harness

_CONFIDENCE = 0.95
_RUN_S = 300.0
_EXITS = (0, 99)  # a crossed threshold is a figure as well


@dataclass(frozen=True, kw_only=True)
class K6Size:
    """How much is measured: pairs of runs of a profile, whose durations are scaled."""

    pairs: int
    profile: str
    time_scale: float


FULL = K6Size(pairs=7, profile="load", time_scale=0.2)
QUICK = K6Size(pairs=1, profile="smoke", time_scale=0.4)


def of(quick: bool, pairs: int | None) -> K6Size:
    """Return the size of a run; ``pairs`` may be chosen."""
    size = QUICK if quick else FULL
    return size if pairs is None else replace(size, pairs=pairs)


def beside_ours(stack: Stack, size: K6Size) -> Comparison:
    """Compare the median latency of Add under a profile, by the k6 script and by our generator."""
    own = shutil.which(os.environ.get("TALLY_K6") or "k6")
    program, called = (own, own) if own else (str(harness()), "the harness of the tests, as there is no k6")
    ours, k6 = alternate(_side(stack, size, program), _side(stack, size, program, "--k6"), size.pairs)
    ratios = [one.value / other.value for one, other in zip(k6, ours, strict=True)]
    return Comparison(
        name="k6",
        unit="ms p50",
        subject=f"Add in profile {size.profile} by loadtests/main.js in {called}",
        limit="the same profile, users and seed by our own generator",
        target=Target(ratio=1.25, higher_is_better=False),
        subject_samples=k6,
        limit_samples=ours,
        notes=(f"k6's median / ours: {interval(ratios)}", "per pair: " + ", ".join(f"{each:.2f}" for each in ratios)),
    )


def _side(stack: Stack, size: K6Size, program: str, *more: str) -> Callable[[], Sample]:
    seeds = itertools.count(1)
    ports = {SETTINGS[name]: str(port) for name, port in stack.ports.by_name().items()}
    environment = {
        **foreign_environment(), **ports, "TALLY_DATA_DIR": str(stack.data_dir), "TALLY_K6": program,
    }  # fmt: skip

    def run() -> Sample:
        with tempfile.TemporaryDirectory() as folder:
            line = [
                sys.executable, "-m", "loadtests", "run", size.profile, *more, "--folder", folder,
                "--seed", str(next(seeds)), "--time-scale", str(size.time_scale),
            ]  # fmt: skip
            done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=_RUN_S, check=False)
            if done.returncode not in _EXITS:
                raise RuntimeError(
                    f"{' '.join(line)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"[-2000:]
                )
            figures = json.loads((Path(folder) / "summary.json").read_text(encoding="utf-8"))["figures"]
        details = {
            "p95_ms": figures["add_p95_ms"],
            "p99_ms": figures["add_p99_ms"],
            "calls_per_s": figures["calls_per_s"],
        }
        return Sample(value=figures["add_p50_ms"], details=details)

    return run


def interval(values: Sequence[float]) -> str:
    """Return the median and an interval that holds the true one with a probability of at least 95 %.

    By the order of the values: from the one ``skip`` places after the smallest to the one as many before the largest.
    """
    ordered, count = sorted(values), len(values)
    middle = statistics.median(ordered)
    fails = 0.0
    skip = -1
    for number in range(count // 2):
        fails += 2 * math.comb(count, number) / 2**count
        if 1 - fails < _CONFIDENCE:
            break
        skip = number
    if skip < 0:
        return f"median {middle:.2f} of {count}; an interval of 95 % takes 6 pairs or more"
    return f"median {middle:.2f}, 95 % interval {ordered[skip]:.2f} to {ordered[-1 - skip]:.2f}, {count} pairs"
