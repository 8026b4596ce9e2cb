"""The events of a lane, a closed union of frozen values: what came of its last action.

Most are answers of the transactional client and stand in its port.
"""

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from producer.core.calls import Batch
from tally.kafka.transaction_port import (
    Aborted,
    AbortFailed,
    CommitFailed,
    CommitReturned,
    CommitSuspected,
    CommitTimedOut,
    Delivered,
    ProduceFailed,
    Renewed,
    RenewFailed,
    Suspected,
)


@dataclass(frozen=True, slots=True)
class Taken:
    """The lane was given a batch."""

    batch: Batch


class Found(Enum):
    """How much of a batch reading back found; a transaction is whole or absent."""

    ALL = "all"
    NONE = "none"
    UNDECIDED = "undecided"  # the last stable offset is not past the batch yet, or the broker did not answer
    SOME = "some"  # impossible: the outcome stays unknown


@dataclass(frozen=True, slots=True)
class WasReadBack:
    """The partitions were read back."""

    found: Found
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Stop:
    """The producer is draining: there is no more work."""


Event: TypeAlias = (
    Renewed
    | RenewFailed
    | Taken
    | Delivered
    | ProduceFailed
    | CommitReturned
    | CommitSuspected
    | CommitTimedOut
    | CommitFailed
    | Aborted
    | AbortFailed
    | WasReadBack
    | Suspected
    | Stop
)
