"""What to do with a partition that was assigned: pure decisions over facts that the shell gathered.

Steps 1, 3 and 4 of "Recovery of a partition" in docs/DESIGN.md; step 2 is the opening of the ledger's files.
"""

from dataclasses import dataclass
from typing import TypeAlias

from consumer.core.fold import LedgerState
from consumer.core.rows import Rows
from consumer.core.witness import Unreadable as UnreadableWitness
from consumer.core.witness import Witness


@dataclass(frozen=True)
class Identity:
    """What a ledger is the ledger of."""

    cluster_id: str
    topic: str
    topic_id: str
    partition: int
    partitions: int
    fold_version: int


@dataclass(frozen=True)
class Known:
    """The group has a committed offset, with this metadata."""

    offset: int
    witness: Witness | UnreadableWitness


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
    is known and not above the ledger's next offset (``Ledger.chain_at``), else None.
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


@dataclass(frozen=True)
class Refuse:
    """The partition must not be touched: ``reason`` says what was found, ``cure`` what a person does about it."""

    reason: str
    cure: str


Decision: TypeAlias = Continue | Replay | Retry | Refuse


def check_identity(found: Identity, expected: Identity, directory: str) -> Refuse | None:
    """Step 1: a ledger's header against the world."""
    raise NotImplementedError


def check_schemas(pinned: dict[int, str], resolved: dict[int, str], directory: str) -> Refuse | None:
    """A writer schema id (-> fingerprint) must resolve to what the ledger's header says it was."""
    raise NotImplementedError


def compare_anchor(ledger_row: Rows, topic_row: Rows | None) -> Anchor:
    """Step 3: the ledger's last row (``Ledger.row_at``) against the same record decoded again (``Decoded.rows[0]``)."""
    raise NotImplementedError


def decide(facts: Facts) -> Decision:
    """Steps 3 and 4, in the order of the design."""
    raise NotImplementedError


def check_replayed(chain: bytes, replay: Replay, directory: str) -> Continue | Refuse:
    """The end of a replay: the ledger's chain at ``replay.until`` must be the witness's."""
    raise NotImplementedError
