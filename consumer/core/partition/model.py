"""What is remembered of a partition, and the rules of its decision table."""

from dataclasses import dataclass
from typing import TypeAlias

from consumer.core.partition.actions import Action
from consumer.core.partition.events import Event
from consumer.core.partition.job_events import LedgerFacts
from consumer.core.partition.stages import Stage
from consumer.core.partition.state import Paused, State, Unassigned
from consumer.core.recovery import Replay
from consumer.core.schema_wait import SchemaWait
from tally.event.claims import NO_CLAIMS, Claims
from tally.event.dead_letter import Letter


@dataclass(frozen=True, slots=True)
class Rules:
    """The times of all partitions.

    ``trouble_shown_s``: a pause is shown for so long after reading began again, unless a block succeeds before.
    ``stall_s`` of waiting for records is longer than an answer that brings some may be on its way over a slow link.
    """

    retry_s: float
    trouble_shown_s: float = 2.0
    stall_s: float = 12.0
    stalls_max: int = 1

    def __post_init__(self) -> None:
        assert self.retry_s > 0
        assert self.trouble_shown_s > 0
        assert self.stall_s > 0
        assert self.stalls_max >= 0


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition's stage, what is shown of it, and what is remembered.

    ledger: None until it is open. committed: what the group is known to have, None when it has nothing.
    replay: nothing may be committed before the ledger has reached its end.
    claims: what dead letters say of records that are not in the ledger yet.
    letters: poison in the ledger whose dead letter does not exist yet.
    wait: the writers' schemas that its next records need; kept until these are in the ledger.
    doubt: the reason of a refusal that was found once; the second time it stands. None when nothing is in doubt.
    trouble: why reading was interrupted, shown while it is read until a block was appended or a while has passed.
    position: the offset at which the log ended when all of it was read.
    stalls: how often reading began again without anything coming.
    """

    number: int
    stage: Stage = Unassigned()  # noqa: RUF009 - frozen, so one serves all
    shown: State = Unassigned()  # noqa: RUF009
    ledger: LedgerFacts | None = None
    committed: int | None = None
    replay: Replay | None = None
    claims: Claims = NO_CLAIMS
    letters: tuple[Letter, ...] = ()
    wait: SchemaWait | None = None
    doubt: str | None = None
    trouble: Paused | None = None
    position: int | None = None
    stalls: int = 0

    @property
    def durable(self) -> int:
        """The next offset of the open ledger: everything below it is fsynced."""
        assert self.ledger is not None, f"partition {self.number} has no open ledger"
        return self.ledger.state.next_offset


Decided: TypeAlias = tuple[Partition, tuple[Action, ...]]


class IllegalEvent(Exception):  # noqa: N818 - a broken invariant, not an operating error
    """The loop reported something that cannot happen in this stage: a defect."""

    def __init__(self, partition: Partition, event: Event) -> None:
        super().__init__(f"{type(event).__name__} in stage {partition.stage} of partition {partition.number}")
