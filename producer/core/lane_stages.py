"""The stages of a lane, a closed union of frozen values."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from producer.core.calls import Batch


@dataclass(frozen=True, slots=True)
class Init:
    """No instance has been ready yet."""


@dataclass(frozen=True, slots=True)
class Ready:
    """An instance with nothing open."""


@dataclass(frozen=True, slots=True)
class Open:
    """A transaction is open and its records are being produced. No commit has been sent."""

    batch: Batch


@dataclass(frozen=True, slots=True)
class Committing:
    """Every record is delivered, at ``offsets``; the commit has been under way since ``since_s``."""

    batch: Batch
    offsets: Sequence[int]
    since_s: float


@dataclass(frozen=True, slots=True)
class Aborting:
    """The abort is under way. No commit has been sent."""

    batch: Batch
    cause: str


@dataclass(frozen=True, slots=True)
class Resolving:
    """The outcome of the batch is unknown; ``offsets`` is None when no commit was ever sent."""

    batch: Batch
    offsets: Sequence[int] | None
    since_s: float
    cause: str


@dataclass(frozen=True, slots=True)
class Tainted:
    """Nothing is open, but a request of this instance may still be on the way."""


@dataclass(frozen=True, slots=True)
class Dead:
    """The lane does nothing more."""

    cause: str


LaneStage: TypeAlias = Init | Ready | Open | Committing | Aborting | Resolving | Tainted | Dead
