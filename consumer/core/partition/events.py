"""The events of a partition's decision table: what the group says, what a round found, and what came of jobs."""

from dataclasses import dataclass
from typing import TypeAlias

from consumer.core.partition.job_events import JobEnded, LoneBatchRead, LoneReadFailed, PublicationEvent, RecoveryEvent
from consumer.core.schema_wait import SchemaWait
from tally.event.dead_letter import Letter
from tally.ledger.state.fold import LedgerState


@dataclass(frozen=True, slots=True)
class Assigned:
    """The group gives the partition to this replica."""


@dataclass(frozen=True, slots=True)
class Released:
    """The group takes it back, or has taken it already; what was due is committed by now, where that was allowed."""


@dataclass(frozen=True, slots=True)
class OffsetCommitted:
    """The group has this next offset."""

    next_offset: int


@dataclass(frozen=True, slots=True)
class Tick:
    """A round of the loop is over.

    ``waited_s``: how long this round waited with nothing at hand.
    ``lone_read_free``: no batch is being read alone anywhere in this process; each may take gigabytes.
    ``topic_id``, ``log_end``: what Kafka last told of the topic and of the last stable offset; None if nothing.
    """

    waited_s: float = 0.0
    lone_read_free: bool = True
    topic_id: str | None = None
    log_end: int | None = None


@dataclass(frozen=True, slots=True)
class Appended:
    """A block is in the ledger and fsynced. ``letters``: its poison that no dead letter exists of.

    ``wait``: the record behind it cannot be read before this is over.
    """

    ledger: LedgerState
    letters: tuple[Letter, ...] = ()
    wait: SchemaWait | None = None


@dataclass(frozen=True, slots=True)
class NothingNew:
    """The ledger had all of the batch."""


@dataclass(frozen=True, slots=True)
class SchemasMissing:
    """The first new record of the batch cannot be read before the wait is over."""

    wait: SchemaWait


@dataclass(frozen=True, slots=True)
class NoRoom:
    """The disk took no block; the ledger is as it was."""

    reason: str
    cure: str


@dataclass(frozen=True, slots=True)
class Contradicted:
    """Ledger and topic contradict each other, or a batch can never be read; a person is needed."""

    reason: str
    cure: str


@dataclass(frozen=True, slots=True)
class ReadFailed:
    """Records could not be read, or not be proven to be this topic's; nothing of them is in the ledger."""

    reason: str
    cure: str | None = None


@dataclass(frozen=True, slots=True)
class TopicReplaced:
    """The topic has another id than the ledger's; nothing of the batch is in the ledger."""


@dataclass(frozen=True, slots=True)
class OutOfRange:
    """The position that is read from is outside the log."""


@dataclass(frozen=True, slots=True)
class BatchTooLarge:
    """The next batch is too large to be read with others; what stands before it is in the ledger."""


@dataclass(frozen=True, slots=True)
class EndReached:
    """Everything before this offset of the log is in the ledger; it is behind a last commit marker."""

    position: int


@dataclass(frozen=True, slots=True)
class Replayed:
    """The ledger's chain at the end of the replay is the witness's."""


Event: TypeAlias = (
    Assigned
    | Released
    | OffsetCommitted
    | Tick
    | RecoveryEvent
    | PublicationEvent
    | LoneBatchRead
    | LoneReadFailed
    | JobEnded
    | Appended
    | NothingNew
    | SchemasMissing
    | NoRoom
    | Contradicted
    | ReadFailed
    | TopicReplaced
    | OutOfRange
    | BatchTooLarge
    | EndReached
    | Replayed
)
