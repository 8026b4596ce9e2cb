"""What the ingest loop keeps for one partition that it owns.

Theory of operation. A slot lives from the assignment to the release of its partition. The loop's thread is its only
user. While it is *busy* a recovery, a publication or a reading runs in another thread, on what it was given and on the
ledger, which the loop leaves alone until that is done. A busy slot is not *read* (fetched by the source).
"""

from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from consumer.core.commit_rules import Progress
from consumer.core.partition_state import Recovering, State
from consumer.core.publication import PublicationOutcome
from consumer.core.recovery import Replay
from consumer.core.schema_wait import SchemaWait
from consumer.core.snapshot import Figures, Own
from consumer.shell.held import Held
from consumer.shell.partition_recovery import RecoveryOutcome
from tally.event.claims import NO_CLAIMS, Claims
from tally.event.classify import Fetched
from tally.event.dead_letter import Letter
from tally.ledger.fold import LedgerState


@dataclass(slots=True)
class Slot:
    """See the module's theory of operation.

    claims: what dead letters say of records that are not in the ledger yet.
    letters: poison in the ledger whose dead letter does not exist yet.
    wait: the writers' schemas that its next records need; kept until these are in the ledger.
    doubt: the reason of a refusal that was found once; the second time it stands.
    position: the offset at which the log ended when all of it was read.
    waited_s: how long nothing of any partition was at hand since reading began or something came of this one.
    alone: the next batch is too large to be read with others; ``lone`` reads it in another thread.
    stalls: how often reading began again without anything coming.
    trouble: why reading was interrupted, shown until a block was appended or ``trouble_until_s`` has passed;
    trouble_cure: what a person must do about it, if anything.
    """

    partition: int
    state: State = field(default_factory=lambda: Recovering("assigned"))
    held: Held | None = None
    progress: Progress | None = None
    replay: Replay | None = None
    claims: Claims = NO_CLAIMS
    letters: list[Letter] = field(default_factory=list)
    wait: SchemaWait | None = None
    doubt: str = ""
    trouble: str = ""
    trouble_cure: str = ""
    trouble_until_s: float = 0.0
    position: int | None = None
    waited_s: float = 0.0
    stalls: int = 0
    reading: bool = False
    alone: bool = False
    lone: "Future[Fetched] | None" = None
    recovery: "Future[RecoveryOutcome] | None" = None
    publication: "Future[PublicationOutcome] | None" = None
    retry_at_s: float = 0.0

    @property
    def jobs(self) -> "list[Future[Any]]":
        """What runs in other threads, or ran and was not taken yet."""
        return [job for job in (self.recovery, self.publication, self.lone) if job is not None]

    @property
    def busy(self) -> bool:
        """Tell whether another thread works on it, or has an outcome that was not taken yet."""
        return bool(self.jobs)

    @property
    def working(self) -> bool:
        """Tell whether another thread has not finished with it."""
        return any(not job.done() for job in self.jobs)

    @property
    def ledger_state(self) -> LedgerState:
        """The state of the open ledger."""
        assert self.held is not None, f"partition {self.partition} has no open ledger"
        return self.held.opened.ledger.state

    def own(self) -> Own:
        """Return what readers see of it."""
        figures = None if self.held is None else figures_of(self.held.opened.ledger.state)
        return Own(self.partition, self.state, figures, self.position)


def figures_of(state: LedgerState) -> Figures:
    """Return the figures of a ledger."""
    return Figures(
        next_offset=state.next_offset,
        counted=state.counted,
        duplicates=state.duplicates,
        conflicts=state.conflicts,
        poison=state.poison,
        total=state.total,
    )
