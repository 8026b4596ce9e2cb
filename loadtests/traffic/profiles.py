"""The profiles: how many callers or calls, for how long, doing what, and what must hold. Values, no I/O.

A *closed* profile has users who wait for each answer and think before the next call. An *open* one sends at a rate
whatever the answers do; its latencies are measured from the moment a call was due, so a slow system cannot hide them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from loadtests.errors import UsageError

Operation = Literal["add", "batch", "duplicate", "conflict", "invalid", "total", "lookup", "health", "visible"]

Weights = tuple[tuple[Operation, int], ...]

MIXED: Final[Weights] = (
    ("add", 71), ("batch", 3), ("duplicate", 4), ("conflict", 2), ("invalid", 5), ("total", 7), ("lookup", 3),
    ("health", 5),
)  # fmt: skip
ADD_ONLY: Final[Weights] = (("add", 1),)
VISIBLE: Final[Weights] = (("visible", 1),)


@dataclass(frozen=True, slots=True)
class Stage:
    """In ``duration_s`` the users (closed) or calls a second (open) go to ``target`` in a straight line."""

    duration_s: float
    target: float


@dataclass(frozen=True, slots=True)
class Threshold:
    """A figure of the run that must be at most (or, with ``equal``, exactly) ``limit``."""

    figure: str
    limit: float
    equal: bool = False

    def holds(self, value: float) -> bool:
        """Tell whether a value keeps the threshold."""
        return value == self.limit if self.equal else value <= self.limit

    def __str__(self) -> str:
        """Return it as people write it."""
        return f"{self.figure} {'=' if self.equal else '<='} {self.limit:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One profile. ``think_s`` is the median of a log-normal pause; 0 is none. ``abort`` ends it at the first break."""

    name: str
    meaning: str
    stages: Sequence[Stage]
    thresholds: Sequence[Threshold]
    start: float = 0.0
    weights: Weights = MIXED
    think_s: float = 0.0
    open: bool = False
    abort: bool = False
    topic: bool = False

    @property
    def duration_s(self) -> float:
        """Return how long it lasts unless it is ended before."""
        return sum(stage.duration_s for stage in self.stages)

    def target_at(self, at_s: float) -> float:
        """Return how many users, or calls a second, there should be at a time."""
        before = self.start
        for stage in self.stages:
            if at_s < stage.duration_s:
                return before + (stage.target - before) * at_s / stage.duration_s
            at_s -= stage.duration_s
            before = stage.target
        return before

    def lasting(self, factor: float) -> "Profile":
        """Return the same profile with all durations times a factor."""
        return replace(self, stages=[Stage(each.duration_s * factor, each.target) for each in self.stages])


_UNEXPECTED: Final = Threshold("unexpected_share", 0.001)


def _thresholds(p50_ms: float, p95_ms: float, p99_ms: float, *more: Threshold) -> tuple[Threshold, ...]:
    latencies = (Threshold("add_p50_ms", p50_ms), Threshold("add_p95_ms", p95_ms), Threshold("add_p99_ms", p99_ms))
    return (*latencies, _UNEXPECTED, *more)


PROFILES: Final[Mapping[str, Profile]] = {
    each.name: each
    for each in (
        Profile(
            name="smoke", meaning="a few seconds: does everything work?", think_s=0.05,
            stages=[Stage(1, 5), Stage(4, 5)], thresholds=_thresholds(250, 2_000, 5_000),
        ),
        Profile(
            name="load", meaning="an ordinary day", think_s=0.5,
            stages=[Stage(15, 200), Stage(60, 200), Stage(5, 0)], thresholds=_thresholds(100, 500, 1_000),
        ),
        Profile(
            name="peak", meaning="thousands of users at once", think_s=3.0,
            stages=[Stage(20, 1_000), Stage(30, 3_000), Stage(45, 3_000), Stage(15, 0)],
            thresholds=_thresholds(500, 2_500, 5_000),
        ),
        Profile(
            name="spike", meaning="a crowd that comes within seconds and leaves", think_s=1.0, start=20,
            stages=[Stage(10, 20), Stage(3, 1_000), Stage(20, 1_000), Stage(3, 20), Stage(20, 20)],
            thresholds=_thresholds(500, 2_500, 5_000),
        ),
        Profile(
            name="soak", meaning="an hour: does anything grow?", think_s=0.5,
            stages=[Stage(30, 100), Stage(3_600, 100)], thresholds=_thresholds(100, 500, 2_000),
        ),
        Profile(
            name="breakpoint", meaning="more and more calls, until the first threshold breaks", open=True, abort=True,
            start=100, stages=[Stage(100, 3_100)], weights=ADD_ONLY,
            thresholds=[Threshold("add_p99_ms", 500), _UNEXPECTED, Threshold("dropped", 0, equal=True)],
        ),
        Profile(
            name="e2e", meaning="from the call until the total has it", think_s=0.1, weights=VISIBLE,
            stages=[Stage(3, 20), Stage(30, 20)],
            thresholds=_thresholds(
                100, 500, 1_000, Threshold("visible_p95_ms", 1_000), Threshold("visible_p99_ms", 3_000),
            ),
        ),
        Profile(
            name="kafka", meaning="reads the topic during the load, and produces poison on purpose", think_s=0.2,
            topic=True, stages=[Stage(3, 40), Stage(20, 40), Stage(2, 0)],
            thresholds=_thresholds(
                100, 500, 1_000, Threshold("topic_missing", 0, equal=True), Threshold("topic_wrong", 0, equal=True),
                Threshold("poison_unjudged", 0, equal=True),
            ),
        ),
    )
}  # fmt: skip


def profile_called(name: str, *more: str) -> Profile:
    """Return a profile; ``more`` are other names that a person may give. Raises UsageError."""
    if name not in PROFILES:
        raise UsageError(f"there is no profile {name!r}; there are {', '.join([*PROFILES, *more])}")
    return PROFILES[name]
