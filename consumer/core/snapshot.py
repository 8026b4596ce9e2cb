"""What readers see: an immutable picture of every partition, made by the ingest loop after each fsync.

Theory of operation. The ingest loop publishes a new ``Snapshot`` by replacing one reference; a reader takes the
reference once and works on it, so that one answer is consistent: its total is the sum over its own partitions.
A partition of another replica is known by the witness that its owner committed; without one the answer is not complete.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from consumer.core.open_transactions import Held
from consumer.core.partition.state import (
    Paused,
    Recovering,
    Refused,
    Running,
    State,
    StateName,
    Unassigned,
    cure_of,
    name_of,
    reason_of,
)
from tally.ledger.state.counts import Counts
from tally.ledger.state.fold import LedgerState


@dataclass(frozen=True, slots=True)
class Figures:
    """The state of one ledger."""

    next_offset: int
    counts: Counts


def figures_of(state: LedgerState) -> Figures:
    """Return the figures of a ledger."""
    return Figures(state.next_offset, state.counts)


@dataclass(frozen=True, slots=True)
class Own:
    """A partition as this replica has it. ``figures`` is None until its ledger is open.

    ``position`` is where the log ended when all of it was in the ledger; it is behind a last commit marker, which the
    ledger's next offset is not. None when unknown.
    """

    partition: int
    state: State
    figures: Figures | None = None
    position: int | None = None


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A partition as its witness in the group's committed metadata has it."""

    figures: Figures
    owner_url: str


@dataclass(frozen=True, slots=True)
class Outside:
    """What Kafka last told about all partitions, refreshed at a bounded rate; None or empty where it told
    nothing."""

    topic_id: str | None = None
    elsewhere: Mapping[int, Elsewhere] = field(default_factory=dict)
    committed: Mapping[int, int] = field(default_factory=dict)
    low: Mapping[int, int] = field(default_factory=dict)
    last_stable: Mapping[int, int] = field(default_factory=dict)
    high_watermark: Mapping[int, int] = field(default_factory=dict)
    held: Mapping[int, Held] = field(default_factory=dict)
    """By a transaction that is not ours, which no partition is usually."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Every partition, by number. ``version`` grows by one with each snapshot."""

    version: int
    partitions: tuple[Own, ...]
    assigned: bool = False
    """Whether the group has given this replica its share, which may be no partition at all."""


@dataclass(frozen=True, slots=True)
class PartitionTotal:
    """One partition of a total; ``figures`` is None when nobody's are known."""

    partition: int
    state: StateName
    figures: Figures | None
    known: bool


@dataclass(frozen=True, slots=True)
class Total:
    """The counts over all partitions: the sum over ``partitions``."""

    counts: Counts
    partitions: tuple[PartitionTotal, ...]
    complete: bool


def empty_snapshot(partitions: int) -> Snapshot:
    """Return the picture before anything is assigned."""
    return Snapshot(version=0, partitions=tuple(Own(number, Unassigned()) for number in range(partitions)))


def total_of(snapshot: Snapshot, outside: Outside) -> Total:
    """Return the total over all partitions: own ones from the snapshot, the others from their witnesses."""
    parts = tuple(_partition_total(own, outside.elsewhere.get(own.partition)) for own in snapshot.partitions)
    return Total(
        counts=sum((part.figures.counts for part in parts if part.figures is not None), start=Counts()),
        partitions=parts,
        complete=all(part.known for part in parts),
    )


def _partition_total(own: Own, elsewhere: Elsewhere | None) -> PartitionTotal:
    witnessed = None if elsewhere is None else elsewhere.figures
    match own.state:
        case Unassigned():
            state = StateName.UNASSIGNED if witnessed is None else StateName.ELSEWHERE
            return PartitionTotal(own.partition, state, witnessed, known=witnessed is not None)
        case Refused():
            # The ledger cannot be vouched for, so the answer is not complete; what is known is shown all the same.
            return PartitionTotal(own.partition, StateName.REFUSED, _further(own.figures, witnessed), known=False)
        case Running() | Paused() | Recovering():
            # A ledger that is rebuilt is behind the witness of its former self until it has caught up.
            figures = _further(own.figures, witnessed)
            return PartitionTotal(own.partition, name_of(own.state), figures, known=figures is not None)


def _further(first: Figures | None, second: Figures | None) -> Figures | None:
    if first is None or second is None:
        return first or second
    return first if first.next_offset >= second.next_offset else second


def next_offset_of(snapshot: Snapshot, outside: Outside, partition: int) -> int:
    """Return the furthest next offset known of a partition, 0 when none is."""
    figures = _partition_total(snapshot.partitions[partition], outside.elsewhere.get(partition)).figures
    return 0 if figures is None else figures.next_offset


def lag_of(own: Own, outside: Outside) -> int | None:
    """Return how many offsets of the log are not in the ledger yet, those of open transactions included; None when
    unknown."""
    end = outside.high_watermark.get(own.partition)
    if end is None or own.figures is None:
        return None
    return max(0, end - max(own.figures.next_offset, own.position or 0))


def reason_and_cure(own: Own, outside: Outside) -> tuple[str | None, str | None]:
    """Return why a partition does not count on, and what a person should do; None where there is nothing to say."""
    held = outside.held.get(own.partition)
    if held is None or reason_of(own.state) is not None:
        return reason_of(own.state), cure_of(own.state)
    return held.reason, held.cure


@dataclass(frozen=True, slots=True)
class Unready:
    """One reason for which this replica is not ready. ``cure`` is None where it passes by itself."""

    part: str
    reason: str
    cure: str | None = None


def unready_partitions(snapshot: Snapshot, outside: Outside) -> list[Unready]:
    """Return every reason that lies in a partition. One that is ours and counts, or is not ours, gives none."""
    if not snapshot.assigned:
        return [Unready("group", "the group has not assigned partitions to this replica yet")]
    states = [
        Unready(f"partition {own.partition}", f"{name_of(own.state)}: {reason_of(own.state)}", cure_of(own.state))
        for own in snapshot.partitions
        if not _is_ready(own.state)
    ]
    return states + [
        Unready(f"partition {own.partition}", held.reason, held.cure) for own, held in held_up(snapshot, outside)
    ]


def held_up(snapshot: Snapshot, outside: Outside) -> list[tuple[Own, Held]]:
    """Return our partitions that a transaction holds up which is not ours."""
    return [
        (own, outside.held[own.partition])
        for own in snapshot.partitions
        if own.partition in outside.held and not isinstance(own.state, Unassigned)
    ]


def _is_ready(state: State) -> bool:
    # Every state has its case, so that a new one cannot count as ready by omission.
    match state:
        case Unassigned() | Running():
            return True
        case Recovering() | Paused() | Refused():
            return False
