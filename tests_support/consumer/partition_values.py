"""Values for the tests of a partition's decision table: partitions in each stage, events of each kind, and a row."""

from dataclasses import dataclass, replace
from typing import Any, Final

from consumer.core.partition.actions import (
    Action,
)
from consumer.core.partition.events import (
    Appended,
    Assigned,
    BatchTooLarge,
    Contradicted,
    EndReached,
    Event,
    NoRoom,
    NothingNew,
    OffsetCommitted,
    OutOfRange,
    ReadFailed,
    Released,
    Replayed,
    SchemasMissing,
    Tick,
    TopicReplaced,
)
from consumer.core.partition.job_events import (
    JobEnded,
    LedgerFacts,
    LettersNotPublished,
    LettersPublished,
    LoneBatchRead,
    LoneReadFailed,
    RecoveryPostponed,
    RecoveryRefused,
    RecoverySucceeded,
)
from consumer.core.partition.model import Partition, Rules
from consumer.core.partition.stages import Job, Leaving, Reading, Stage, Waiting, Working, Writing
from consumer.core.partition.state import Paused, Recovering, Refused, Running, State
from consumer.core.recovery import Replay
from consumer.core.schema_wait import Denied, SchemaWait
from tally.event.claims import Claim, Claims
from tally.event.codes import FRAMING
from tally.event.dead_letter import NOTHING, Letter
from tally.ledger.state.chain import ChainState
from tally.ledger.state.counts import Counts
from tally.ledger.state.fold import LedgerState

NUMBER: Final = 3
NOW: Final = 1_000.0
RULES: Final = Rules(retry_s=0.5, trouble_shown_s=2.0, stall_s=12.0, stalls_max=1)
LATER: Final = NOW + RULES.retry_s
TOPIC_ID: Final = "topic-1"


def state_at(next_offset: int) -> LedgerState:
    """Return the state of a ledger that has so many offsets."""
    return LedgerState(next_offset, Counts(next_offset), ChainState.empty(), 0)


def ledger_at(next_offset: int) -> LedgerFacts:
    """Return the facts of such a ledger."""
    return LedgerFacts(state_at(next_offset), TOPIC_ID)


def letter_at(offset: int) -> Letter:
    """Return the dead letter of a record there."""
    return Letter(NUMBER, offset, 1_764_000_000_000, FRAMING, "no framing", bytes(16), None, NOTHING, NOTHING)


def wait_for(name: int, until: int) -> SchemaWait:
    """Return a wait for one schema, open."""
    return SchemaWait({name: until - 1}, until)


def answered(wait: SchemaWait) -> SchemaWait:
    """Return the wait, over."""
    for name in wait.open_names:
        wait.settle(name, Denied())
    return wait


ASSIGNED: Final = Recovering("assigned")
LETTER: Final = letter_at(9)
CLAIMS: Final = Claims({11: (Claim(FRAMING, bytes(16)),)})
REPLAY: Final = Replay(10, 20, None)
REPLAYING: Final = Recovering("replaying the topic up to committed offset 20")
TROUBLE: Final = Paused("Kafka did not answer", "Wait.")
MAKE_ROOM: Final = "Make room."
OTHER: Final = Paused("no room", MAKE_ROOM)
REFUSED: Final = Refused("another chain", "Rebuild it.")
TOPIC_CHANGED: Final = Paused("the topic's id has changed")
OUTSIDE: Final = Paused("the ledger's next offset is outside the log")
ALONE: Final = Recovering("reading on at offset 10 alone: a batch is large")
WAIT: Final = wait_for(7, 15)
LOOKING_UP: Final = Recovering("looking up 1 schemas, 7 among them")
SETTLED: Final = answered(wait_for(8, 15))
POISONED: Final = Paused("poison is in the ledger, its 1 dead letters wait: timed out", "Grant it.")
NOTHING_THERE: Final = Refused(
    "offset 20 is committed, but no record lies between 10 and it: not a commit of Tally",
    "Stop every consumer, run `tally repair --forget-commits` and start again: then the ledger rules.",
)
STALL: Final = f"partition {NUMBER} gives no records from 10 on, to 17"

BEGUN: Final = Partition(NUMBER, Waiting(Job.RECOVERY, NOW), ASSIGNED)
GONE: Final = Partition(NUMBER)
OURS: Final = Partition(NUMBER, shown=Running(), ledger=ledger_at(10), committed=5)


def ours(stage: Stage, shown: State = Running(), **changes: Any) -> Partition:  # noqa: B008 - a frozen value
    """Return a partition with an open ledger at offset 10, of which 5 are committed."""
    return replace(OURS, stage=stage, shown=shown, **changes)


FRESH: Final = Reading(NOW + RULES.trouble_shown_s)
"""What reading begins with."""
OLD: Final = Reading(NOW + 1.0, waited_s=3.0)
"""Reading that goes on for a while."""
RECOVERY, PUBLICATION, LONE = (Working(job) for job in (Job.RECOVERY, Job.PUBLICATION, Job.LONE_READ))


@dataclass(frozen=True)
class TableRow:
    """``name`` is a sentence."""

    name: str
    before: Partition
    event: Event
    after: Partition
    actions: tuple[Action, ...] = ()
    now_s: float = NOW

    def __repr__(self) -> str:
        return self.name


READ_AND_NOT: Final[list[tuple[str, Stage, State]]] = [
    ("Reading", OLD, Running()),
    ("Waiting", Waiting(Job.RECOVERY, NOW), TROUBLE),
    ("Writing", Writing(), ALONE),
    ("Refused", REFUSED, REFUSED),
]
"""Stages without a job, with what they may show."""

STAGES: Final[list[Partition]] = [
    GONE,
    ours(Waiting(Job.RECOVERY, LATER), TROUBLE),
    *(ours(Working(job), TROUBLE) for job in Job),
    ours(Writing(), ALONE),
    ours(OLD),
    ours(REFUSED, REFUSED),
    Partition(NUMBER, Leaving(Job.RECOVERY)),
]
"""One partition of each stage, of Working one for each job."""

EVENTS: Final[list[Event]] = [
    Assigned(), Released(), OffsetCommitted(10), Tick(), RecoverySucceeded(ledger_at(10), 5),
    RecoveryPostponed(None, "x"), RecoveryRefused(None, "x", "y"), LettersPublished(10), LettersNotPublished("x"),
    LoneBatchRead(found=True), LoneReadFailed("x"), JobEnded(), Appended(state_at(10)), NothingNew(),
    SchemasMissing(WAIT), NoRoom("x", "y"), Contradicted("x", "y"), ReadFailed("x"), TopicReplaced(), OutOfRange(),
    BatchTooLarge(), EndReached(10), Replayed(),
]  # fmt: skip
"""One of each."""

LATE: Final = (Tick, EndReached, OutOfRange, BatchTooLarge, ReadFailed)
"""A round ends for all, and a fetch may tell of a partition that is not read any more."""
