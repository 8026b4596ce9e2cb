"""The port of a transactional client of Kafka: what it takes and what it answers, each answer a frozen value.

The real one is `tally.kafka.transactions`; a fake implements the port for tests, and one suite of scenarios runs on
both. Nothing here imports Kafka's client, so that cores may match on these answers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, TypeAlias

import msgspec


class Outgoing(msgspec.Struct, frozen=True, gc=False):  # not a dataclass: one is made for each addition
    """A record to produce."""

    key: bytes
    value: bytes
    partition: int


Headers: TypeAlias = Mapping[bytes, Sequence[tuple[str, bytes]]]
"""Headers of records by the record's key; most have none."""
NO_HEADERS: Headers = {}


@dataclass(frozen=True, slots=True)
class OffsetsToCommit:
    """Next offsets of a consumer group, by partition of ``topic`` and with metadata, to commit with a transaction.

    ``member`` is what the group's consumer tells of itself for this, its ``consumer_group_metadata``.
    """

    topic: str
    next_offsets: Mapping[int, tuple[int, str]]
    member: object


class Kind(Enum):
    """What an error of the client means for its user."""

    FENCED = "fenced"  # another instance has the transactional id now
    ABORTABLE = "abortable"  # the transaction must be aborted
    FATAL = "fatal"  # the instance is of no more use


@dataclass(frozen=True, slots=True)
class Trouble:
    """An error of the client, classified; ``text`` is for people, ``code`` is Kafka's or None."""

    kind: Kind
    text: str
    code: int | None = None


@dataclass(frozen=True, slots=True)
class Renewed:
    """A new instance is there, and what an older one had open is ended."""


@dataclass(frozen=True, slots=True)
class RenewFailed:
    """There is no new instance yet."""

    trouble: Trouble


@dataclass(frozen=True, slots=True)
class Delivered:
    """Every record is in the log at its offset, in the order in which the records were given."""

    offsets: Sequence[int]


@dataclass(frozen=True, slots=True)
class ProduceFailed:
    """Begin, produce or a delivery failed, or the group's offsets were refused; no commit was sent."""

    trouble: Trouble


@dataclass(frozen=True, slots=True)
class CommitReturned:
    """The commit succeeded, and was sent once."""


@dataclass(frozen=True, slots=True)
class CommitSuspected:
    """The commit succeeded, but ``signs`` tell that it may have been sent more than once."""

    signs: str


@dataclass(frozen=True, slots=True)
class CommitTimedOut:
    """The slice of time is over; the commit may be called again."""


@dataclass(frozen=True, slots=True)
class CommitFailed:
    """The commit failed after it may have left."""

    trouble: Trouble


@dataclass(frozen=True, slots=True)
class Aborted:
    """The abort succeeded."""


@dataclass(frozen=True, slots=True)
class AbortFailed:
    """The abort failed."""

    trouble: Trouble


@dataclass(frozen=True, slots=True)
class NoSigns:
    """Nothing tells that the instance must be replaced."""


@dataclass(frozen=True, slots=True)
class Suspected:
    """``signs`` tell that a request of this instance was sent more than once or is still on the way."""

    signs: str


class Transactions(Protocol):
    """One transactional client. Every call is bounded in time; one thread calls at a time."""

    def renew(self) -> Renewed | RenewFailed:
        """Replace the instance: what an older one of the same transactional id had open is ended when this returns."""

    def produce(
        self, records: Sequence[Outgoing], headers: Headers = NO_HEADERS, offsets: OffsetsToCommit | None = None
    ) -> Delivered | ProduceFailed:
        """Begin, produce all and wait for every delivery report; then add ``offsets`` to the transaction."""

    def commit(self, timeout_s: float) -> CommitReturned | CommitSuspected | CommitTimedOut | CommitFailed:
        """Commit, or go on with the commit that timed out."""

    def abort(self) -> Aborted | AbortFailed:
        """Abort the open transaction."""

    def idle_signs(self) -> NoSigns | Suspected:
        """While nothing is open: poll the client, and tell whether there are signs that it must be replaced."""

    def close(self) -> None:
        """Let go of the instance at once, without ending anything that is open. Waits for nobody."""
