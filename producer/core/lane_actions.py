"""The actions of a lane and its verdicts on a batch, each a closed union of frozen values."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from producer.core.availability import Availability
from producer.core.calls import Batch


@dataclass(frozen=True, slots=True)
class Committed:
    """The batch is committed at these offsets, in its order."""

    offsets: Sequence[int]


@dataclass(frozen=True, slots=True)
class NotCommitted:
    """The batch is proven absent; attempts that are still wanted may be tried again unless ``fenced``."""

    cause: str
    fenced: bool = False


@dataclass(frozen=True, slots=True)
class Unknown:
    """The outcome of the batch is unknown."""

    cause: str


Verdict: TypeAlias = Committed | NotCommitted | Unknown


@dataclass(frozen=True, slots=True)
class Answer:
    """Tell the call queue the verdict on the batch."""

    batch: Batch
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Report:
    """Tell whether the lane has an instance."""

    availability: Availability


@dataclass(frozen=True, slots=True)
class Renew:
    """After the delay, replace the instance and call init_transactions."""

    delay_s: float


@dataclass(frozen=True, slots=True)
class Take:
    """Wait for a batch."""


@dataclass(frozen=True, slots=True)
class Produce:
    """Begin, produce, and wait for every delivery report."""

    batch: Batch


@dataclass(frozen=True, slots=True)
class Commit:
    """Commit, or call commit again, for at most ``timeout_s``."""

    timeout_s: float


@dataclass(frozen=True, slots=True)
class Abort:
    """Abort the open transaction."""


@dataclass(frozen=True, slots=True)
class ReadBack:
    """After the delay, look for the batch's records at their offsets, read_committed."""

    batch: Batch
    offsets: Sequence[int]
    delay_s: float


@dataclass(frozen=True, slots=True)
class End:
    """End the process: this lane cannot go on."""

    cause: str


Action: TypeAlias = Answer | Report | Renew | Take | Produce | Commit | Abort | ReadBack | End
