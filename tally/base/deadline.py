"""One deadline for many steps: a moment that is fixed once, so that no step starts the whole time-out again."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment of a monotonic clock, in seconds of that clock. Immutable: threads may share it."""

    at_s: float
    clock_s: Callable[[], float] = field(default=time.monotonic, repr=False, compare=False)

    @classmethod
    def after(cls, seconds: float, clock_s: Callable[[], float] = time.monotonic) -> Self:
        """Return the deadline that is so many seconds from now."""
        return cls(clock_s() + seconds, clock_s)

    def left_s(self) -> float:
        """Return the seconds that are left, 0.0 when the deadline has passed."""
        return max(0.0, self.at_s - self.clock_s())
