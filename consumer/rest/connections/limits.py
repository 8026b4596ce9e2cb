"""How many connections REST may have, so that a flood of them never takes the descriptors that counting needs."""

from dataclasses import dataclass
from typing import Final

KEPT_FREE: Final = 256
"""Descriptors for ledgers (a segment and its successor of each partition), Kafka, telemetry, jobs and imports."""
PER_CONNECTION: Final = 2
"""A connection, and the file that its answer may be read from."""
CONNECTIONS_MIN: Final = 16
"""With fewer, a browser and two supervisors would take the place of all others."""


class DescriptorsError(Exception):
    """The process may not open enough files; the message says how many, and what to do."""


@dataclass(frozen=True)
class ConnectionLimits:
    """Bounds of REST's connections. ``head_timeout_s``: for a request's line and headers; ``idle_timeout_s``: between
    an answer and the next request."""

    connections_max: int
    head_timeout_s: float
    idle_timeout_s: float


def connections_within(descriptors: int, wanted: int) -> int:
    """Return how many connections leave the others their descriptors, at most ``wanted``. Raises DescriptorsError."""
    possible = (descriptors - KEPT_FREE) // PER_CONNECTION
    if possible < CONNECTIONS_MIN:
        needed = KEPT_FREE + PER_CONNECTION * CONNECTIONS_MIN
        raise DescriptorsError(
            f"the limit of open files is {descriptors}, and the consumer needs at least {needed}: raise it where the "
            f"consumer is started (ulimit -n 1024, LimitNOFILE= of systemd, ulimits of a container)"
        )
    return min(wanted, possible)
