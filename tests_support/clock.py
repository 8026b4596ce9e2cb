"""Time that a test moves."""

from dataclasses import dataclass


@dataclass
class Clock:
    """Monotonic seconds."""

    now_s: float = 1000.0

    def __call__(self) -> float:
        return self.now_s
