"""Holds back log lines that repeat themselves, and counts them. Has no clock and no I/O."""

from dataclasses import dataclass
from typing import Final

WINDOW_S: Final = 10.0
LINES_MAX: Final = 30
"""For each window and place: enough for all twelve partitions, not for a loop that fails a thousand times a second."""

Place = tuple[str | None, int | str]
"""Module and line of the call that logs, or what a library has instead of a line. The code bounds their number."""


@dataclass(slots=True)
class _Window:
    since_s: float
    lines: int = 0
    held_back: int = 0


class Repetition:
    """Decides about each line. One thread at a time."""

    def __init__(self, window_s: float = WINDOW_S, lines_max: int = LINES_MAX) -> None:
        """``lines_max`` lines from each place pass in ``window_s`` seconds."""
        self._window_s = window_s
        self._lines_max = lines_max
        self._windows: dict[Place, _Window] = {}

    def take(self, place: Place, now_s: float) -> int | None:
        """Return how many lines from this place were held back since its last one; None if this one must be, too."""
        window = self._windows.setdefault(place, _Window(now_s))
        if now_s - window.since_s >= self._window_s:
            window.since_s, window.lines = now_s, 0
        if window.lines >= self._lines_max:
            window.held_back += 1
            return None
        window.lines += 1
        held_back, window.held_back = window.held_back, 0
        return held_back

    def untold(self) -> dict[Place, int]:
        """Return how many lines were held back and not yet reported, by place."""
        return {place: window.held_back for place, window in self._windows.items() if window.held_back}
