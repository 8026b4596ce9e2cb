"""Samples, their medians, and the comparison of a subject with its limit."""

import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One round of one side: its figure and what else was seen."""

    value: float
    """In the unit of the comparison, for example calls a second."""
    details: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Target:
    """What the ratio subject / limit should reach."""

    ratio: float
    higher_is_better: bool = True

    def reached(self, ratio: float) -> bool:
        """Tell whether a ratio is good enough."""
        return ratio >= self.ratio if self.higher_is_better else ratio <= self.ratio

    def __str__(self) -> str:
        """Return the target as people write it."""
        return f">= {self.ratio:.0%}" if self.higher_is_better else f"<= {self.ratio:g} x"

    def shown(self, ratio: float) -> str:
        """Return a ratio in the form of the target."""
        return f"{ratio:.0%}" if self.higher_is_better else f"{ratio:.2f} x"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A subject beside its limit, over several alternating rounds."""

    name: str
    unit: str
    subject: str
    limit: str
    target: Target
    subject_samples: Sequence[Sample]
    limit_samples: Sequence[Sample]
    notes: Sequence[str] = ()

    @property
    def ratio(self) -> float:
        """Return median subject / median limit."""
        return median(self.subject_samples) / median(self.limit_samples)

    @property
    def reached(self) -> bool:
        """Tell whether the target was reached."""
        return self.target.reached(self.ratio)


def median(samples: Sequence[Sample]) -> float:
    """Return the median figure."""
    return statistics.median(sample.value for sample in samples)


def spread(samples: Sequence[Sample]) -> tuple[float, float]:
    """Return the smallest and the largest figure."""
    values = [sample.value for sample in samples]
    return min(values), max(values)


def in_turns(
    sides: Mapping[str, Callable[[], Sample]], rounds: int, *, warm_up: bool = True
) -> dict[str, list[Sample]]:
    """Run all sides in turns, so that what else the machine does hits all. Return ``rounds`` samples of each.

    To warm up, a first turn is thrown away: the broker compiles its hot code meanwhile. Each turn has an order of its
    own, the same in every run, so that no side always follows the same one, whose work may not be over.
    """
    order = random.Random(0)
    if warm_up:
        for side in sides.values():
            side()
    samples: dict[str, list[Sample]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name in order.sample([*sides], len(sides)):
            samples[name].append(sides[name]())
    return samples


def alternate(
    limit: Callable[[], Sample], subject: Callable[[], Sample], rounds: int
) -> tuple[list[Sample], list[Sample]]:
    """Run two sides in turns. Return ``rounds`` samples of each."""
    samples = in_turns({"limit": limit, "subject": subject}, rounds)
    return samples["limit"], samples["subject"]


def rate(turn: Callable[[], object], units_a_turn: int, duration_s: float) -> Sample:
    """Take turns for at least ``duration_s`` and return the units done a second."""
    turns, began_s = 0, time.perf_counter()
    while (elapsed_s := time.perf_counter() - began_s) < duration_s:
        turn()
        turns += 1
    return Sample(value=turns * units_a_turn / elapsed_s)


def latency_figures(latencies_s: Sequence[float]) -> dict[str, float]:
    """Return the median and the 99th percentile in ms, of one latency or more."""
    assert latencies_s, "a call was answered"
    p50_s, p99_s = np.percentile(latencies_s, [50, 99])
    return {"p50_ms": 1000 * float(p50_s), "p99_ms": 1000 * float(p99_s)}


def medians_of_details(samples: Sequence[Sample]) -> dict[str, float]:
    """Return the median of every detail that all samples have."""
    names = set.intersection(*(set(sample.details) for sample in samples)) if samples else set()
    return {name: statistics.median(sample.details[name] for sample in samples) for name in sorted(names)}
