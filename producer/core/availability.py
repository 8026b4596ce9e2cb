"""Availability: which parts of the producer can serve, and why the others cannot."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Available:
    """The part can serve."""


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The part cannot serve; ``reason`` is for people."""

    reason: str


Availability: TypeAlias = Available | Unavailable


class Readiness:
    """The availability of each part. Not thread-safe; no I/O."""

    def __init__(self, parts: Iterable[str]) -> None:
        """Begin with all parts unavailable, since they are starting."""
        self._parts: dict[str, Availability] = dict.fromkeys(parts, Unavailable("it is starting"))

    def note(self, part: str, availability: Availability) -> bool:
        """Set what a known part is; tell whether that is new."""
        before = self._parts[part]
        self._parts[part] = availability
        return before != availability

    def of(self, part: str) -> Availability:
        """Return the availability of a part."""
        return self._parts[part]

    def whole(self) -> Availability:
        """Return the availability of all parts together: available when each is, else every reason with its part."""
        reasons = [f"{part}: {now.reason}" for part, now in self._parts.items() if isinstance(now, Unavailable)]
        return Unavailable("; ".join(reasons)) if reasons else Available()
