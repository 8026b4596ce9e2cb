"""An export: which rows it holds, and how they are written."""

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from consumer.core.entry import Entry, entries_of
from consumer.core.rows import COUNTED, Rows

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
COLUMNS: Final = tuple(field.name for field in fields(Entry))


class ExportFormat(StrEnum):
    """How an export is written."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"
    AVRO = "avro"


OFFERED: Final = (ExportFormat.CSV, ExportFormat.JSONL)


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


def header_of(plan: ExportPlan) -> bytes:
    """Return what the file begins with."""
    return (",".join(COLUMNS) + "\r\n").encode() if plan.format is ExportFormat.CSV else b""


def encoded(partition: int, rows: Rows, plan: ExportPlan) -> bytes:
    """Return rows as the file has them. CSV follows RFC 4180; what a row lacks is empty there and null in jsonl."""
    entries = entries_of(partition, rows)
    if plan.format is ExportFormat.JSONL:
        return "".join(json.dumps(asdict(entry)) + "\n" for entry in entries).encode()
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerows(
        (e.partition, e.offset, e.kind, e.request_id, e.a, e.b, e.sum, e.timestamp, e.reason) for e in entries
    )
    return out.getvalue().encode()


def counted_sum(rows: Rows) -> tuple[int, int]:
    """Return (number, unscaled sum) of the COUNTED rows."""
    counted = rows[rows["kind"] == COUNTED]
    raw = counted["sum"].tobytes()
    return len(counted), sum(int.from_bytes(raw[at : at + 16], "big", signed=True) for at in range(0, len(raw), 16))
