"""What came of a partition's jobs, as events of its decision table: recoveries, publications, batches read alone."""

from dataclasses import dataclass
from typing import TypeAlias

from consumer.core.recovery import Replay
from tally.event.claims import NO_CLAIMS, Claims
from tally.event.dead_letter import Letter
from tally.ledger.state.fold import LedgerState


@dataclass(frozen=True, slots=True)
class LedgerFacts:
    """An open ledger: the state that its fsynced blocks amount to, and the topic it belongs to."""

    state: LedgerState
    topic_id: str


@dataclass(frozen=True, slots=True)
class RecoverySucceeded:
    """Ledger, group and log agree.

    ``committed`` is the group's offset. ``replay``: nothing may be committed before the ledger has reached its end.
    ``claims``: what dead letters say of records that are not in the ledger yet. ``letters``: poison in the ledger
    whose dead letter does not exist yet.
    """

    ledger: LedgerFacts
    committed: int | None
    replay: Replay | None = None
    claims: Claims = NO_CLAIMS
    letters: tuple[Letter, ...] = ()


@dataclass(frozen=True, slots=True)
class RecoveryPostponed:
    """Something outside is in the way; the ledger may be open already."""

    ledger: LedgerFacts | None
    reason: str
    cure: str | None = None


@dataclass(frozen=True, slots=True)
class RecoveryRefused:
    """A person is needed; the ledger may be open, for reading only."""

    ledger: LedgerFacts | None
    reason: str
    cure: str


@dataclass(frozen=True, slots=True)
class LettersPublished:
    """The group's committed offset covers the poison, so its dead letters are in the topic, once."""

    next_offset: int


@dataclass(frozen=True, slots=True)
class LettersNotPublished:
    """They are not, or it is not known. ``cure``: what a person must do; None where it passes by itself."""

    reason: str
    cure: str | None = None


@dataclass(frozen=True, slots=True)
class LoneBatchRead:
    """The batch that is too large to be read with others is in memory; ``found`` tells whether it has records."""

    found: bool


@dataclass(frozen=True, slots=True)
class LoneReadFailed:
    """It could not be read; nothing of it is in the ledger."""

    reason: str
    cure: str | None = None


@dataclass(frozen=True, slots=True)
class JobEnded:
    """The job of a partition that was given up is over, whatever came of it."""


RecoveryEvent: TypeAlias = RecoverySucceeded | RecoveryPostponed | RecoveryRefused
PublicationEvent: TypeAlias = LettersPublished | LettersNotPublished
