"""The actions of a partition's decision table: what the loop does for it now."""

from dataclasses import dataclass
from typing import TypeAlias

from consumer.core.recovery import Replay
from consumer.core.schema_wait import SchemaWait
from tally.event.dead_letter import Letter


@dataclass(frozen=True, slots=True)
class Read:
    """Fetch from this offset on. ``because``: why reading begins once more, where that is worth a line in the log."""

    next_offset: int
    because: str = ""


@dataclass(frozen=True, slots=True)
class StopReading:
    """Fetch no more of it and drop what was fetched ahead."""


@dataclass(frozen=True, slots=True)
class Recover:
    """Gather what ledger, topic and group say, and ask the registry for what ``wait`` lacks. Yields a RecoveryEvent."""

    wait: SchemaWait | None


@dataclass(frozen=True, slots=True)
class Publish:
    """Publish the letters together with the offset. Yields LettersPublished or LettersNotPublished."""

    letters: tuple[Letter, ...]
    next_offset: int


@dataclass(frozen=True, slots=True)
class ReadAlone:
    """Read the batch at this offset by itself. Yields LoneBatchRead, LoneReadFailed or Contradicted."""

    next_offset: int


@dataclass(frozen=True, slots=True)
class CompareChain:
    """Compare the ledger's chain with the witness's at the end of the replay. Yields Replayed or Contradicted, now."""

    replay: Replay


@dataclass(frozen=True, slots=True)
class AdmitReaders:
    """Let REST read the open ledger."""


@dataclass(frozen=True, slots=True)
class TurnReadersAway:
    """Let nobody begin to read the ledger."""


@dataclass(frozen=True, slots=True)
class Close:
    """Close the ledger, if it is open, and let go of what publishes the partition's dead letters."""


@dataclass(frozen=True, slots=True)
class EndMember:
    """Begin again as a new member of the group."""

    why: str


Action: TypeAlias = (
    Read
    | StopReading
    | Recover
    | Publish
    | ReadAlone
    | CompareChain
    | AdmitReaders
    | TurnReadersAway
    | Close
    | EndMember
)
