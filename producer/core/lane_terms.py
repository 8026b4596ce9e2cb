"""The words of a lane's decision table: stages, events, verdicts and actions, each a closed union of frozen values.

The answers of the transactional client are events; they are in `tally.kafka.transaction_port`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from producer.core.batching import Batch
from tally.kafka.transaction_port import (
    Aborted,
    AbortFailed,
    CommitFailed,
    CommitReturned,
    CommitTimedOut,
    Delivered,
    ProduceFailed,
    Renewed,
    RenewFailed,
)

# --------------------------------------------------------------------------------------------------------- stages


@dataclass(frozen=True, slots=True)
class Init:
    """No instance was ever ready."""


@dataclass(frozen=True, slots=True)
class Ready:
    """An instance with nothing open."""


@dataclass(frozen=True, slots=True)
class Open:
    """A transaction is open; its records are being produced. No commit was sent."""

    batch: Batch


@dataclass(frozen=True, slots=True)
class Committing:
    """Every record was delivered (at ``offsets``); the commit is being sent since ``since_s``."""

    batch: Batch
    offsets: Sequence[int]
    since_s: float


@dataclass(frozen=True, slots=True)
class Aborting:
    """The abort is being sent. No commit was sent."""

    batch: Batch
    cause: str


@dataclass(frozen=True, slots=True)
class Resolving:
    """What became of the batch is not known; ``offsets`` is None when no commit was ever sent."""

    batch: Batch
    offsets: Sequence[int] | None
    since_s: float
    cause: str


@dataclass(frozen=True, slots=True)
class Tainted:
    """Nothing is open, but a request of this instance may still be on the way."""


@dataclass(frozen=True, slots=True)
class Dead:
    """The lane does nothing any more."""

    cause: str


Stage: TypeAlias = Init | Ready | Open | Committing | Aborting | Resolving | Tainted | Dead

# --------------------------------------------------------------------------------------------------------- events


@dataclass(frozen=True, slots=True)
class Taken:
    """There is work."""

    batch: Batch


class Found(Enum):
    """What reading back says of a batch; a transaction is whole or absent."""

    ALL = "all"
    NONE = "none"
    UNDECIDED = "undecided"  # the last stable offset is not past the batch yet, or the broker did not answer
    SOME = "some"  # cannot be: the answer stays unknown


@dataclass(frozen=True, slots=True)
class WasReadBack:
    """The partitions were read back."""

    found: Found
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Suspected:
    """While idle: signs that a request of this instance was sent more than once or is still on the way."""

    signs: str


@dataclass(frozen=True, slots=True)
class Stop:
    """The producer drains: there is no more work."""


Event: TypeAlias = (
    Renewed
    | RenewFailed
    | Taken
    | Delivered
    | ProduceFailed
    | CommitReturned
    | CommitTimedOut
    | CommitFailed
    | Aborted
    | AbortFailed
    | WasReadBack
    | Suspected
    | Stop
)

# -------------------------------------------------------------------------------------------------------- actions


@dataclass(frozen=True, slots=True)
class Committed:
    """Answer: committed at these offsets, in the batch's order."""

    offsets: Sequence[int]


@dataclass(frozen=True, slots=True)
class NotCommitted:
    """Answer: proven not committed; attempts that are still wanted may be tried again unless ``fenced``."""

    cause: str
    fenced: bool = False


@dataclass(frozen=True, slots=True)
class Unknown:
    """Answer: not known."""

    cause: str


Verdict: TypeAlias = Committed | NotCommitted | Unknown


@dataclass(frozen=True, slots=True)
class Answer:
    """Tell the waiting room what became of the batch."""

    batch: Batch
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Report:
    """Tell whether the lane has an instance; ``reason`` says why not, or is empty."""

    reason: str


@dataclass(frozen=True, slots=True)
class Renew:
    """After the delay replace the instance and call init_transactions."""

    delay_s: float


@dataclass(frozen=True, slots=True)
class Take:
    """Wait for work."""


@dataclass(frozen=True, slots=True)
class Produce:
    """Begin, produce, and wait for every delivery report."""

    batch: Batch


@dataclass(frozen=True, slots=True)
class Commit:
    """Commit, or call commit again, for at most so long."""

    timeout_s: float


@dataclass(frozen=True, slots=True)
class Abort:
    """Abort the open transaction."""


@dataclass(frozen=True, slots=True)
class ReadBack:
    """After the delay look for the batch's records at their offsets, read_committed."""

    batch: Batch
    offsets: Sequence[int]
    delay_s: float


@dataclass(frozen=True, slots=True)
class End:
    """End the process: this lane cannot go on."""

    cause: str


Action: TypeAlias = Answer | Report | Renew | Take | Produce | Commit | Abort | ReadBack | End
