"""An export: which rows it holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from tally.event.rows import Rows
from tally.ledger.exports.formats import ExportFormat

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class ExportPlan:
    """What an export holds: the rows of a partition below its position, with timestamps in [from_us, to_us)."""

    format: ExportFormat
    positions: Mapping[int, int]
    from_us: int | None
    to_us: int | None


def microseconds(moment: datetime) -> int:
    """Return a time as the ledger has it."""
    return (moment - _EPOCH) // _MICROSECOND


def selected(rows: Rows, plan: ExportPlan) -> Rows:
    """Return the rows that the export's times let in."""
    if plan.from_us is not None:
        rows = rows[rows["timestamp_us"] >= plan.from_us]
    if plan.to_us is not None:
        rows = rows[rows["timestamp_us"] < plan.to_us]
    return rows
