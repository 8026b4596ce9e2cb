"""The stages of a partition's decision table: what is going on with it. ``state`` has what REST shows."""

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from consumer.core.partition.state import Refused, Unassigned


class Job(Enum):
    """What runs in another thread, on a partition that is not read meanwhile."""

    RECOVERY = "recovery"
    PUBLICATION = "publication"  # of dead letters, together with the offset that covers them
    LONE_READ = "lone read"  # of a batch that is too large to be read with others


@dataclass(frozen=True, slots=True)
class Waiting:
    """Ours, and nothing runs: the job begins at ``due_s``."""

    job: Job
    due_s: float


@dataclass(frozen=True, slots=True)
class Working:
    """Ours, and another thread works on it; the loop leaves its ledger alone."""

    job: Job


@dataclass(frozen=True, slots=True)
class Writing:
    """Ours, not read: a batch that was read alone is on its way into the ledger."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Ours, and its records are fetched with those of others.

    ``trouble_until_s``: how long the trouble that interrupted reading before is shown, when no block succeeds.
    ``waited_s``: how long nothing of any partition was at hand since reading began or something came of this one.
    """

    trouble_until_s: float
    waited_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Leaving:
    """Given up while the job runs; its ledger is closed after that.

    ``assigned_again``: it is ours again, and begins anew then.
    """

    job: Job
    assigned_again: bool = False


Stage: TypeAlias = Unassigned | Waiting | Working | Writing | Reading | Refused | Leaving
