"""How an export is written: by the module of its format, which holds a bounded number of rows however large the file.

The module of a format's name beside this one has ``open_writer``: (the file, what it says of itself) -> RowsWriter.
"""

import importlib
import importlib.util
import json
from collections.abc import Callable, Mapping
from typing import Protocol, cast

from tally.event.rows import Rows
from tally.ledger.exports.formats import ExportFormat
from tally.ledger.exports.hashed_file import HashedFile
from tally.ledger.exports.plan import ExportPlan


class RowsWriter(Protocol):
    """``close`` writes what is held; without it the file is not whole. Both raise OSError."""

    def write(self, partition: int, rows: Rows) -> None:
        """Write rows of a partition."""

    def close(self) -> None:
        """Finish the file, and leave it open."""


def missing_package(form: ExportFormat) -> str | None:
    """Return the package without which a format cannot be written here, None when it can."""
    return None if form.package is None or importlib.util.find_spec(form.package) else form.package


def open_writer(plan: ExportPlan, file: HashedFile) -> RowsWriter:
    """Begin a file. Raises OSError."""
    # Imported when it is needed: pyarrow may not be there, and takes longer than a start should.
    module = importlib.import_module(f"{__package__}.{plan.format.value}")
    writer = cast("Callable[[HashedFile, Mapping[str, str]], RowsWriter]", module.open_writer)
    return writer(file, description_of(plan))


def description_of(plan: ExportPlan) -> dict[str, str]:
    """Return what the file itself says about what it holds: of each partition the rows below its position."""
    times = {"tally.from_us": plan.from_us, "tally.to_us": plan.to_us}
    positions = json.dumps({str(partition): offset for partition, offset in sorted(plan.positions.items())})
    return {"tally.positions": positions} | {name: str(at) for name, at in times.items() if at is not None}
