"""What the services cost, looked at each second: resident memory and open descriptors."""

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import psutil

from stack import Stack
from stack.parts.names import PartName

WATCHED: Final[tuple[PartName, ...]] = ("producer", "consumer")
_AT_END: Final = 5
"""Samples whose median stands for a moment."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One service at one moment of the monotonic clock."""

    at_s: float
    rss_mb: float
    descriptors: int


class Watch:
    """The samples of each watched service; ``look`` takes one more."""

    def __init__(self, stack: Stack) -> None:
        """Watch the processes that run now: one that is started again is not looked at."""
        self._processes = {part: psutil.Process(_pid(stack, part)) for part in WATCHED}
        self.samples: Mapping[PartName, list[Sample]] = {part: [] for part in WATCHED}

    def look(self) -> None:
        """Take a sample of each. Raises psutil.NoSuchProcess when one has ended."""
        for part, process in self._processes.items():
            with process.oneshot():
                rss_mb, descriptors = process.memory_info().rss / 1e6, process.num_fds()
            self.samples[part].append(Sample(at_s=time.monotonic(), rss_mb=rss_mb, descriptors=descriptors))

    def until(self, part: PartName, at_s: float) -> Sequence[Sample]:
        """Return the last samples before a moment."""
        return [each for each in self.samples[part] if each.at_s <= at_s][-_AT_END:]

    def between(self, part: PartName, from_s: float, to_s: float) -> Sequence[Sample]:
        """Return the samples of a while."""
        return [each for each in self.samples[part] if from_s <= each.at_s <= to_s]


def rss_mb(samples: Sequence[Sample]) -> float:
    """Return the median of resident memory, in MB."""
    return statistics.median(each.rss_mb for each in samples)


def descriptors(samples: Sequence[Sample]) -> int:
    """Return the median of open descriptors."""
    return round(statistics.median(each.descriptors for each in samples))


def _pid(stack: Stack, part: PartName) -> int:
    pid = stack.pid(part)
    assert pid is not None, f"the {part} does not run"
    return pid
