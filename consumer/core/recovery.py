"""What to do with a partition that was assigned: pure decisions over facts that the shell gathered.

Steps 1, 3 and 4 of "Recovery of a partition" in docs/DESIGN.md; step 2 is the opening of the ledger's files.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

from tally.event.rows import Rows, previous_offset
from tally.ledger.format.identity import Refuse, rebuild_cure, repair_command
from tally.ledger.format.witness import NoWitness, Witness
from tally.ledger.state.fold import LedgerState


@dataclass(frozen=True)
class Known:
    """The group has a committed offset, with this metadata."""

    offset: int
    witness: Witness | NoWitness


@dataclass(frozen=True)
class Absent:
    """The group has no committed offset for the partition."""


@dataclass(frozen=True)
class Unreadable:
    """The committed offset could not be read just now; that is not "absent"."""

    why: str


Committed: TypeAlias = Known | Absent | Unreadable


@dataclass(frozen=True)
class NoAnchor:
    """The ledger has no row yet."""


@dataclass(frozen=True)
class AnchorSame:
    """The topic still holds the ledger's last record, unchanged."""


@dataclass(frozen=True)
class AnchorDiffers:
    """At the offset of the ledger's last row the topic holds another record; ``what`` differs."""

    what: str


@dataclass(frozen=True)
class AnchorGone:
    """The topic holds no record at the offset of the ledger's last row."""


Anchor: TypeAlias = NoAnchor | AnchorSame | AnchorDiffers | AnchorGone


@dataclass(frozen=True)
class Facts:
    """All that the decision needs.

    ``directory`` is named in cures. ``chain_at_committed``: the ledger's own chain at the committed offset, when that
    is known and not above the ledger's next offset (``View.chain_at``), else None.
    ``log_start``, ``log_end``: the first offset of the log, and the end up to which it is committed.
    """

    directory: str
    ledger: LedgerState
    committed: Committed
    chain_at_committed: bytes | None
    log_start: int
    log_end: int
    anchor: Anchor
    topic_id: str
    fold_version: int


@dataclass(frozen=True)
class Continue:
    """Read on at ``next_offset`` and commit as usual; ``notes`` are warnings for the log."""

    next_offset: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Replay:
    """Read on at ``next_offset`` without any commit; once the ledger's next offset is ``until`` or more, call
    ``check_replayed`` with the ledger's chain at ``until``."""

    next_offset: int
    until: int
    expected: Witness | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Retry:
    """Gather the facts again later; commit nothing, write nothing."""

    why: str


Decision: TypeAlias = Continue | Replay | Retry | Refuse


_COMPARED: Final = ("timestamp_us", "request_id", "a", "b", "sum", "digest", "reason")


def compare_anchor(ledger_row: Rows, topic_row: Rows | None) -> Anchor:
    """Step 3: the ledger's last row (``Ledger.row_at``) against the same record decoded again (``Decoded.rows``).

    Decode it with the ledger row's own verdict when that is POISON. Both have shape (1,).
    """
    if topic_row is None or len(topic_row) == 0:
        return AnchorGone()
    assert ledger_row["offset"][0] == topic_row["offset"][0], "the anchor was read at another offset"
    for name in _COMPARED:
        if not (ledger_row[name] == topic_row[name]).all():
            return AnchorDiffers(name)
    return AnchorSame()


def decide(facts: Facts) -> Decision:
    """Steps 3 and 4: is the log the one that this ledger was folded from, and has it all that is needed?"""
    if isinstance(facts.committed, Unreadable):
        return Retry(f"the committed offset cannot be read: {facts.committed.why}")
    return _check_log(facts) or _check_anchor(facts) or _check_committed(facts, facts.committed)


def check_replayed(chain: bytes, replay: Replay, directory: str) -> Continue | Refuse:
    """The end of a replay: the ledger's chain at ``replay.until`` must be the witness's."""
    if replay.expected is None or replay.expected.chain == chain:
        return Continue(replay.until)
    return Refuse(
        f"{directory} has chain {chain.hex()} at offset {replay.until}, "
        f"but the witness of that commit says {replay.expected.chain.hex()}: the topic or the registry has changed",
        f"Check the registry (`codegen check --registry URL`) and then {_lower(rebuild_cure(directory))} "
        f"If the topic has changed, take a ledger that was right: {repair_command(directory, 'peer')}.",
    )


def _lost_tail_cure(directory: str) -> str:
    return (
        f"Keep {directory}: it holds what the topic lost (`tally verify {directory}`). Restore the topic from another "
        f"broker's copy and start the consumer again. If there is none, stop every consumer, run "
        f"{repair_command(directory, 'topic')} and `tally repair --forget-commits` and start again: only what the "
        f"topic has is then counted, and the old ledger is kept beside (docs/LIMITS.md)."
    )


def _lower(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]


def _check_log(facts: Facts) -> Refuse | None:
    at = facts.ledger.next_offset
    if facts.log_start > at:
        return Refuse(
            f"the log begins at offset {facts.log_start}, but the ledger has only what is below {at}: "
            f"records that it needs were deleted",
            f"Stop the consumer, run {repair_command(facts.directory, 'peer')} with a replica or a backup whose "
            f"ledger reaches offset {facts.log_start}, and start it again.",
        )
    if facts.log_end < at:
        return Refuse(
            f"the log ends at offset {facts.log_end}, but the ledger has records up to {at}: the log lost its tail",
            _lost_tail_cure(facts.directory),
        )
    return None


def _check_anchor(facts: Facts) -> Refuse | None:
    last = previous_offset(facts.ledger.next_offset)
    match facts.anchor:
        case AnchorGone() if last < facts.log_start:
            return None  # deleted with the log's head: nothing is left to compare but the witness
        case AnchorDiffers(what):
            found = f"holds another record there ({what} differs)"
        case AnchorGone():
            found = "holds no record there"
        case _:
            return None
    return Refuse(
        f"the ledger's last row is offset {last}, but the topic {found}: the log lost its tail and grew again",
        _lost_tail_cure(facts.directory),
    )


def _check_committed(facts: Facts, committed: Known | Absent) -> Decision:
    at = facts.ledger.next_offset
    if isinstance(committed, Absent):
        return Continue(at, ("the group has no committed offset for this partition: the ledger rules",) if at else ())
    if committed.offset > facts.log_end:
        return Refuse(
            f"offset {committed.offset} is committed, but the log ends at {facts.log_end}: the log lost its tail",
            "Restore the topic from another broker's copy and start the consumer again. If there is none, stop every "
            "consumer, run `tally repair --forget-commits` and start again: then the ledger rules (docs/LIMITS.md).",
        )
    if isinstance(committed.witness, NoWitness):
        notes = (f"offset {committed.offset} is committed without a witness to check against: {committed.witness.why}",)
        return Continue(at, notes) if committed.offset <= at else Replay(at, committed.offset, None, notes)
    refused = _check_witness(committed.offset, committed.witness, facts)
    if refused is not None:
        return refused
    if committed.offset > at:
        return Replay(at, committed.offset, committed.witness)
    return Continue(at)


def _check_witness(offset: int, witness: Witness, facts: Facts) -> Refuse | None:
    if witness.topic_id != facts.topic_id:
        return Refuse(
            f"offset {offset} was committed for topic id {witness.topic_id}, but the topic's id is {facts.topic_id}: "
            f"the topic was made again",
            "Stop every consumer, run `tally repair --forget-commits` and start again.",
        )
    if witness.fold_version != facts.fold_version:
        return Refuse(
            f"offset {offset} was committed by fold version {witness.fold_version}, this program has "
            f"{facts.fold_version}: their chains cannot be compared",
            "Run the same version of Tally on all replicas. If the other one is gone for good, stop every consumer, "
            "run `tally repair --forget-commits` and start again.",
        )
    if offset > facts.ledger.next_offset:
        return None
    assert facts.chain_at_committed is not None, "the chain at a committed offset within the ledger is a fact"
    if facts.chain_at_committed == witness.chain:
        return None
    return Refuse(
        f"{facts.directory} has chain {facts.chain_at_committed.hex()} at the committed offset {offset}, "
        f"but its witness says {witness.chain.hex()}: this ledger and the committed one differ",
        rebuild_cure(facts.directory),
    )
