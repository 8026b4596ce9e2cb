"""How long healthy callers waited, from their histories. Pure."""

import math
from collections.abc import Iterable, Sequence

from oracle.history import Call, Outcome


def waits_s(calls: Iterable[Call], from_s: float, to_s: float) -> list[float]:
    """Return how long each call that began in a while took until its answer was OK, its retries included.

    The additions of one batch waited together: they are one call. An id with other operands is another call.
    """
    began: dict[tuple[str, str, str], float] = {}
    waited: set[tuple[float, float]] = set()
    for call in calls:
        addition = (call.request_id, call.a, call.b)
        first_s = began.setdefault(addition, call.started_s)
        if call.outcome is Outcome.OK:
            del began[addition]
            if from_s <= first_s < to_s:
                waited.add((first_s, call.ended_s))
    return [ended_s - first_s for first_s, ended_s in waited]


def p99(waits: Sequence[float]) -> float:
    """Return the 99th percentile by the nearest rank; NaN of nothing."""
    return sorted(waits)[math.ceil(len(waits) * 0.99) - 1] if waits else math.nan
