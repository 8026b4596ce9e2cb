"""The states of a partition as REST, metrics and logs show them.

Theory of operation. The decision table (``table``) sets them; everybody else reads them in a snapshot. PAUSED goes
on by itself once its cause is gone, and carries the cure of one that does not pass; it is shown until a try succeeds.
REFUSED needs a person: it is never fetched and never committed, and carries the cure. Which state may follow which is
in docs/DESIGN.md, where a test compares it with the table.
"""

from dataclasses import dataclass
from enum import StrEnum


class StateName(StrEnum):
    """What REST shows; ELSEWHERE is a partition that another replica owns."""

    UNASSIGNED = "UNASSIGNED"
    RECOVERING = "RECOVERING"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    REFUSED = "REFUSED"
    ELSEWHERE = "ELSEWHERE"


@dataclass(frozen=True, slots=True)
class Unassigned:
    """Not ours."""


@dataclass(frozen=True, slots=True)
class Recovering:
    """Ours, and not counting new records yet. ``step`` is a phrase for people."""

    step: str


@dataclass(frozen=True, slots=True)
class Running:
    """Ours, counting."""


@dataclass(frozen=True, slots=True)
class Paused:
    """Ours, waiting for something outside to come back; tried again by itself.

    ``cure`` tells a person what to do; None for what passes by itself.
    """

    reason: str
    cure: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """Ours, and not touched: ledger and topic contradict each other. ``cure`` tells a person what to do."""

    reason: str
    cure: str


State = Unassigned | Recovering | Running | Paused | Refused

_NAMES: dict[type[State], StateName] = {
    Unassigned: StateName.UNASSIGNED,
    Recovering: StateName.RECOVERING,
    Running: StateName.RUNNING,
    Paused: StateName.PAUSED,
    Refused: StateName.REFUSED,
}


def name_of(state: State) -> StateName:
    """Return the name by which REST and logs know a state."""
    return _NAMES[type(state)]


def reason_of(state: State) -> str | None:
    """Return why a partition of ours is not counting; None for one that counts or is not ours."""
    match state:
        case Recovering(step):
            return step
        case Paused(reason) | Refused(reason, _):
            return reason
        case Unassigned() | Running():
            return None


def cure_of(state: State) -> str | None:
    """Return what a person must do; None for a state that needs nobody."""
    return state.cure if isinstance(state, Paused | Refused) else None
