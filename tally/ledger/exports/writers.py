"""How an export is written: a writer for each format, which holds a bounded number of rows however large the file."""

import csv
import importlib.util
import io
import json
from typing import Final, Protocol

import msgspec

from tally.event.rows import Rows
from tally.ledger.entry import COLUMNS, entries_of
from tally.ledger.exports.hashed_file import HashedFile
from tally.ledger.exports.plan import ExportFormat, ExportPlan

_JSON: Final = msgspec.json.Encoder()


class RowsWriter(Protocol):
    """``close`` writes what is held; without it the file is not whole. Both raise OSError."""

    def write(self, partition: int, rows: Rows) -> None:
        """Write rows of a partition."""

    def close(self) -> None:
        """Finish the file, and leave it open."""


class CsvWriter:
    """RFC 4180 with a header; what a row lacks is empty."""

    def __init__(self, file: HashedFile) -> None:
        self._file = file
        file.write((",".join(COLUMNS) + "\r\n").encode())

    def write(self, partition: int, rows: Rows) -> None:
        """Write rows of a partition."""
        out = io.StringIO(newline="")
        csv.writer(out).writerows(
            (e.partition, e.offset, e.kind, e.request_id, e.a, e.b, e.sum, e.timestamp, e.reason)
            for e in entries_of(partition, rows)
        )
        self._file.write(out.getvalue().encode())

    def close(self) -> None:
        """Nothing is held."""


class JsonlWriter:
    """One JSON object a line; what a row lacks is null."""

    def __init__(self, file: HashedFile) -> None:
        self._file = file

    def write(self, partition: int, rows: Rows) -> None:
        """Write rows of a partition."""
        self._file.write(_JSON.encode_lines(list(entries_of(partition, rows))))

    def close(self) -> None:
        """Nothing is held."""


def missing_package(form: ExportFormat) -> str | None:
    """Return the package without which a format cannot be written here, None when it can."""
    needed = "pyarrow" if form is ExportFormat.PARQUET else None
    return None if needed is None or importlib.util.find_spec(needed) else needed


def open_writer(plan: ExportPlan, file: HashedFile) -> RowsWriter:
    """Begin a file. Raises OSError."""
    match plan.format:
        case ExportFormat.CSV:
            return CsvWriter(file)
        case ExportFormat.JSONL:
            return JsonlWriter(file)
        case ExportFormat.AVRO:
            from tally.ledger.exports.avro import AvroWriter  # noqa: PLC0415 - only who exports Avro waits for it

            return AvroWriter(file, description_of(plan))
        case ExportFormat.PARQUET:
            # pyarrow may not be there, and importing it takes longer than a start should.
            from tally.ledger.exports.parquet import ParquetWriter  # noqa: PLC0415

            return ParquetWriter(file, description_of(plan))


def description_of(plan: ExportPlan) -> dict[str, str]:
    """Return what the file itself says about what it holds: of each partition the rows below its position."""
    times = {"tally.from_us": plan.from_us, "tally.to_us": plan.to_us}
    positions = json.dumps({str(partition): offset for partition, offset in sorted(plan.positions.items())})
    return {"tally.positions": positions} | {name: str(at) for name, at in times.items() if at is not None}
