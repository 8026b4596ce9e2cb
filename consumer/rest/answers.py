"""The bodies of REST's answers. Money-like values are text, never floats."""

from typing import Annotated

import msgspec

from consumer.core.partition.state import StateName
from consumer.core.snapshot import PartitionTotal, Total
from tally.event.decimals import text_of
from tally.generated.tally.v1.tally_rules import (
    ADD_REQUEST_A_PATTERN,
    ADD_REQUEST_B_PATTERN,
    ADD_REQUEST_REQUEST_ID_PATTERN,
)
from tally.ledger.entry import COLUMNS, Entry

RequestIdText = Annotated[
    str,
    msgspec.Meta(pattern=ADD_REQUEST_REQUEST_ID_PATTERN, extra_json_schema={"extra": {"format": "uuid"}}),
]
"""The contract's rules, for readers of the OpenAPI document; an answer is written and never checked by them.

"extra" is where Litestar looks for what it does not know by name.
"""
OperandAText = Annotated[str, msgspec.Meta(pattern=ADD_REQUEST_A_PATTERN)]
OperandBText = Annotated[str, msgspec.Meta(pattern=ADD_REQUEST_B_PATTERN)]
SumText = OperandAText
"""A sum is refused unless it fits where an operand does."""


class PartitionTotalAnswer(msgspec.Struct, frozen=True):
    """One partition's share of the total; figures are null where nobody knows them."""

    partition: int
    state: StateName
    next_offset: int | None
    count: int | None
    total: str | None


class TotalAnswer(msgspec.Struct, frozen=True):
    """The total, which is the sum over ``partitions``; ``complete`` is false when one of them is not known."""

    total: str
    count: int
    duplicates: int
    conflicts: int
    poison: int
    partitions: list[PartitionTotalAnswer]
    complete: bool
    as_of: str


class RequestAnswer(msgspec.Struct, frozen=True):
    """Where and how a request id was counted. ``conflicts``: offsets at which it came again with other operands."""

    request_id: RequestIdText
    topic: str
    partition: int
    offset: int
    a: OperandAText
    b: OperandBText
    sum: SumText
    timestamp: str
    conflicts: list[int]


class EntryAnswer(msgspec.Struct, frozen=True):
    """One row of a ledger. A POISON row has a reason, and neither id nor numbers."""

    partition: int
    offset: int
    kind: str
    request_id: RequestIdText | None
    a: OperandAText | None
    b: OperandBText | None
    sum: SumText | None
    timestamp: str
    reason: str | None


class EntriesAnswer(msgspec.Struct, frozen=True):
    """A page. ``next`` is the cursor for ``after``, null at the end. ``missing``: partitions that are not here."""

    entries: list[EntryAnswer]
    next: str | None
    missing: list[int]


class SegmentAnswer(msgspec.Struct, frozen=True):
    """One file of a ledger."""

    file: str
    first_offset: int
    next_offset: int
    size_bytes: int
    sealed: bool


class PartitionAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One partition; what is not known is null.

    ``lag`` counts the offsets up to ``high_watermark`` that are not in the ledger. Those from ``last_stable`` on belong
    to transactions that are open. ``held_s``: for how long such a transaction is open that is not ours, null without.
    """

    partition: int
    topic: str
    state: StateName
    reason: str
    cure: str
    owner_url: str | None
    next_offset: int | None
    committed: int | None
    log_start: int | None
    last_stable: int | None
    high_watermark: int | None
    lag: int | None
    held_s: float | None
    count: int | None
    duplicates: int | None
    conflicts: int | None
    poison: int | None
    total: str | None
    files: list[SegmentAnswer]


def total_answer(total: Total, as_of: str) -> TotalAnswer:
    """Return a total as REST shows it."""
    return TotalAnswer(
        total=text_of(total.counts.total),
        count=total.counts.counted,
        duplicates=total.counts.duplicates,
        conflicts=total.counts.conflicts,
        poison=total.counts.poison,
        partitions=[_part(part) for part in total.partitions],
        complete=total.complete,
        as_of=as_of,
    )


def entry_answer(entry: Entry) -> EntryAnswer:
    """Return a row as REST shows it."""
    return EntryAnswer(**{name: getattr(entry, name) for name in COLUMNS})


def _part(part: PartitionTotal) -> PartitionTotalAnswer:
    figures = part.figures
    if figures is None:
        return PartitionTotalAnswer(part.partition, part.state, None, None, None)
    return PartitionTotalAnswer(
        part.partition, part.state, figures.next_offset, figures.counts.counted, text_of(figures.counts.total)
    )
