"""How long healthy callers waited, from their histories. Pure."""

import math
from collections.abc import Iterable, Sequence
from typing import Final

from oracle.history import Call, Outcome

_REUSED_ID: Final = "ALREADY_EXISTS"


def waits_s(calls: Iterable[Call], from_s: float, to_s: float) -> list[float]:
    """Return how long each call that began in a while took until its answer was OK, its retries included.

    The additions of one batch waited together: they are one call. An id with other operands is another call, which ends
    when it is refused.
    """
    began: dict[tuple[str, str, str], float] = {}
    waited: set[tuple[float, float]] = set()
    for call in calls:
        addition = (call.request_id, call.a, call.b)
        first_s = began.setdefault(addition, call.started_s)
        answered = call.outcome is Outcome.OK
        if answered or call.status == _REUSED_ID:
            del began[addition]
        if answered and from_s <= first_s < to_s:
            waited.add((first_s, call.ended_s))
    return [ended_s - first_s for first_s, ended_s in waited]


def p99(waits: Sequence[float]) -> float:
    """Return the 99th percentile by the nearest rank; NaN of nothing."""
    return sorted(waits)[math.ceil(len(waits) * 0.99) - 1] if waits else math.nan
