"""What a run measured: histograms and counts of constant size, one ``Second`` after the other. No I/O, no clock."""

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

_STEPS_PER_E: Final = 50  # a bucket is 2 % wide: finer than what one machine repeats
_MS_MIN: Final = 0.01


class Histogram:
    """Latencies in ms, in buckets 2 % wide; some hundred numbers however many are recorded."""

    def __init__(self) -> None:
        self._buckets: Counter[int] = Counter()
        self.count = 0
        self.max_ms = 0.0

    def record(self, ms: float) -> None:
        """Count one."""
        self._buckets[math.floor(math.log(max(ms, _MS_MIN)) * _STEPS_PER_E)] += 1
        self.count += 1
        self.max_ms = max(self.max_ms, ms)

    def quantile(self, share: float) -> float:
        """Return the upper edge of the bucket that a share of all is in or below; 0 when nothing was recorded."""
        left = share * self.count
        for bucket in sorted(self._buckets):
            left -= self._buckets[bucket]
            if left <= 0:
                return min(math.exp((bucket + 1) / _STEPS_PER_E), self.max_ms)
        return 0.0

    def merge(self, other: "Histogram") -> None:
        """Count all of another as well."""
        self._buckets.update(other._buckets)
        self.count += other.count
        self.max_ms = max(self.max_ms, other.max_ms)


@dataclass
class Window:
    """What happened in some time: latencies by operation, answers by code, what was not as expected."""

    latencies: dict[str, Histogram] = field(default_factory=dict)
    codes: Counter[str] = field(default_factory=Counter)
    unexpected: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    dropped: int = 0

    def answered(self, operation: str, code: str, ms: float, wrong: str | None) -> None:
        """Count one answer; ``wrong`` says why it was not the expected one."""
        self.calls += 1
        self.codes[f"{operation} {code}"] += 1
        self.timed(operation, ms)
        if wrong is not None:
            self.unexpected[f"{operation}: {wrong}"] += 1

    def timed(self, name: str, ms: float) -> None:
        """Count a latency that is no call's own, such as the time until an addition is visible."""
        self.latencies.setdefault(name, Histogram()).record(ms)

    def merge(self, other: "Window") -> None:
        """Count all of another as well."""
        for name, histogram in other.latencies.items():
            self.latencies.setdefault(name, Histogram()).merge(histogram)
        self.codes.update(other.codes)
        self.unexpected.update(other.unexpected)
        self.calls += other.calls
        self.dropped += other.dropped

    def figures(self) -> dict[str, float]:
        """Return the figures that thresholds are about."""
        wrong = sum(self.unexpected.values())
        figures = {"calls": float(self.calls), "dropped": float(self.dropped)}
        figures["unexpected_share"] = wrong / self.calls if self.calls else 0.0
        for name, histogram in sorted(self.latencies.items()):
            for share in (0.5, 0.95, 0.99):
                figures[f"{name}_p{share * 100:.0f}_ms"] = round(histogram.quantile(share), 2)
            figures[f"{name}_max_ms"] = round(histogram.max_ms, 2)
        return figures


@dataclass(frozen=True)
class Second:
    """One second of a run, as the report draws it."""

    at_s: float
    target: float
    in_flight: int
    calls: int
    unexpected: int
    dropped: int
    add_p50_ms: float
    add_p95_ms: float
    add_p99_ms: float
    loop_lag_ms: float
    cpu: dict[str, float]  # cores in use by process
